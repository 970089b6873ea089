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
#include <functional>
#include <map>
#include <memory>
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
#include "provisioning/record_bucket.h"
#include "provisioning/record_keys.h"
#include "provisioning/space_secrets.h"

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

  struct Options {
    PeerTimes times;
    std::chrono::milliseconds tick{100};
    std::chrono::milliseconds read_every{200};
    std::chrono::milliseconds pass_again_after{300};
    std::chrono::milliseconds give_up_after{4'400};
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
  absl::Status Join(Deliver deliver, GiveUp give_up, std::chrono::milliseconds timeout);

  void WhenMayAct(const std::string& agent_id, std::function<void(bool)> go) override MW_EXCLUDES(mutex_);
  bool MayAct(const std::string& agent_id) override MW_EXCLUDES(mutex_);
  // Hands `request` of `agent_id` to the manager whose it is. False: it is this one's, or not known whose.
  bool PassOn(const std::string& agent_id, const NatsMessage& request) MW_EXCLUDES(mutex_);

  // Throws away what other managers have sent so far; see Subscription::DiscardReceived.
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
  void Hear(const NatsMessage& message) MW_EXCLUDES(mutex_);
  bool TakeNumber(const PeerMessage& message) MW_REQUIRES(mutex_);

  const Parts parts_;
  const Options options_;
  const Peer self_;
  const PeerSeal seal_;
  const RecordBucket bucket_;
  const std::string key_;
  Deliver deliver_;  // set by Join, before there is a thread
  GiveUp give_up_;
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
  std::map<std::string, NumberWindow> heard_numbers_ MW_GUARDED_BY(mutex_);  // by instance
  std::vector<Waiting> waiting_ MW_GUARDED_BY(mutex_);
  PassedRequests passed_ MW_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace meshwarden
