#include "endpoint/jetstream/ask_again.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_answer.h"

namespace meshwarden {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kAgain{1000};
constexpr std::chrono::milliseconds kPause{200};
constexpr std::chrono::milliseconds kElection{3000};

// What came of all that was sent. Answers may come when nobody waits for them any more.
class Answers {
 public:
  using Answer = absl::StatusOr<NatsMessage>;

  void Take(Answer answer) MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    // A later one that is answered in time counts more than an earlier one whose time is up.
    if (absl::IsDeadlineExceeded(answer.status()) || answer_.has_value()) return;
    answer_ = std::move(answer);
    came_.NotifyAll();
  }

  // Nothing, if none came.
  std::optional<Answer> Await(TimePoint deadline) MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!answer_.has_value()) {
      if (!came_.WaitUntil(mutex_, deadline)) break;
    }
    return std::exchange(answer_, std::nullopt);
  }

 private:
  Mutex mutex_;
  CondVar came_;
  std::optional<Answer> answer_ MW_GUARDED_BY(mutex_);
};

bool IsNotNow(const absl::Status& status) {
  return absl::IsUnavailable(status) && JsErrorCode(status).has_value();
}

}  // namespace

absl::StatusOr<NatsMessage> AskAgain(Connection& connection, const std::string& subject,
                                     const std::string& body, std::chrono::milliseconds timeout,
                                     const std::function<absl::Status(const NatsMessage&)>& judge) {
  const auto answers = std::make_shared<Answers>();
  const TimePoint begin = std::chrono::steady_clock::now();
  const TimePoint deadline = begin + timeout;
  std::optional<Answers::Answer> not_now;
  for (TimePoint now = begin; now < deadline; now = std::chrono::steady_clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    connection.RequestAsync(subject, body, left,
                            [answers](Answers::Answer answer) { answers->Take(std::move(answer)); });
    std::optional<Answers::Answer> answer = answers->Await(std::min(deadline, now + kAgain));
    if (!answer.has_value()) continue;
    if (!answer->ok() || !IsNotNow(judge(**answer))) return *std::move(answer);
    not_now = std::move(answer);
    const TimePoint next = std::chrono::steady_clock::now() + kPause;
    if (next >= std::min(deadline, begin + kElection)) break;
    // One that was sent before may yet be answered.
    answer = answers->Await(next);
    if (answer.has_value() && (!answer->ok() || !IsNotNow(judge(**answer)))) return *std::move(answer);
  }
  if (not_now.has_value()) return *std::move(not_now);
  return absl::DeadlineExceededError("no answer in time; whether the request was carried out is not known");
}

}  // namespace meshwarden
