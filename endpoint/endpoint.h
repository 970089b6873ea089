// An agent's place in a space: it meets others in channels, by direct messages and in role queues.
//
//   auto endpoint = Endpoint::Make(options, {.on_message = [](ReceivedMessage m) { …; m.settle.Ack(); }});
//   endpoint->Start();
//   endpoint->Multicast({.parts = {Part::Text("hello")}});
//
// Threads: handlers are called on a thread of the endpoint's own, one at a time and in order; handlers of
// served control requests and taps on a second one. No lock is held meanwhile, and they may call any method,
// Stop included, but not the destructor. Methods are thread-safe and block for at most their time-outs; those
// that are not said to ask the broker do not block. A handler that takes its time holds up the other handlers
// and, in the end, the broker's deliveries, but neither the heartbeat nor the connection; what waits for it
// is bounded.
//
// Life: Start() connects and binds once, and its failure is the caller's. From then on a lost connection is
// replaced by the endpoint itself, every `retry_wait` until it holds; taps, served controls and joined
// channels stay. Meanwhile calls fail with "reconnecting — try again shortly". Stop() ends it for good.
//
// Errors: FailedPrecondition (not started, stopped), Unavailable (reconnecting; or nobody serves the request:
// see IsNoResponders), PermissionDenied (the credential does not allow it: see absl::IsPermissionDenied),
// DeadlineExceeded (no answer in time: whether it was carried out is unknown), InvalidArgument, NotFound.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "endpoint/api/endpoint_events.h"
#include "endpoint/api/endpoint_options.h"
#include "proto/control.h"
#include "proto/message.h"
#include "proto/presence.h"
#include "proto/registry.h"

namespace meshwarden {

// What a message says, whoever it is for.
struct Content {
  std::vector<Part> parts;
  std::vector<std::string> mentions = {};  // names; normalised on sending
  std::optional<std::string> reply_to = std::nullopt;
  std::optional<std::string> context_id = std::nullopt;
  // Empty: a new one. Sending again with the id of an attempt whose outcome is unknown stores the message
  // once.
  std::string message_id = {};
};

struct JoinResult {
  bool joined = false;  // false: it was joined already
  // Messages of its history that were handed over. Within a handler perhaps not all: the rest follows.
  std::size_t backfilled = 0;
  // Some of the history can't be read just now, as the error handler is told. It follows as soon as it can.
  bool history_owed = false;
};

struct Recalled {
  std::vector<MeshMessage> messages;  // in stream order, own ones left out
  bool dropped = false;               // the broker has let go of some that were asked for
};

struct ChannelSummary {
  std::string channel;
  std::uint64_t messages = 0;  // kept, of all senders
  ChannelConfig config = {};   // empty if the registry has none
};

struct ChannelMembers {
  std::string channel;            // or pattern, as the member's filter has it
  std::vector<std::string> ids;   // of all who read it
  std::vector<Presence> present;  // of those in the roster, sorted by name
};

// A message seen by a tap, as it went over the broker. `message` is empty if it is none of ours.
struct Tapped {
  std::string subject;
  std::string payload;
  std::optional<MeshMessage> message;
};

class EndpointCore;

class Endpoint {
 public:
  // InvalidArgument: a name that is not valid (see ValidateName), an id that is not one token or not the
  // creds' identity, creds beside another way to log in, a channel that is not strict.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Make(EndpointOptions options, EndpointHandlers handlers);
  // Stop(), and waits for a handler in progress.
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Life. Start() once, and again only if it failed. Reconnect() replaces the connection now, sharing an
  // attempt that is under way and cutting short the wait for the next; if it fails, attempts go on in the
  // background. Stop() says goodbye (presence `offline`) and ends every thread but, within a handler, the
  // handler's own; idempotent.
  absl::Status Start();
  absl::Status Reconnect();
  void Stop();
  bool connected() const;

  const std::string& id() const;
  const std::string& space() const;
  const Card& card() const;

  // Sending. Returns the message once the broker has stored it. Without a channel: DefaultChannel().
  absl::StatusOr<MeshMessage> Multicast(Content content, std::optional<std::string> channel = std::nullopt);
  absl::StatusOr<MeshMessage> Unicast(std::string_view to_id, Content content);
  absl::StatusOr<MeshMessage> Anycast(std::string_view role, Content content);

  // Channels. Both change what is received live, asking service `self` in auth mode.
  absl::StatusOr<JoinResult> JoinChannel(std::string_view channel);
  absl::StatusOr<bool> LeaveChannel(std::string_view channel);  // false: it was not joined
  std::vector<std::string> JoinedChannels() const;
  std::string DefaultChannel() const;  // the first concrete one joined, else "general"

  // Reading back; asks the broker. A channel that denies replay has no history. A recall that would bring
  // more than 100,000 messages is ResourceExhausted; histories bring the newest, as many at most.
  absl::StatusOr<Recalled> RecallChannel(std::string_view channel, std::uint64_t since_seq);
  absl::StatusOr<std::vector<MeshMessage>> ChannelHistory(std::string_view channel, std::size_t limit);
  // Direct messages sent to `id`; needs a credential that may read them all.
  absl::StatusOr<std::vector<MeshMessage>> DmHistory(std::string_view id, std::size_t limit);
  absl::StatusOr<std::uint64_t> ChatFrontier();  // the last sequence of all channels

  // What there is; asks the broker.
  absl::StatusOr<std::vector<ChannelSummary>> ListChannels();
  // Of one channel, or of all; needs a privileged credential.
  absl::StatusOr<std::vector<ChannelMembers>> ListMembers(const std::optional<std::string>& channel);
  // As last heard from the registry; does not ask the broker.
  ChannelConfig GetChannelConfig(std::string_view channel) const;
  bool ChannelReplay(std::string_view channel) const;

  // Presence.
  std::vector<Presence> Roster() const;  // sorted by name
  // By id or by name; NotFound, or FailedPrecondition naming the candidates if several have that name. What
  // has the form of an id is never taken for a name. Anybody may call himself what he likes: where it matters
  // who gets a message, use ids.
  absl::StatusOr<Presence> ResolvePeer(std::string_view name_or_id) const;
  absl::Status SetStatus(PresenceStatus status);
  // InvalidArgument for one that makes the record larger than readers take. One that is refused is not kept.
  absl::Status SetActivity(std::optional<std::string> activity);

  // Control. An answer that is not ok is an OK status that holds it.
  absl::StatusOr<ControlReply> RequestControl(std::string_view service, std::string_view op, Json args,
                                              std::chrono::milliseconds timeout = std::chrono::seconds(5));
  // Serves `service` until Stop(), in the queue group named after it. The request's sender has been checked.
  // An error, or a std::exception, becomes the reply {ok: false, error}. Returns once the broker has the
  // subscription. OK also where it does not say so within `request_timeout`, and at once where there is no
  // connection: each that comes up takes the subscription there. A refusal by the broker goes to `on_error`.
  using ControlFunction = std::function<absl::StatusOr<Json>(const ControlRequest& request)>;
  absl::Status ServeControl(std::string_view service, ControlFunction handler);
  // Shows every message on `pattern` below the space ("chat.>") until Stop(); needs leave to subscribe to it.
  // Returns as ServeControl does.
  absl::Status Tap(std::string_view pattern, std::function<void(const Tapped&)> handler);

 private:
  explicit Endpoint(std::shared_ptr<EndpointCore> core);
  std::shared_ptr<EndpointCore> core_;
};

// Whether a server listens at one of `servers`. One that refuses our login is reachable too.
bool IsReachable(const std::vector<std::string>& servers, std::chrono::milliseconds timeout);

}  // namespace meshwarden
