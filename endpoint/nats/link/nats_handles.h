// The C library's objects with owners, and its errors as statuses. Only this package includes the library.
#pragma once

#include <absl/status/status.h>
#include <nats/nats.h>

#include <memory>
#include <string_view>

namespace meshwarden {

struct NatsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

using UniqueNatsOptions = std::unique_ptr<natsOptions, NatsDeleter>;
using UniqueNatsSubscription = std::unique_ptr<natsSubscription, NatsDeleter>;
using UniqueNatsMsg = std::unique_ptr<natsMsg, NatsDeleter>;

// OK for NATS_OK; else "`what`: <the library's words>", with the text of its last error on this thread.
absl::Status StatusOfNats(natsStatus status, std::string_view what);

}  // namespace meshwarden
