// The messages that a driver has been given and has not settled yet.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "endpoint/api/endpoint_events.h"

namespace meshwarden {

// Most that are kept. The oldest is forgotten for a new one; the broker then delivers it again in its time.
inline constexpr std::size_t kMaxOpenDeliveries = 16'384;

// Thread-safe.
class OpenDeliveries {
 public:
  explicit OpenDeliveries(std::size_t capacity = kMaxOpenDeliveries);

  // Opens the delivery of `message` and returns what the driver calls it by: "channel:42", of the kind and
  // the sequence, so that a redelivery takes the place of the delivery before it. A historical message has a
  // name
  // ("history:42") and is never open: it needs no settling.
  std::string Open(const ReceivedMessage& message);

  // Settle a delivery and close it, whatever the broker says. NotFound if it is not open.
  absl::Status Ack(std::string_view delivery);
  absl::Status Nak(std::string_view delivery);

 private:
  struct Entry {
    AckHandle handle;
    std::list<std::string>::iterator place;  // in order_
  };

  // Closes the delivery; a historical one yields a handle that settles nothing.
  absl::StatusOr<AckHandle> Close(std::string_view delivery);

  const std::size_t capacity_;
  Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ MW_GUARDED_BY(mutex_);
  std::list<std::string> order_ MW_GUARDED_BY(mutex_);  // the oldest first
};

}  // namespace meshwarden
