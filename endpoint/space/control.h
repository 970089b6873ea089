// Control services: asking one, and being one.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "endpoint/nats/connection.h"
#include "proto/control.h"

namespace meshwarden {

// A request whose sender the broker vouches for: the subject's sender token equals `request.from.id`. Its
// `args` are an object, empty if it had none.
struct ControlCall {
  std::string service;
  std::string sender;
  ControlRequest request;
};

// Answers the call, once; may be called on any thread, at once or later. A call that is dropped unanswered
// (every copy of the function destroyed) gets an "internal" error, so that the caller is not left waiting.
using ControlResponder = std::function<void(const ControlReply&)>;
using ControlHandler = std::function<void(ControlCall call, ControlResponder respond)>;

// Serves `service` of `space` on `connection`, in the queue group named after the service.
//
// Before the handler hears of a request: its subject has exactly the shape of a request to this service; its
// reply subject lies below the sender's own inbox prefix ("_INBOX_<sender>." and at least one more token) —
// anything else is dropped and never published to, because the broker lets a requester name any subject;
// the payload is a JSON object within bounds; its `from.id` is exactly the subject's sender, else (also where
// it is missing or no string) the reply is "sender mismatch — request rejected"; only then are its other
// fields judged.
absl::StatusOr<std::unique_ptr<Subscription>> ServeControl(Connection& connection, std::string_view space,
                                                           std::string_view service, ControlHandler handler);

// True if `reply` may be published to on behalf of `sender`.
bool IsReplyOf(std::string_view sender, std::string_view reply);

// Asks `service` as the identity of `connection`. An answer that is not ok is an OK status holding it; no
// responder, no permission and no answer are errors that can be told apart (see Connection).
absl::StatusOr<ControlReply> RequestControl(Connection& connection, std::string_view space,
                                            std::string_view service, const ControlRequest& request,
                                            std::chrono::milliseconds timeout);

}  // namespace meshwarden
