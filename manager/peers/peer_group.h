// This manager among those of its space: it takes its place in the view, tells the others that it is at work,
// misses those that are silent, and passes on what is theirs.
//
// Agents are divided among the managers (peer_view.h), and a manager acts for one only while it knows that
// the agent is its own (peer_ledger.h). So one agent's requests are carried out by one manager at a time and
// in one order, whichever of them the broker hands a request to, and the usual request costs the broker
// nothing more: the view is read five times a second, and written when a manager comes or goes.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "manager/peers/number_window.h"
#include "manager/peers/passed_requests.h"
#include "manager/peers/peer_ledger.h"
#include "manager/peers/peer_message.h"
#include "manager/peers/serving_order.h"
#include "manager/process/log.h"
#include "provisioning/minting/space_secrets.h"
#include "provisioning/records/record_bucket.h"
#include "provisioning/records/record_keys.h"

namespace meshwarden {

// Has a thread of its own. Thread-safe, but for Join and Leave, which are called once each, in this order.
class PeerGroup final : public ServingOrder {
 public:
  // A request that another manager has passed on, or that came back from one that is gone. It may be called
  // on several threads at a time, and must be brief.
  // `age`: how long ago it came to the first of the managers that it came to.
  using Deliver = std::function<void(const NatsMessage& request, std::chrono::milliseconds age)>;
  // One whose manager has not said in time that it has it: whether it was carried out is not known.
  using GiveUp = std::function<void(const NatsMessage& request)>;
  // A move of an agent that another manager has not been answered: the broker may carry it out at any time.
  // Told several times.
  using HearLost = std::function<void(const std::string& agent_id, const std::vector<std::string>& channels)>;
  struct Handlers {
    Deliver deliver;
    GiveUp give_up;
    HearLost lost;
  };

  struct Options {
    PeerTimes times;
    std::chrono::milliseconds tick{100};
    std::chrono::milliseconds read_every{200};
    std::chrono::milliseconds pass_again_after{300};
    std::chrono::milliseconds give_up_after{4'400};
    // A manager that has gone is known for as long: what it passed on may still be on its way, and what it
    // did not hear the answer to comes again. Longer than `give_up_after`.
    std::chrono::milliseconds remember_gone{10'000};
    std::chrono::milliseconds tell_lost_every{1'000};
    std::chrono::milliseconds tell_lost_for{30'000};
  };
  // Both must outlive this object, and `api`'s connection every call in flight. `secrets`: with a token for
  // records.
  struct Parts {
    Connection& responder;  // what managers tell each other goes by it
    JetStreamApi& api;      // of a mover
    std::string space;
    SpaceSecrets secrets;
    Log& log;
  };
  PeerGroup(const Parts& parts, const Options& options);
  ~PeerGroup() override;
  PeerGroup(const PeerGroup&) = delete;
  PeerGroup& operator=(const PeerGroup&) = delete;

  // Takes its place, and waits until all that is this manager's may be served. DeadlineExceeded: it goes on
  // trying, and what is not its own yet waits. FailedPrecondition: the space has no bucket for that.
  absl::Status Join(Handlers handlers, std::chrono::milliseconds timeout);

  void WhenMayAct(const std::string& agent_id, std::function<void(bool)> go) override MW_EXCLUDES(mutex_);
  bool MayAct(const std::string& agent_id) override MW_EXCLUDES(mutex_);
  std::uint64_t TenureOf(const std::string& agent_id) override MW_EXCLUDES(mutex_);
  // Hands `request` of `agent_id` to the manager whose it is. False: it is this one's, or not known whose.
  bool PassOn(const std::string& agent_id, const NatsMessage& request) MW_EXCLUDES(mutex_);
  // Tells the other managers of a move that was not answered.
  void TellLost(const std::string& agent_id, const std::vector<std::string>& channels) MW_EXCLUDES(mutex_);

  // After this process has stood still: throws away what other managers have sent so far (see
  // Subscription::DiscardReceived), and gives up what was passed on and is not known to have been taken.
  absl::Status DiscardReceived(std::chrono::milliseconds timeout);

  // Where others are at work: gives its place up, so that what comes from now on is passed on to them. Waits
  // for the broker's answer for at most `timeout`.
  void StepBack(std::chrono::milliseconds timeout) MW_EXCLUDES(mutex_);
  // To be called when nothing is in hand any more: gives its place up if it still has it, and ends.
  // Idempotent.
  void Leave(std::chrono::milliseconds timeout) MW_EXCLUDES(mutex_);

 private:
  using Time = PeerLedger::Time;
  struct Waiting {
    std::string agent_id;
    std::function<void(bool)> go;
  };

  void Run() MW_EXCLUDES(mutex_);
  void Tick() MW_EXCLUDES(mutex_);
  void Tell(const Peer& to, const PeerMessage& message);
  void TellOthers(PeerMessage message) MW_EXCLUDES(mutex_);
  void Beat() MW_EXCLUDES(mutex_);
  // The view.
  void Read() MW_EXCLUDES(mutex_);
  void Take(const StoredKey& stored, Time asked) MW_EXCLUDES(mutex_);
  PeerView ViewOf(const StoredKey& stored);
  void Propose() MW_EXCLUDES(mutex_);
  bool Wanted(PeerView& next) MW_REQUIRES(mutex_);
  bool AwaitGone(std::chrono::milliseconds timeout) MW_EXCLUDES(mutex_);
  // What waits.
  void LetGo() MW_EXCLUDES(mutex_);
  void LookAfterPassed() MW_EXCLUDES(mutex_);
  void SendPassed(std::uint64_t number, const PassedRequests::Passed& passed, Time now);
  void DeliverOwn() MW_EXCLUDES(mutex_);
  void LookAfterLost() MW_EXCLUDES(mutex_);
  // What comes.
  void Hear(const NatsMessage& message) MW_EXCLUDES(mutex_);
  void HearSelf(Time now) MW_REQUIRES(mutex_);
  void KeepKnown(const PeerView& view, Time now) MW_REQUIRES(mutex_);

  const Parts parts_;
  const Options options_;
  const Peer self_;
  const PeerSeal seal_;
  const RecordBucket bucket_;
  const std::string key_;
  Handlers handlers_;  // set by Join, before there is a thread
  std::unique_ptr<Subscription> inbox_;

  Mutex mutex_;
  CondVar changed_;
  PeerLedger ledger_ MW_GUARDED_BY(mutex_);
  bool known_ MW_GUARDED_BY(mutex_) = false;      // the bucket has answered
  bool proposing_ MW_GUARDED_BY(mutex_) = false;  // a next view is on its way
  bool going_ MW_GUARDED_BY(mutex_) = false;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  bool hurry_ MW_GUARDED_BY(mutex_) = false;  // the next tick is now
  Time read_at_ MW_GUARDED_BY(mutex_);
  std::uint64_t number_ MW_GUARDED_BY(mutex_) = 0;
  // The other members, and those that were until lately, by instance.
  struct Known {
    Peer peer;
    NumberWindow numbers;  // of what has come from it
    std::optional<Time> gone_at;
  };
  std::map<std::string, Known> known_peers_ MW_GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ MW_GUARDED_BY(mutex_);
  PassedRequests passed_ MW_GUARDED_BY(mutex_);
  // Requests that have become this manager's own, by sender, in their order, while they are being delivered:
  // what comes meanwhile goes behind them.
  std::map<std::string, std::deque<PassedRequests::Request>> own_ MW_GUARDED_BY(mutex_);
  struct LostMove {
    std::string agent_id;
    std::vector<std::string> channels;
    Time since;
    Time told;
  };
  std::deque<LostMove> lost_ MW_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace meshwarden
