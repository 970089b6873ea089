// What a process makes of a chat durable that it meets for the first time: how much of it somebody has had
// before.
#pragma once

#include <cstdint>

#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

struct FirstMeeting {
  // Nothing was ever delivered: all the history is owed. Not so of a durable that was made anew after it was
  // lost, which goes on where the other was.
  bool untouched = false;
  // Delivered, and nothing settled, be it to a process that died of it or to one that has no business here:
  // all that the durable ever delivered comes again, and the history before it is owed.
  bool unsettled = false;
  // When the durable was made, as the broker tells the time of messages; 0 if that is not known. What was
  // stored before then is no durable's to deliver.
  std::uint64_t made = 0;
  // The stream's sequence up to where all is settled.
  std::uint64_t settled = 0;
};

FirstMeeting Meet(const ConsumerInfo& durable);

}  // namespace meshwarden
