#include "endpoint/channels/first_meeting.h"

#include "endpoint/jetstream/broker_time.h"
#include "endpoint/jetstream/jetstream_config.h"

namespace meshwarden {

FirstMeeting Meet(const ConsumerInfo& durable) {
  const bool anew = WasMadeAnew(durable.config);
  const bool delivered = durable.delivered_consumer_seq > 0;
  return {.untouched = !delivered && !anew,
          .unsettled = delivered && durable.ack_floor_consumer_seq == 0 && !anew,
          .made = NanosecondsOf(durable.created).value_or(0),
          // Before a durable has delivered anything, some brokers know no floor of it but where it begins.
          .settled = delivered ? durable.ack_floor_stream_seq : durable.delivered_stream_seq};
}

}  // namespace meshwarden
