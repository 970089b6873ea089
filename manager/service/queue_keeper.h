// Keeps the role queues of a space in step with their stream: one that the broker has left behind is made
// anew (see endpoint/task_queues.h), since agents, who may only bind it, cannot.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/space/task_queues.h"
#include "manager/process/log.h"

namespace meshwarden {

// Has a thread of its own, which looks when it starts, when it is told to, and at an interval. Thread-safe.
class QueueKeeper {
 public:
  struct Options {
    std::chrono::milliseconds interval{60'000};
    // Between a finding and what is done about it; and at most as much again, by chance: of several managers
    // one is first, and the others find nothing any more.
    std::chrono::milliseconds confirm_after{1'000};
    std::chrono::milliseconds retry_after{5'000};  // when the broker did not answer
    int warn_after = 3;                            // looks in a row that failed
  };

  // `log` must outlive the keeper.
  QueueKeeper(std::string space, Log& log, const Options& options);
  ~QueueKeeper();
  QueueKeeper(const QueueKeeper&) = delete;
  QueueKeeper& operator=(const QueueKeeper&) = delete;

  // Begins to look, through `api`, which must live until Stop has returned. Once.
  void Start(JetStreamApi& api);
  // Looks soon: to be called when the broker may have been restarted. Does not block; may come before Start.
  void LookSoon() MW_EXCLUDES(mutex_);
  // Ends the thread. Waits for the requests of a look or of one queue, and makes a queue that is deleted:
  // while the connection lives, none is left without its durable. Idempotent; not from several threads at
  // once.
  void Stop() MW_EXCLUDES(mutex_);

 private:
  // What a look calls for.
  enum class Next { kInterval, kConfirm, kRetry, kNever };

  void Run(JetStreamApi& api) MW_EXCLUDES(mutex_);
  // False when it is to end.
  bool AwaitTurn(Next next) MW_EXCLUDES(mutex_);
  bool stopping() MW_EXCLUDES(mutex_);
  std::chrono::milliseconds DelayOf(Next next);
  Next Look(JetStreamApi& api);
  // Takes what has been found now: what counts goes to behind_, what is new to suspected_.
  void Weigh(std::vector<QueueBehind> found);
  // Makes what is behind anew. What could not be stays there.
  absl::Status Mend(JetStreamApi& api);
  absl::Status MendOne(JetStreamApi& api, const QueueBehind& queue);
  Next Failed(const absl::Status& status);

  const std::string space_;
  Log& log_;
  const Options options_;

  Mutex mutex_;
  CondVar changed_;
  bool soon_ MW_GUARDED_BY(mutex_) = false;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;

  // Of the keeper's thread alone.
  std::minstd_rand random_;
  std::vector<QueueBehind> suspected_;  // found by the last look
  std::vector<QueueBehind> behind_;     // what counts and is not made anew yet; its durable may be deleted
  int failed_looks_ = 0;                // in a row

  std::thread thread_;  // begun by Start, ended by Stop
};

}  // namespace meshwarden
