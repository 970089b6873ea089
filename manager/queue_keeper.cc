#include "manager/queue_keeper.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/status.h"

namespace meshwarden {

QueueKeeper::QueueKeeper(std::string space, Log& log, const Options& options)
    : space_(std::move(space)), log_(log), options_(options), random_(std::random_device{}()) {}

QueueKeeper::~QueueKeeper() { Stop(); }

void QueueKeeper::Start(JetStreamApi& api) {
  thread_ = std::thread([this, &api] { Run(api); });
}

void QueueKeeper::LookSoon() {
  const MutexLock lock(mutex_);
  soon_ = true;
  changed_.NotifyAll();
}

void QueueKeeper::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void QueueKeeper::Run(JetStreamApi& api) {
  Next next = Look(api);
  while (AwaitTurn(next)) next = Look(api);
}

bool QueueKeeper::AwaitTurn(Next next) {
  const auto due = std::chrono::steady_clock::now() + DelayOf(next);
  const MutexLock lock(mutex_);
  while (!stopping_) {
    const bool never = next == Next::kNever;
    if (soon_ && !never) {
      // A finding has its time all the same: what looks wrong may be under way.
      soon_ = false;
      if (next != Next::kConfirm) return true;
    }
    if (never) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, due)) {
      return !stopping_;
    }
  }
  return false;
}

std::chrono::milliseconds QueueKeeper::DelayOf(Next next) {
  switch (next) {
    case Next::kConfirm: {
      const auto most = options_.confirm_after.count();
      return options_.confirm_after +
             std::chrono::milliseconds(
                 std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, most)(random_));
    }
    case Next::kRetry:
      return options_.retry_after;
    case Next::kInterval:
    case Next::kNever:
      break;
  }
  return options_.interval;
}

QueueKeeper::Next QueueKeeper::Look(JetStreamApi& api) {
  // First what was begun: its durable may be gone.
  if (!behind_.empty()) {
    if (const Next next = Mend(api); next != Next::kInterval) return next;
  }
  absl::StatusOr<std::vector<QueueBehind>> found = FindQueuesBehind(api, space_);
  if (!found.ok()) return Failed(found.status());
  const auto again = std::stable_partition(found->begin(), found->end(), [this](const QueueBehind& queue) {
    return std::none_of(suspected_.begin(), suspected_.end(),
                        [&queue](const QueueBehind& earlier) { return queue.SameAs(earlier); });
  });
  std::move(again, found->end(), std::back_inserter(behind_));
  found->erase(again, found->end());
  suspected_ = *std::move(found);
  const Next next = Mend(api);
  return next == Next::kInterval && !suspected_.empty() ? Next::kConfirm : next;
}

QueueKeeper::Next QueueKeeper::Mend(JetStreamApi& api) {
  while (!behind_.empty()) {
    const QueueBehind& queue = behind_.back();
    if (const absl::Status status = RemakeQueue(api, queue); !status.ok()) return Failed(status);
    log_.Write(LogLevel::kWarn, "role queue made anew: the broker had lost its stream's count",
               {{"durable", queue.durable.name},
                {"delivered", static_cast<std::int64_t>(queue.durable.delivered_stream_seq)},
                {"oldest_task", static_cast<std::int64_t>(queue.first_task)}});
    behind_.pop_back();
  }
  return Next::kInterval;
}

QueueKeeper::Next QueueKeeper::Failed(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) {
    log_.Write(LogLevel::kWarn,
               "role queues are not looked after: mover_credentials may not; mint them again with meshwarden "
               "creds mint --profile mover, and restart",
               {{"error", MessageOf(status)}});
    return Next::kNever;
  }
  // A space without a task stream has no role queues.
  if (absl::IsNotFound(status)) {
    suspected_.clear();
    behind_.clear();
    return Next::kInterval;
  }
  // A broker that is away is no news; a queue that is neither the old one nor a new one is.
  log_.Write(behind_.empty() ? LogLevel::kDebug : LogLevel::kError,
             behind_.empty() ? "role queues could not be looked at, trying again"
                             : "a role queue could not be made anew, trying again",
             {{"error", MessageOf(status)}});
  return Next::kRetry;
}

}  // namespace meshwarden
