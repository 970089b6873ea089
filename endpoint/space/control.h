// Control services: asking one, and being one.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/kept_answers.h"
#include "endpoint/space/open_requests.h"
#include "endpoint/space/sender_meter.h"
#include "endpoint/space/side_lane.h"
#include "proto/control.h"

namespace meshwarden {

// How long peers wait for an answer, who do not say: a request without an end ends so long after it came.
inline constexpr std::chrono::milliseconds kPeersWait{5'000};
// The longest that a request counts, whatever end it names.
inline constexpr std::chrono::milliseconds kLongestEnd{60'000};

// The operation of service `self` by which an agent says that another process runs under its id. Ours; args
// {start, other}: the start stamps of both (see endpoint/buckets/twin_watch.h).
inline constexpr std::string_view kSecondProcessOp = "secondProcess";

// What a request that nobody would call large has at most.
inline constexpr std::size_t kMaxUsualBytes = 4096;

// A request whose sender the broker vouches for: the subject's sender token equals `request.from.id`. Its
// `args` are an object, empty if it had none.
struct ControlCall {
  std::string service;
  std::string sender;
  ControlRequest request;
  // When the asker gives up, as far as is known: what has not been begun by then is not to be begun.
  std::chrono::steady_clock::time_point ends = std::chrono::steady_clock::now() + kPeersWait;
};

// Answers the call, once; may be called on any thread, at once or later. A call that is dropped unanswered
// (every copy of the function destroyed) gets an "internal" error, so that the caller is not left waiting.
using ControlResponder = std::function<void(const ControlReply&)>;
using ControlHandler = std::function<void(ControlCall call, ControlResponder respond)>;

// Why the handler does not hear of a request.
enum class Refusal {
  kForeignSubject,  // dropped: it was delivered here, but is no request to this service
  kForeignReply,    // dropped: its answer would go elsewhere, or cannot go anywhere
  kTooFast,         // answered "slow_down": its sender is over the meter, or too many are open; unread
  kTooLarge,        // answered "bad_request"; unread
  kMalformed,       // answered "bad_request"
  kSenderMismatch,  // answered "sender_mismatch"
  kStale,           // answered "stale_request"
};
struct RefusedRequest {
  Refusal why;
  std::string_view sender;  // as the broker vouches for it; empty where the subject is foreign
  std::string detail;       // what is wrong; may repeat the request's own text, raw
};

struct ControlServiceOptions {
  // Hears of what is refused before the handler, on the threads of the requests; brief. May be null, as what
  // is pointed to: then there is no such bound, or no such help. That must outlive subscription and answers.
  std::function<void(const RefusedRequest&)> on_refused = nullptr;
  SenderMeter* meter = nullptr;  // bounds what each sender may cost
  OpenRequests* open = nullptr;  // bounds how many of each sender are unanswered
  // Where requests of more than kMaxUsualBytes are read, so that the others need not wait for that; null:
  // with the others. The handler is called on its thread, too; to be stopped after the subscription's end and
  // before what the handler uses.
  SideLane* aside = nullptr;
  // True: somebody else sees to the request, which is from `sender` and may be answered. Asked before
  // anything else is read of it, on the threads of the requests; brief. Null: nobody else does.
  std::function<bool(const std::string& sender, const NatsMessage& request)> divert = nullptr;
  KeptAnswers* answers = nullptr;  // where answers are kept, for whoever sends them again; null: nowhere
  const Clock& clock = Clock::System();
};

// Serves `service` of `space` on `connection`, in the queue group named after the service.
//
// Before the handler hears of a request: its subject has exactly the shape of a request to this service; its
// reply subject is one of the sender's own inbox (see IsReplyOf) — anything else is dropped and never
// published to, because the broker lets a requester name any subject; its sender has not used up its share of
// the time (see SenderMeter) and has not too many unanswered, else the reply is "slow_down"; the payload is a
// JSON object within bounds; its `from.id` is exactly the subject's sender, else (also where it is missing or
// no string) the reply is "sender mismatch — request rejected"; only then are its other fields judged; and
// its end has not passed, else the reply is "stale_request" and tells the time.
absl::StatusOr<std::unique_ptr<Subscription>> ServeControl(Connection& connection, std::string_view space,
                                                           std::string_view service, ControlHandler handler,
                                                           ControlServiceOptions options = {});

// Takes requests to a service that came on another way, `age` after they had been sent, as ServeControl takes
// those that the broker delivers. Copies are one and the same; thread-safe, but for one sender's order.
using ControlDoor = std::function<void(NatsMessage request, std::chrono::milliseconds age)>;
ControlDoor MakeControlDoor(Connection& connection, std::string_view space, std::string_view service,
                            ControlHandler handler, ControlServiceOptions options = {});

// True if `reply` may be published to on behalf of `sender`: "_INBOX_<sender>." and one or two tokens more,
// as clients make them. One that is longer cannot be answered by a credential of the profile "responder",
// which publishes to two and three tokens only, and none that it is denied begins with "_INBOX_".
bool IsReplyOf(std::string_view sender, std::string_view reply);

// Asks `service` as the identity of `connection`, and says until when it waits: by `clock`, or, if the answer
// is that this has passed ("stale_request"), once more by the clock of who answered. An answer that is not ok
// is an OK status holding it; no responder, no permission and no answer are errors that can be told apart
// (see Connection).
absl::StatusOr<ControlReply> RequestControl(Connection& connection, std::string_view space,
                                            std::string_view service, ControlRequest request,
                                            std::chrono::milliseconds timeout,
                                            const Clock& clock = Clock::System());

}  // namespace meshwarden
