// How an Endpoint works: its life on top of one Connection, and its calls.
//
// The Connection replaces itself; each time it has come up, on_bind makes a Session on it, and when it is
// gone on_unbind takes that down. What outlives connections is kept here. See endpoint.h for what is
// promised.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/buckets/channel_cache.h"
#include "endpoint/buckets/own_presence.h"
#include "endpoint/buckets/roster.h"
#include "endpoint/buckets/twin_watch.h"
#include "endpoint/channels/chat_membership.h"
#include "endpoint/channels/history_reader.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/delivery/dispatcher.h"
#include "endpoint/delivery/in_hand.h"
#include "endpoint/delivery/settled_floor.h"
#include "endpoint/endpoint.h"
#include "endpoint/nats/connection.h"
#include "endpoint/nats/server/cancellation.h"
#include "endpoint/session/backfiller.h"
#include "endpoint/session/intake.h"
#include "endpoint/session/session.h"

namespace meshwarden {

class EndpointCore final : public AckSender, public std::enable_shared_from_this<EndpointCore> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `options` have been checked, and `options.card.id` is set.
  static std::shared_ptr<EndpointCore> Make(EndpointOptions options, EndpointHandlers handlers);
  // Stop() has been called.
  ~EndpointCore() override;

  // Life (endpoint_core.cc).
  absl::Status Start();
  absl::Status Reconnect();
  void Stop();
  // Waits until the Stop() of whoever was first is over, and a handler that is running. Not within a handler.
  void AwaitStopped();
  bool connected() const;
  const EndpointOptions& options() const { return options_; }

  // Sending (endpoint_send.cc).
  absl::StatusOr<MeshMessage> Multicast(Content content, std::optional<std::string> channel);
  absl::StatusOr<MeshMessage> Unicast(std::string_view to_id, Content content);
  absl::StatusOr<MeshMessage> Anycast(std::string_view role, Content content);
  absl::StatusOr<ControlReply> RequestControl(std::string_view service, std::string_view op, Json args,
                                              std::chrono::milliseconds timeout);
  absl::Status ServeControl(std::string_view service, Endpoint::ControlFunction handler);
  absl::Status Tap(std::string_view pattern, std::function<void(const Tapped&)> handler);
  absl::Status SetActivity(const std::optional<std::string>& activity);
  absl::Status PublishPresence(const std::function<void(OwnPresence&)>& change);
  absl::Status SendAck(std::string_view reply, std::string_view verb) override;

  // Channels and reading (endpoint_read.cc).
  absl::StatusOr<JoinResult> JoinChannel(std::string_view channel);
  absl::StatusOr<bool> LeaveChannel(std::string_view channel);
  absl::StatusOr<Recalled> RecallChannel(std::string_view channel, std::uint64_t since_seq);
  absl::StatusOr<std::vector<MeshMessage>> ChannelHistory(std::string_view channel, std::size_t limit);
  absl::StatusOr<std::vector<MeshMessage>> DmHistory(std::string_view id, std::size_t limit);
  absl::StatusOr<std::uint64_t> ChatFrontier();
  absl::StatusOr<std::vector<ChannelSummary>> ListChannels();
  absl::StatusOr<std::vector<ChannelMembers>> ListMembers(const std::optional<std::string>& channel);
  const JoinedChannels& joined() const { return joined_; }
  const ChannelCache& channels() const { return channels_; }
  const Roster& roster() const { return roster_; }

 private:
  enum class State { kNew, kStarting, kBound, kAway, kStopped };
  // What needs the connection, and lives as long as it; made when that first comes up.
  struct Wire {
    Wire(EndpointCore& core, Connection& used);
    Connection& connection;
    JetStreamApi api;
    HistoryReader history;
    Backfiller backfiller;
    ChatMembership membership;
  };
  // A served control or a tap.
  struct Registration {
    std::string subject;
    std::function<absl::StatusOr<std::unique_ptr<Subscription>>(Connection&)> subscribe;
    std::unique_ptr<Subscription> subscription;
  };

  EndpointCore(EndpointOptions options, EndpointHandlers handlers);
  Sender Self() const;

  // Called by the connection.
  absl::Status OnBind(Connection& connection);
  void OnUnbind();
  void OnState(bool connected);

  ConnectionOptions MakeConnectionOptions();
  SessionParts MakeSessionParts();
  // False if it has been stopped.
  bool BoundBefore();
  bool SetBound(const std::shared_ptr<Session>& session);
  void LetGoOfWire();
  void SayGoodbye(Connection& connection);
  void CloseConnection();
  void AwaitStopEnd();
  absl::Status LiveError(State state) const;
  // OK if bound, waiting for it until `deadline` while reconnecting.
  absl::Status AwaitLive(TimePoint deadline);
  absl::Status CheckLive() { return AwaitLive(TimePoint::min()); }
  absl::Status Register(Registration registration);
  absl::Status SubscribeAll(Connection& connection);

  // Events, to the handlers' thread. Of those that come faster than they are taken some are left out.
  void TellConnection(bool connected);
  void TellPresence(const PresenceEvent& event);
  void TellError(const absl::Status& status);

  absl::StatusOr<MeshMessage> Send(Destination destination, absl::StatusOr<std::string> subject,
                                   Content content);
  absl::Status Publish(const std::string& subject, const MeshMessage& message);
  // Waits a moment, and while reconnecting; false if there can be no other attempt before `deadline`.
  bool AwaitNextAttempt(TimePoint deadline);
  absl::StatusOr<bool> MayReplay(std::string_view channel);
  void WakeBackfill();
  absl::StatusOr<bool> HasDropped(const std::string& subject, std::uint64_t since_seq);

  const EndpointOptions options_;
  const EndpointHandlers handlers_;

  // With their own synchronisation.
  Dispatcher events_;
  Dispatcher services_;
  JoinedChannels joined_;
  Roster roster_;
  ChannelCache channels_;
  TwinWatch twins_;
  OwnPresence own_presence_;  // after the one before, whose stamp it carries
  SettledFloor chat_floor_;
  SettledFloor dm_floor_;
  const std::shared_ptr<InHand> chat_in_hand_ = std::make_shared<InHand>();
  const std::shared_ptr<InHand> dm_in_hand_ = std::make_shared<InHand>();
  const std::array<std::shared_ptr<Backlog>, 3> backlogs_;
  std::shared_ptr<Intake> intake_;  // constant after Make
  std::atomic<std::size_t> errors_waiting_{0};
  std::atomic<std::size_t> presence_waiting_{0};
  std::atomic<bool> roster_waiting_{false};
  std::atomic<bool> cancelled_{false};                                                 // set by Stop
  const std::shared_ptr<Cancellation> connecting_ = std::make_shared<Cancellation>();  // called off by Stop
  // Of the chat, direct messages and tasks: the stream has stored something that was sent from here.
  std::array<std::atomic<bool>, 3> published_{};

  // Set while Start runs, before anybody may use them; constant from then on. The wire is changed under
  // mutex_.
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<Connection> connection_;

  mutable Mutex mutex_;
  CondVar changed_;
  State state_ MW_GUARDED_BY(mutex_) = State::kNew;
  bool start_ended_ MW_GUARDED_BY(mutex_) = true;
  bool ever_bound_ MW_GUARDED_BY(mutex_) = false;
  bool stop_ended_ MW_GUARDED_BY(mutex_) = false;
  bool told_connected_ MW_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Session> session_ MW_GUARDED_BY(mutex_);

  Mutex registrations_mutex_;
  std::vector<Registration> registrations_ MW_GUARDED_BY(registrations_mutex_);
};

}  // namespace meshwarden
