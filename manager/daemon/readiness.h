// Whether the manager is ready, looked at again and again, and told in the log.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/server/creds_file.h"
#include "manager/daemon/space_check.h"
#include "manager/process/log.h"
#include "manager/process/repeat_limit.h"
#include "provisioning/minting/space_secrets.h"

namespace meshwarden {

// Has a thread of its own, which looks when a connection has come up and every minute, more often while
// something is amiss. Begins as ready. Thread-safe.
class Readiness {
 public:
  struct Parts {
    // Must live until Stop has returned.
    JetStreamApi& api;  // of a mover
    Log& log;
    const Clock& clock;
    std::string space;
    SpaceSecrets secrets;
    std::string chat_made;  // SpaceState::chat_made as it was at the start
    std::vector<std::shared_ptr<CredsFile>> creds;
    // Whether the broker is a cluster, whose servers tell different times at which a stream was made.
    std::function<bool()> in_cluster;
    // The name of a connection that is away; empty: none is.
    std::function<std::string()> away;
    // Takes back what agents may read beyond the policy, where the streams were made anew.
    std::function<absl::Status()> cut_back;
  };
  struct Options {
    std::chrono::milliseconds interval{60'000};
    std::chrono::milliseconds when_amiss{2'000};
    // For how long the broker may leave open how things stand, as after any restart, before that counts.
    std::chrono::milliseconds doubt{8'000};
  };

  explicit Readiness(const Options& options) : options_(options) {}
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // Once.
  void Start(Parts parts);
  // Looks soon: to be called when a connection has come up. Does not block; may come before Start.
  void LookSoon() MW_EXCLUDES(mutex_);
  // Ends the thread; waits for the requests of a look. Idempotent; not from several threads at once.
  void Stop() MW_EXCLUDES(mutex_);

 private:
  struct Finding {
    std::string problem;   // empty: all is well
    bool certain = false;  // the broker said so
  };

  void Run(const Parts& parts) MW_EXCLUDES(mutex_);
  // False when it is to end.
  bool AwaitTurn() MW_EXCLUDES(mutex_);
  void Weigh(const Parts& parts, const Finding& finding);
  void TellNotReady(const Parts& parts, const std::string& problem);
  Finding Look(const Parts& parts);
  std::string LookAtCreds(const Parts& parts);
  void TellNotUsed(const Parts& parts, const std::string& trouble);
  Finding LookAtSpace(const Parts& parts);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  bool soon_ MW_GUARDED_BY(mutex_) = false;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;

  // Of the thread alone.
  bool ready_ = true;
  bool amiss_ = false;  // by the last look
  std::optional<std::chrono::steady_clock::time_point> in_doubt_since_;
  std::string chat_made_;
  bool cut_back_owed_ = false;
  RepeatLimit repeats_{{}};

  std::thread thread_;  // begun by Start, ended by Stop
};

}  // namespace meshwarden
