#include "manager/service/queue_keeper.h"

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
  // One that was deleted and could not be made yet: nobody would know of it any more.
  if (const absl::Status status = Mend(api); !status.ok()) static_cast<void>(Failed(status));
}

bool QueueKeeper::stopping() {
  const MutexLock lock(mutex_);
  return stopping_;
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
  // First what was begun: its durable may be gone. One that can't be made keeps nobody from the others.
  static_cast<void>(Mend(api));
  if (stopping()) return Next::kNever;
  absl::StatusOr<std::vector<QueueBehind>> found = FindQueuesBehind(api, space_);
  if (!found.ok()) return Failed(found.status());
  failed_looks_ = 0;
  Weigh(*std::move(found));
  if (const absl::Status status = Mend(api); !status.ok()) return Failed(status);
  return suspected_.empty() ? Next::kInterval : Next::kConfirm;
}

void QueueKeeper::Weigh(std::vector<QueueBehind> found) {
  const std::vector<QueueBehind> before = std::exchange(suspected_, {});
  std::copy_if(before.begin(), before.end(), std::back_inserter(behind_),
               [](const QueueBehind& earlier) { return earlier.certain; });
  for (QueueBehind& queue : found) {
    const auto same = [&queue](const QueueBehind& other) { return queue.SameAs(other); };
    const auto taken = [&queue](const QueueBehind& other) {
      return queue.durable.name == other.durable.name && queue.durable.created == other.durable.created;
    };
    if (std::any_of(behind_.begin(), behind_.end(), taken)) continue;
    const bool again = std::any_of(before.begin(), before.end(), same);
    (again ? behind_ : suspected_).push_back(std::move(queue));
  }
}

absl::Status QueueKeeper::Mend(JetStreamApi& api) {
  absl::Status first_failure;
  std::vector<QueueBehind> failed;
  for (QueueBehind& queue : std::exchange(behind_, {})) {
    // A broker that is away is away for the others too.
    const bool away = absl::IsUnavailable(first_failure) || absl::IsDeadlineExceeded(first_failure);
    absl::Status status = away ? first_failure : MendOne(api, queue);
    if (status.ok()) continue;
    first_failure.Update(status);
    failed.push_back(std::move(queue));
  }
  behind_ = std::move(failed);
  return first_failure;
}

absl::Status QueueKeeper::MendOne(JetStreamApi& api, const QueueBehind& queue) {
  MW_ASSIGN_OR_RETURN(const bool made, RemakeQueue(api, queue));
  if (made) {
    log_.Write(LogLevel::kWarn, "role queue made anew: it was behind its stream",
               {{"durable", queue.durable.name},
                {"delivered", static_cast<std::int64_t>(queue.durable.delivered_stream_seq)},
                {"ack_floor", static_cast<std::int64_t>(queue.durable.ack_floor_stream_seq)},
                {"oldest_task", static_cast<std::int64_t>(queue.first_task)}});
  }
  return absl::OkStatus();
}

QueueKeeper::Next QueueKeeper::Failed(const absl::Status& status) {
  const std::string error = MessageOf(status);
  if (!behind_.empty()) {
    log_.Write(LogLevel::kError, "a role queue could not be made anew, trying again", {{"error", error}});
    return Next::kRetry;
  }
  if (absl::IsPermissionDenied(status)) {
    log_.Write(LogLevel::kWarn,
               "role queues are not looked after: mover_credentials may not; mint them again with meshwarden "
               "creds mint --profile mover, and restart",
               {{"error", error}});
    return Next::kNever;
  }
  // A space without a task stream has no role queues.
  if (absl::IsNotFound(status)) return Next::kInterval;
  // A broker that is away for a moment is no news.
  log_.Write(++failed_looks_ == options_.warn_after ? LogLevel::kWarn : LogLevel::kDebug,
             "role queues could not be looked at, trying again", {{"error", error}});
  return Next::kRetry;
}

}  // namespace meshwarden
