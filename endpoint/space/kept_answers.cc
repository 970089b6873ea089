#include "endpoint/space/kept_answers.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace meshwarden {

void KeptAnswers::Keep(Answer answer, TimePoint now) {
  const TimePoint until = std::min(answer.ends, now + options_.keep);
  const std::size_t bytes = BytesOf(answer);
  if (until <= now || bytes > options_.max_bytes) return;
  const MutexLock lock(mutex_);
  while (!kept_.empty() && (kept_.front().until <= now || kept_.size() >= options_.max_answers ||
                            bytes_ + bytes > options_.max_bytes)) {
    DropOldest();
  }
  bytes_ += bytes;
  kept_.push_back({.answer = std::move(answer), .until = until});
}

void KeptAnswers::SendAgain(Connection& connection, TimePoint now) {
  std::vector<Answer> due;
  {
    const MutexLock lock(mutex_);
    for (const Kept& kept : kept_) {
      if (kept.until > now) due.push_back(kept.answer);
    }
  }
  for (const Answer& answer : due) {
    // Lost once more: then it is sent again when that has been made good.
    if (!connection.PublishSoon(answer.subject, answer.payload).ok()) return;
  }
}

void KeptAnswers::DropOldest() {
  bytes_ -= BytesOf(kept_.front().answer);
  kept_.pop_front();
}

}  // namespace meshwarden
