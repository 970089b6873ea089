// What an endpoint sends: messages, control requests, its presence; and the services and taps it keeps.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/endpoint_core.h"
#include "endpoint/space/control.h"
#include "proto/channel_pattern.h"
#include "proto/mentions.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"
#include "proto/uuid.h"

namespace meshwarden {
namespace {

// Requests and tapped messages that may wait for their handler, and the bytes of one tap's.
constexpr std::size_t kMaxServicesWaiting = 1024;
constexpr std::size_t kMaxTapBytesWaiting = 16 << 20;
// Content of more parts or mentions than this is checked as a whole before it is sent.
constexpr std::size_t kFewParts = 64;
// Before a message is sent again to a broker that is there but can't store it.
constexpr std::chrono::milliseconds kPublishPause{100};

Timestamp Now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// True if nothing but its size could make receivers refuse it.
bool IsPlain(const Content& content) {
  if (content.parts.size() > kFewParts || content.mentions.size() > kFewParts) return false;
  for (const Part& part : content.parts) {
    if (part.kind != "text" || !part.unknown.empty()) return false;
  }
  return true;
}

// An attempt that ended so may have stored the message: nothing was heard of it, or the connection was closed
// meanwhile.
bool MayBeStored(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return true;
  if (absl::IsUnavailable(status)) return !IsNoResponders(status);
  return absl::IsFailedPrecondition(status) && !JsErrorCode(status).has_value();
}

ControlReply Serve(const Endpoint::ControlFunction& handler, const ControlRequest& request) {
  try {
    absl::StatusOr<Json> data = handler(request);
    if (data.ok()) return ControlReply::Ok(*std::move(data));
    return ControlReply::Error("failed", MessageOf(data.status()));
  } catch (const std::exception& exception) {
    return ControlReply::Error("failed", exception.what());
  }
}

// A message that a tap saw. It is told apart only if it is from whom it says, and to whom it went is what the
// subject tells.
Tapped Seen(NatsMessage seen) {
  Tapped tapped{.subject = std::move(seen.subject), .payload = std::move(seen.payload), .message = {}};
  const std::optional<ParsedSubject> parsed = ParseSubject(tapped.subject);
  const std::optional<Delivery> delivery = DeliveryOf(tapped.subject);
  if (!parsed.has_value() || !delivery.has_value()) return tapped;
  absl::StatusOr<MeshMessage> decoded = DecodeMessage(tapped.payload);
  if (!decoded.ok() || decoded->from.id != parsed->sender) return tapped;
  decoded->destination = {.delivery = *delivery, .name = parsed->rest};
  tapped.message = *std::move(decoded);
  return tapped;
}

}  // namespace

absl::StatusOr<MeshMessage> EndpointCore::Multicast(Content content, std::optional<std::string> channel) {
  const std::string name = channel.has_value() ? *std::move(channel) : joined_.DefaultChannel();
  MW_RETURN_IF_ERROR(ValidateChannel(name));
  if (!IsConcreteChannel(name)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is a pattern: a message goes to one channel; name it", name));
  }
  return Send({.delivery = Delivery::kChannel, .name = name},
              ChatSubject(options_.space, options_.card.id, name), std::move(content));
}

absl::StatusOr<MeshMessage> EndpointCore::Unicast(std::string_view to_id, Content content) {
  if (!IsSafeToken(to_id)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no endpoint's id; look a name up with ResolvePeer", Quoted(to_id)));
  }
  return Send({.delivery = Delivery::kDm, .name = std::string(to_id)},
              UnicastSubject(options_.space, to_id, options_.card.id), std::move(content));
}

absl::StatusOr<MeshMessage> EndpointCore::Anycast(std::string_view role, Content content) {
  if (role.empty() || role == "*" || role.size() > kMaxChannelBytes) {
    return absl::InvalidArgumentError(fmt::format("{} is no role", Quoted(role)));
  }
  return Send({.delivery = Delivery::kAnycast, .name = std::string(role)},
              AnycastSubject(options_.space, role, options_.card.id), std::move(content));
}

absl::StatusOr<MeshMessage> EndpointCore::Send(Destination destination, absl::StatusOr<std::string> subject,
                                               Content content) {
  if (!subject.ok()) return subject.status();
  if (!content.message_id.empty() && !IsUuid(content.message_id)) {
    return absl::InvalidArgumentError("message_id must be a UUID; leave it empty for a new one");
  }
  const bool plain = IsPlain(content);
  MeshMessage message;
  message.id = content.message_id.empty() ? NewUuid() : std::move(content.message_id);
  message.ts = Now();
  message.space = options_.space;
  message.from = Self();
  message.destination = std::move(destination);
  message.mentions = NormalizeMentions(content.mentions);
  message.parts = std::move(content.parts);
  message.reply_to = std::move(content.reply_to);
  message.context_id = std::move(content.context_id);
  // What receivers would refuse is refused here, where somebody can do something about it.
  if (!plain) MW_RETURN_IF_ERROR(DecodeMessage(EncodeMessage(message)).status());
  MW_RETURN_IF_ERROR(Publish(*subject, message));
  return message;
}

// A publish whose acknowledgement was lost is sent again under the same id, on the next connection if need
// be: the stream stores it once. What a later attempt is told says nothing of one that was not answered.
absl::Status EndpointCore::Publish(const std::string& subject, const MeshMessage& message) {
  const std::string payload = EncodeMessage(message);
  if (payload.size() > kMaxMessageBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the message takes {} bytes; at most {} are allowed", payload.size(), kMaxMessageBytes));
  }
  MW_RETURN_IF_ERROR(CheckLive());
  std::atomic<bool>& stream_was_there = published_[static_cast<std::size_t>(message.destination.delivery)];
  const TimePoint deadline = std::chrono::steady_clock::now() + options_.publish_timeout;
  absl::Status unknown;  // of the last attempt that may have stored it
  while (true) {
    absl::Status status = wire_->api.PublishMessage(subject, payload, message.id).status();
    if (status.ok()) {
      stream_was_there = true;
      return status;
    }
    if (MayBeStored(status)) unknown = status;
    bool again = MayBeStored(status);
    if (IsNoResponders(status)) {
      // A cluster that elects the stream's leader says so too.
      const bool in_cluster = wire_->connection.in_cluster();
      again = stream_was_there || in_cluster || !unknown.ok();
      const std::string what =
          fmt::format("no stream stores {}: is the space \"{}\" set up?", subject, options_.space);
      status =
          in_cluster
              ? absl::UnavailableError(what + " Or its cluster has no leader for it now; try again shortly")
              : absl::NotFoundError(what);
    }
    if (again && AwaitNextAttempt(deadline)) continue;
    if (unknown.ok()) return status;
    std::string context = fmt::format("whether message {} was stored is not known", message.id);
    if (status != unknown) context += fmt::format(" (sent again: {})", MessageOf(status));
    return Annotate(unknown, context);
  }
}

bool EndpointCore::AwaitNextAttempt(TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    const TimePoint next = std::min(deadline, std::chrono::steady_clock::now() + kPublishPause);
    if (state_ == State::kBound) changed_.WaitUntil(mutex_, next);
  }
  return std::chrono::steady_clock::now() < deadline && AwaitLive(deadline).ok();
}

absl::Status EndpointCore::SendAck(std::string_view reply, std::string_view verb) {
  {
    MutexLock lock(mutex_);
    if (wire_ == nullptr) return LiveError(state_);
  }
  return wire_->connection.PublishSoon(reply, verb);
}

// Where it is not known what became of it, the next heartbeat says it again.
absl::Status EndpointCore::SetActivity(const std::optional<std::string>& activity) {
  MW_RETURN_IF_ERROR(own_presence_.CheckActivity(activity));
  const std::optional<std::string> before = own_presence_.activity();
  absl::Status status = PublishPresence([&](OwnPresence& own) { own.SetActivity(activity); });
  const bool unknown = absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
  if (!status.ok() && !unknown) own_presence_.ReplaceActivity(activity, before);
  return status;
}

absl::Status EndpointCore::PublishPresence(const std::function<void(OwnPresence&)>& change) {
  MW_RETURN_IF_ERROR(CheckLive());
  change(own_presence_);
  // A stop meanwhile has the last word.
  MW_RETURN_IF_ERROR(CheckLive());
  if (!options_.register_presence) return absl::OkStatus();
  return own_presence_.Publish(wire_->connection, options_.request_timeout);
}

absl::StatusOr<ControlReply> EndpointCore::RequestControl(std::string_view service, std::string_view op,
                                                          Json args, std::chrono::milliseconds timeout) {
  if (!IsSafeToken(service)) {
    return absl::InvalidArgumentError(fmt::format("{} is no service's name", Quoted(service)));
  }
  MW_RETURN_IF_ERROR(CheckLive());
  ControlRequest request;
  request.op = std::string(op);
  request.args = std::move(args);
  request.from = Self();
  return meshwarden::RequestControl(wire_->connection, options_.space, service, request, timeout);
}

absl::Status EndpointCore::ServeControl(std::string_view service, Endpoint::ControlFunction handler) {
  if (!IsSafeToken(service)) {
    return absl::InvalidArgumentError(fmt::format("{} is no service's name", Quoted(service)));
  }
  const auto shared = std::make_shared<const Endpoint::ControlFunction>(std::move(handler));
  const auto take = [this, shared](const ControlCall& call, const ControlResponder& respond) {
    if (services_.waiting() >= kMaxServicesWaiting) {
      return respond(ControlReply::Error("busy", "too many requests wait already; try again shortly"));
    }
    services_.Post(
        [shared, request = call.request, respond] { respond(Serve(*shared, request)); },
        [respond] { respond(ControlReply::Error("stopping", "the service is stopping; try again")); });
  };
  Registration registration;
  registration.subject = ControlSubject(options_.space, service, "*");
  registration.subscribe = [this, service = std::string(service), take](Connection& connection) {
    return meshwarden::ServeControl(connection, options_.space, service, take);
  };
  MW_RETURN_IF_ERROR(Register(std::move(registration)));
  // The broker has it then. Without a connection, that which comes up next brings it there.
  if (CheckLive().ok()) (void)wire_->connection.Flush(options_.request_timeout);
  return absl::OkStatus();
}

absl::Status EndpointCore::Tap(std::string_view pattern, std::function<void(const Tapped&)> handler) {
  Registration registration;
  registration.subject = fmt::format("{}.{}", SpacePrefix(options_.space), pattern);
  const auto shared = std::make_shared<const std::function<void(const Tapped&)>>(std::move(handler));
  const auto held = std::make_shared<std::atomic<std::size_t>>(0);
  const auto take = [this, shared, held](NatsMessage message) {
    // A tap only looks on: what it can't keep up with passes it by.
    const std::size_t size = message.payload.size();
    if (services_.waiting() >= kMaxServicesWaiting || *held + size > kMaxTapBytesWaiting) return;
    *held += size;
    services_.Post([shared, held, size, message = std::move(message)]() mutable {
      *held -= size;
      (*shared)(Seen(std::move(message)));
    });
  };
  registration.subscribe = [subject = registration.subject, take](Connection& connection) {
    return connection.Subscribe(subject, "", take);
  };
  MW_RETURN_IF_ERROR(Register(std::move(registration)));
  if (CheckLive().ok()) (void)wire_->connection.Flush(options_.request_timeout);
  return absl::OkStatus();
}

}  // namespace meshwarden
