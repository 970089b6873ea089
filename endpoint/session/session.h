// All that an endpoint has on one bound connection: presence, watches, pulls, timers. It is made when a
// connection has come up and taken down when that is gone, so that nothing runs twice and nothing old lives
// on.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "endpoint/api/endpoint_options.h"
#include "endpoint/buckets/bucket_watch.h"
#include "endpoint/buckets/channel_cache.h"
#include "endpoint/buckets/own_presence.h"
#include "endpoint/buckets/roster.h"
#include "endpoint/buckets/told_roster.h"
#include "endpoint/buckets/twin_watch.h"
#include "endpoint/channels/chat_membership.h"
#include "endpoint/channels/joined_channels.h"
#include "endpoint/delivery/bound_durable.h"
#include "endpoint/delivery/dispatcher.h"
#include "endpoint/delivery/durable_healer.h"
#include "endpoint/delivery/in_hand.h"
#include "endpoint/delivery/pull_loop.h"
#include "endpoint/delivery/settled_floor.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "endpoint/session/backfiller.h"
#include "endpoint/session/intake.h"

namespace meshwarden {

// The parts of an endpoint that outlive a session. All must live as long as it.
struct SessionParts {
  const EndpointOptions& options;
  Connection& connection;
  JetStreamApi& api;
  Dispatcher& dispatcher;
  Intake& intake;
  ChatMembership& membership;
  Backfiller& backfiller;
  OwnPresence& own_presence;
  TwinWatch& twins;
  Roster& roster;
  ChannelCache& channels;
  JoinedChannels& joined;
  SettledFloor& chat_floor;
  SettledFloor& dm_floor;
  std::shared_ptr<InHand> chat_in_hand;
  std::shared_ptr<InHand> dm_in_hand;
  // Of the chat, direct messages and tasks: what was pulled and not yet handled.
  std::array<std::shared_ptr<Backlog>, 3> backlogs;
  // This endpoint has been bound before, so whoever uses it knows that it can be.
  bool again = false;
  // Both must be brief. The first is called under a lock (see ToldRoster): all it may do is post.
  std::function<void(const PresenceEvent&)> on_presence;
  std::function<void(const absl::Status&)> on_error;
};

class Session {
 public:
  // Binds everything, in the order of row E2; an error leaves nothing behind. Blocks. When it is done again,
  // what a cluster does not answer or do within moments, since it is electing, is left for later, on a thread
  // of the session's: an endpoint that is back can be of use without it.
  static absl::StatusOr<std::unique_ptr<Session>> Bind(SessionParts parts);
  // Close(). Not on a thread of the connection.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Nothing more is asked for, and whoever waits in here gives up; what the broker has sent already is still
  // taken. Brief. Idempotent.
  void Cancel();
  // Ends all of it and joins its threads; requests under way are waited for. Idempotent.
  void Close();

  // There is history to be read that nobody reads yet.
  void WakeBackfill();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit Session(SessionParts parts);

  // The parts of a bind, in their order.
  enum class Step { kStreams, kPresenceWatch, kChannelWatch, kPresence, kInbox, kTasks, kChat };
  using Steps = std::vector<Step>;
  Steps StepsOf() const;
  absl::Status BindAll();
  absl::Status BindSoon();
  absl::Status BindLate(Steps steps);
  // Tells the application once of each `status` in a row; `told`: the last one.
  void TellLate(const absl::Status& status, std::string& told) const;
  absl::Status Do(Step step, std::chrono::milliseconds timeout);
  void FinishBinding(const absl::Status& status);
  // False once the session has ended.
  bool Pause(std::chrono::milliseconds time);
  absl::Status OpenStreams();
  absl::Status WatchPresence(std::chrono::milliseconds timeout);
  absl::Status WatchChannels(std::chrono::milliseconds timeout);
  absl::StatusOr<std::unique_ptr<BucketWatch>> StartWatch(BucketWatch::Options options,
                                                          std::chrono::milliseconds timeout);
  absl::Status BindInbox(std::chrono::milliseconds timeout);
  absl::Status BindTasks(std::chrono::milliseconds timeout);
  absl::Status BindChat();
  absl::StatusOr<ConsumerInfo> FindOrMake(std::string_view stream, const ConsumerConfig& config,
                                          std::string_view provision_call, std::chrono::milliseconds timeout);
  std::shared_ptr<DurableHealer> MakeHealer(const ConsumerInfo& durable, std::shared_ptr<InHand> in_hand);
  // `healer`: null for a durable that has more readers than this one.
  absl::Status Pull(Delivery stream_kind, std::shared_ptr<BoundDurable> durable, std::size_t window,
                    std::shared_ptr<DurableHealer> healer);

  // The timers' thread.
  void RunTimers();
  // False once the session has ended.
  bool AwaitDue(TimePoint deadline);
  TimePoint Heal();
  void Heartbeat();
  void AskHowDurablesAre();
  void CheckPulls(TimePoint now);
  void CheckDurables();
  void CheckFilter();
  void TellOfTwins(TimePoint now);

  // The history's thread.
  void RunBackfill();
  bool OpenChat();
  absl::Status PullChat();
  void AwaitBackfillWanted(bool settled);

  // What the broker has told of the chat durable, until the timers' thread takes it. An answer may come when
  // the session is gone.
  struct ToldFilter {
    Mutex mutex;
    std::optional<ConsumerInfo> info MW_GUARDED_BY(mutex);
  };

  const SessionParts parts_;
  const std::shared_ptr<ToldFilter> told_filter_ = std::make_shared<ToldFilter>();
  ToldRoster told_roster_;
  std::atomic<bool> cancelled_{false};
  bool given_up_ = false;  // the timers' thread's own: another connection has been asked for

  Mutex mutex_;
  CondVar changed_;
  // Null until they have been started; they stay until the timers have ended.
  std::shared_ptr<BucketWatch> presence_watch_ MW_GUARDED_BY(mutex_);
  std::shared_ptr<BucketWatch> channel_watch_ MW_GUARDED_BY(mutex_);
  std::string inbox_created_ MW_GUARDED_BY(mutex_);  // empty until it is bound
  bool bind_waited_for_ MW_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> bind_outcome_ MW_GUARDED_BY(mutex_);
  bool backfill_wanted_ MW_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<PullLoop>> pulls_ MW_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<BoundDurable>> durables_ MW_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<DurableHealer>> healers_ MW_GUARDED_BY(mutex_);
  bool heal_soon_ MW_GUARDED_BY(mutex_) = false;

  std::thread timers_;  // last: they use all of the above
  std::thread backfill_;
  std::thread binder_;  // starts the one before
};

}  // namespace meshwarden
