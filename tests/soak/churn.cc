#include "tests/soak/churn.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace meshwarden::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 3;
constexpr std::size_t kNoRoom = static_cast<std::size_t>(-1);
constexpr std::chrono::milliseconds kRetryWait{200};

}  // namespace

Churn::Churn(const std::vector<Member*>& members, Ledger& ledger, Fault& fault, OnCall on_call)
    : members_(members), ledger_(ledger), fault_(fault), on_call_(std::move(on_call)) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Run(); });
}

Churn::~Churn() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Churn::Join(std::size_t endpoint, std::size_t epoch, Time when) {
  Add({.kind = Kind::kJoin, .endpoint = endpoint, .epoch = epoch}, when);
}
void Churn::Leave(std::size_t endpoint, std::size_t epoch, Time when) {
  Add({.kind = Kind::kLeave, .endpoint = endpoint, .epoch = epoch}, when);
}
void Churn::Reconnect(std::size_t endpoint, Time when) {
  Add({.kind = Kind::kReconnect, .endpoint = endpoint, .epoch = kNoRoom}, when);
}

void Churn::Add(Step step, Time when) {
  const MutexLock lock(mutex_);
  due_.emplace(when, step);
  changed_.NotifyAll();
}

void Churn::Close(std::size_t epoch) {
  const MutexLock lock(mutex_);
  first_open_ = epoch + 1;
  std::erase_if(due_, [epoch](const auto& entry) {
    return entry.second.kind == Kind::kJoin && entry.second.epoch <= epoch;
  });
}

bool Churn::Idle(std::size_t epoch) const {
  const MutexLock lock(mutex_);
  const auto running = running_.find(epoch);
  return (running == running_.end() || running->second == 0) &&
         std::none_of(due_.begin(), due_.end(),
                      [epoch](const auto& entry) { return entry.second.epoch == epoch; });
}

bool Churn::Idle() const {
  const MutexLock lock(mutex_);
  return due_.empty() &&
         std::all_of(running_.begin(), running_.end(), [](const auto& entry) { return entry.second == 0; });
}

void Churn::Run() {
  while (const std::optional<Step> step = Next()) Finish(*step, Do(*step));
}

// The next step, once it is due; nothing when it is time to stop.
std::optional<Churn::Step> Churn::Next() {
  const MutexLock lock(mutex_);
  while (!stop_) {
    if (!due_.empty() && due_.begin()->first <= Clock::now()) {
      const Step step = due_.begin()->second;
      due_.erase(due_.begin());
      ++running_[step.epoch];
      return step;
    }
    changed_.WaitUntil(mutex_, due_.empty() ? Clock::now() + std::chrono::seconds(1) : due_.begin()->first);
  }
  return std::nullopt;
}

void Churn::Finish(const Step& step, bool done) {
  const MutexLock lock(mutex_);
  --running_[step.epoch];
  const bool dropped = step.kind == Kind::kJoin && step.epoch < first_open_;
  if (!done && !dropped) due_.emplace(Clock::now() + kRetryWait, step);
}

bool Churn::Do(const Step& step) {
  switch (step.kind) {
    case Kind::kJoin:
      return DoJoin(step);
    case Kind::kLeave:
      return DoLeave(step);
    case Kind::kReconnect:
      static_cast<void>(Check(members_[step.endpoint]->endpoint().Reconnect(), step));
      return true;
  }
  return true;
}

bool Churn::DoJoin(const Step& step) {
  const Time begin = Clock::now();
  const absl::Status joined = members_[step.endpoint]->endpoint().JoinChannel(RoomOf(step.epoch)).status();
  Tell(joined, step, begin);
  if (!Check(joined, step)) {
    ledger_.Unclear(step.endpoint, step.epoch);
    return false;
  }
  ledger_.Joined(step.endpoint, step.epoch);
  const MutexLock lock(mutex_);
  ++joins_;
  return true;
}

bool Churn::DoLeave(const Step& step) {
  ledger_.Left(step.endpoint, step.epoch);  // from here on it may miss some
  const Time begin = Clock::now();
  const absl::StatusOr<bool> left = members_[step.endpoint]->endpoint().LeaveChannel(RoomOf(step.epoch));
  Tell(left.status(), step, begin);
  if (!Check(left.status(), step)) return false;
  const MutexLock lock(mutex_);
  if (*left) ++leaves_;
  return true;
}

void Churn::Tell(const absl::Status& status, const Step& step, Time begin) const {
  if (on_call_ == nullptr) return;
  on_call_({.endpoint = step.endpoint,
            .epoch = step.epoch,
            .joins = step.kind == Kind::kJoin,
            .leaves = step.kind == Kind::kLeave,
            .status = status,
            .took = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begin)});
}

// A refusal of the manager's is no fault by itself: it, too, loses the broker. A room that nobody gets into
// shows in the count of joins.
bool Churn::Check(const absl::Status& status, const Step& step) {
  if (status.ok()) return true;
  const std::string what = step.kind == Kind::kReconnect ? "a reconnect" : RoomOf(step.epoch);
  const absl::Status told = Annotate(status, fmt::format("endpoint {} and {}", step.endpoint, what));
  if (!IsExplained(status) && !absl::IsFailedPrecondition(status)) fault_.Set(told);
  const MutexLock lock(mutex_);
  ++refused_;
  last_refusal_ = MessageOf(told);
  return false;
}

std::uint64_t Churn::refused() const {
  const MutexLock lock(mutex_);
  return refused_;
}
std::string Churn::last_refusal() const {
  const MutexLock lock(mutex_);
  return last_refusal_;
}

std::uint64_t Churn::joins() const {
  const MutexLock lock(mutex_);
  return joins_;
}
std::uint64_t Churn::leaves() const {
  const MutexLock lock(mutex_);
  return leaves_;
}

}  // namespace meshwarden::testing
