// The running manager: its connections, and the services that it answers.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "endpoint/nats/server/cancellation.h"
#include "endpoint/space/kept_answers.h"
#include "endpoint/space/open_requests.h"
#include "endpoint/space/sender_meter.h"
#include "endpoint/space/side_lane.h"
#include "manager/audit/filter_audit.h"
#include "manager/audit/filter_patrol.h"
#include "manager/daemon/config.h"
#include "manager/daemon/managers.h"
#include "manager/daemon/material.h"
#include "manager/daemon/readiness.h"
#include "manager/daemon/waiting.h"
#include "manager/process/log.h"
#include "manager/service/agent_directory.h"
#include "manager/service/agent_queue.h"
#include "manager/service/chat_filters.h"
#include "manager/service/deadline_watch.h"
#include "manager/service/late_moves.h"
#include "manager/service/queue_keeper.h"
#include "manager/service/refusal_log.h"
#include "manager/service/self_service.h"
#include "manager/watch/watcher.h"
#include "provisioning/records/record_keeper.h"

namespace meshwarden {

// One connection hears requests and publishes to inboxes; others move filters, look after role queues and
// read records, and answer nobody. Whoever sends a request can thereby never steer one that may change
// something. A further one, where there is a credential for it, only listens to what is done to durables.
class Daemon {
 public:
  // Connects, waits for the space to be as it should be, and answers requests from then on. InvalidArgument
  // or Unimplemented say what no waiting cures and what to do; Cancelled: it was told to stop meanwhile;
  // after any other error it may be started again. `log` must outlive the daemon, `waiting` the call only.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config, const Material& material,
                                                       Log& log, Waiting& waiting);

  // Stops as Stop(0) if that has not been done.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Refuses further requests, lets those under way end for at most `timeout`, sends the answers and closes.
  // False if some had to be cut short; they were answered with an error. Idempotent.
  bool Stop(std::chrono::milliseconds timeout);

 private:
  Daemon(const Config& config, const Material& material, Log& log,
         std::shared_ptr<const Cancellation> cancel);

  ConnectionOptions OptionsFor(const std::string& role, std::shared_ptr<CredsFile> creds) const;
  ConnectionOptions ResponderOptions();
  ConnectionOptions MoverOptions() const;
  ConnectionOptions ListenerOptions() const;
  absl::Status Connect(Waiting& waiting);
  absl::Status CheckServer();
  // Waits until the streams and buckets are there.
  absl::Status AwaitSpace(Waiting& waiting);
  void WatchReadiness();
  // The name of a connection that is away, or nothing.
  std::string Away() const;
  // Says so where this server lets agents do more than their policy says; that is no reason to refuse
  // service.
  void CheckGuard();
  // Asks where records lie: answered only if the mover's rights and the space are as they must be.
  absl::Status CheckRecords();
  // Takes back what a policy that became narrower while no manager ran has left to agents.
  absl::Status CutFiltersBack();
  // The same again, in the minutes after the start; says so only where there was something to cut.
  void CutFiltersBackAgain();
  absl::StatusOr<FilterAudit> AuditFilters();
  FilterAuditParts::InTurn TurnsOfAgents();
  void TellOf(const FilterAudit& audit);
  // Makes what answers requests, which no request can reach yet.
  void Prepare();
  // Takes its place among the managers of the space, and answers requests from then on.
  absl::Status Serve();
  // Nothing to do without a credential for it, but to say so. Waits for nothing: requests are answered by
  // now.
  absl::Status Watch();

  // Constant after construction.
  const Config config_;
  const Material material_;
  Log& log_;
  const std::shared_ptr<const Cancellation> cancel_;  // of attempts to connect

  // What has threads comes first, since the rest lives on them; Stop() ends it before anything is destroyed.
  std::unique_ptr<DeadlineWatch> deadlines_;
  std::unique_ptr<QueueKeeper> keeper_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Readiness> readiness_;
  std::string chat_made_;  // SpaceState::chat_made at the start
  // What the door of the control services needs, for as long as requests may come and answers go.
  KeptAnswers answers_{KeptAnswers::Options{}};
  SenderMeter meter_{SenderMeter::Options{}};
  OpenRequests open_;
  SideLane aside_{SideLane::Options{}};
  RefusalLog refusals_;
  std::unique_ptr<Connection> responder_;
  // Several, because a server carries out the API requests of one connection one after the other.
  std::vector<std::unique_ptr<Connection>> movers_;
  std::vector<std::unique_ptr<JetStreamApi>> apis_;  // one on each mover
  std::unique_ptr<RecordKeeper> records_;            // by the first of them
  bool has_records_ = false;                         // the space has a bucket for them
  // The watcher's, if it watches: one listens, one looks and repairs, so that long lists keep no move
  // waiting.
  std::unique_ptr<Connection> listener_;
  std::unique_ptr<Connection> repairer_;
  std::unique_ptr<JetStreamApi> repair_api_;
  std::unique_ptr<BrokerChatFilters> filters_;
  std::unique_ptr<AgentDirectory> directory_;
  std::unique_ptr<Managers> managers_;
  AgentQueue queue_;
  std::unique_ptr<LateMoves> late_moves_;
  std::unique_ptr<SelfService> service_;
  std::unique_ptr<Subscription> subscription_;
  std::unique_ptr<FilterPatrol> patrol_;
};

}  // namespace meshwarden
