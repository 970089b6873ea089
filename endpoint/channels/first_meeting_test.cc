#include "endpoint/channels/first_meeting.h"

#include <gtest/gtest.h>

#include "endpoint/jetstream/jetstream_config.h"

namespace meshwarden::first_meeting_test {
namespace {

ConsumerInfo Durable(std::uint64_t delivered, std::uint64_t acknowledged) {
  ConsumerInfo info;
  info.config.deliver_policy = "new";
  info.created = "1970-01-01T00:00:05Z";
  info.delivered_consumer_seq = delivered;
  info.delivered_stream_seq = 100 + delivered;
  info.ack_floor_consumer_seq = acknowledged;
  info.ack_floor_stream_seq = acknowledged == 0 ? 0 : 100 + acknowledged;
  return info;
}

TEST(FirstMeeting, OfOneThatHasDeliveredNothing) {
  const FirstMeeting meeting = Meet(Durable(0, 0));
  EXPECT_TRUE(meeting.untouched);
  EXPECT_FALSE(meeting.unsettled);
  EXPECT_EQ(meeting.settled, 100u);
  EXPECT_EQ(meeting.made, 5'000'000'000u);
}

TEST(FirstMeeting, OfOneOfWhichNothingWasSettled) {
  const FirstMeeting meeting = Meet(Durable(3, 0));
  EXPECT_FALSE(meeting.untouched);
  EXPECT_TRUE(meeting.unsettled);
  EXPECT_EQ(meeting.settled, 0u);
}

TEST(FirstMeeting, OfOneThatIsResumed) {
  const FirstMeeting meeting = Meet(Durable(3, 2));
  EXPECT_FALSE(meeting.untouched);
  EXPECT_FALSE(meeting.unsettled);
  EXPECT_EQ(meeting.settled, 102u);
}

TEST(FirstMeeting, OfOneThatWasMadeAnew) {
  for (const std::uint64_t delivered : {0u, 3u}) {
    ConsumerInfo info = Durable(delivered, 0);
    info.config = BeginningAt(info.config, {.seq = 50, .time = {}});
    EXPECT_FALSE(Meet(info).untouched);
    EXPECT_FALSE(Meet(info).unsettled);
  }
}

TEST(FirstMeeting, OfABrokerThatTellsNoTime) {
  ConsumerInfo info = Durable(3, 0);
  info.created = "some time";
  EXPECT_EQ(Meet(info).made, 0u);
}

}  // namespace
}  // namespace meshwarden::first_meeting_test
