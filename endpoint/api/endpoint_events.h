// What an endpoint tells its owner.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/message.h"
#include "proto/presence.h"
#include "proto/subject.h"

namespace meshwarden {

// Settles one message with the broker. A message that is never settled is delivered again when the broker's
// acknowledgement time is over, also to a later process. Copies settle the same message; thread-safe; may
// outlive the endpoint, and then reports FailedPrecondition.
class AckHandle {
 public:
  class Target {
   public:
    virtual ~Target() = default;
    virtual absl::Status Ack() = 0;
    virtual absl::Status Nak() = 0;
  };

  // Settles nothing: of messages read from history.
  AckHandle() = default;
  explicit AckHandle(std::shared_ptr<Target> target) : target_(std::move(target)) {}

  // Done with it. Unavailable while reconnecting: the broker will deliver it again, and the endpoint will
  // settle it then without handing it over again.
  absl::Status Ack() const { return target_ == nullptr ? absl::OkStatus() : target_->Ack(); }
  // Not done: deliver it again, to this endpoint or, for a task, to whoever is free.
  absl::Status Nak() const { return target_ == nullptr ? absl::OkStatus() : target_->Nak(); }

 private:
  std::shared_ptr<Target> target_;
};

struct ReceivedMessage {
  // Its sender is the one that the broker vouches for, and its destination the one that it came by.
  MeshMessage message;
  Delivery kind = Delivery::kChannel;
  bool historical = false;  // read from the channel's history; settling it does nothing
  std::uint64_t seq = 0;    // in its stream
  AckHandle settle;
};

enum class PresenceChange { kJoin, kUpdate, kOffline };
// As it appears on the wire: "join", "update", "offline".
std::string_view NameOf(PresenceChange change);

struct PresenceEvent {
  PresenceChange type = PresenceChange::kUpdate;
  Presence presence;
};

// All may be null. See endpoint.h for the thread that calls them.
struct EndpointHandlers {
  std::function<void(ReceivedMessage)> on_message;
  std::function<void(const PresenceEvent&)> on_presence;
  // The whole roster, sorted by name, after it changed.
  std::function<void(const std::vector<Presence>&)> on_roster;
  // Faults outside any call: a message that was refused, a failed attempt to get back. Also each denial by
  // the server, with operation and subject, whether or not a call is told of it.
  std::function<void(const absl::Status&)> on_error;
  // True on each bind, false when the connection is lost or given up for a new one.
  std::function<void(bool connected)> on_connection;
};

}  // namespace meshwarden
