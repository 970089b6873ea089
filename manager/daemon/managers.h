// This manager among those of its space, as the daemon uses it: whose requests it answers, and what it throws
// away.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/control.h"
#include "manager/peers/peer_group.h"
#include "manager/peers/serving_order.h"
#include "manager/process/log.h"
#include "manager/process/nap_watch.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

// Join, WatchNaps, StepBack and Leave are called once each, in this order; the rest is thread-safe.
class Managers {
 public:
  // Both connections and `log` must outlive this object, and `api`'s connection every call in flight.
  struct Parts {
    Connection& responder;
    JetStreamApi& api;  // of a mover
    std::string space;
    SpaceSecrets secrets;  // without a token for records, others cannot be told of
    bool has_records;      // the space has the bucket in which managers tell of each other
    Log& log;
  };
  explicit Managers(const Parts& parts);

  ServingOrder& order();
  const NapWatch& naps() const { return naps_; }
  // As ControlServiceOptions::divert: what is another manager's is passed on to it, and what waited here
  // while this process stood still is dropped.
  bool Divert(const std::string& sender, const NatsMessage& request);

  // Takes its place among the managers; requests that others pass on come to `door`, which does not divert.
  absl::Status Join(ControlDoor door, PeerGroup::HearLost hear_lost);
  // Tells the other managers of a move that the broker did not answer.
  void TellLost(const std::string& agent_id, const std::vector<std::string>& channels);
  // From now on, when the process has stood still, what `requests` and the other managers have sent meanwhile
  // is thrown away. `requests` must live until Leave has returned.
  void WatchNaps(Subscription& requests);
  // Lets others serve its agents from now on, if there are any.
  void StepBack();
  // When nothing is in hand any more.
  void Leave();

 private:
  void Discard(Subscription& requests, std::chrono::milliseconds stood_still);
  void GiveUp(const NatsMessage& request);

  const Parts parts_;
  AloneInOrder alone_;
  std::unique_ptr<PeerGroup> peers_;  // null: nobody else can be told of
  NapWatch naps_;
};

}  // namespace meshwarden
