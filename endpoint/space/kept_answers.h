// Answers that may have been lost with the connection that they were given on: kept for a moment, to be sent
// again when it is back. Whoever asked takes the first copy that comes and never hears of a second.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

#include "base/mutex.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

// Keeps what was given last, within its bounds; the oldest goes first. Thread-safe. Never publishes under its
// lock.
class KeptAnswers {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::size_t max_answers = 4096;
    std::size_t max_bytes = 1 << 20;  // of subjects and payloads together
    // A connection that fell silent is noticed within this time (see ConnectionOptions::ping_interval).
    std::chrono::milliseconds keep{10'000};
  };
  struct Answer {
    std::string subject;
    std::string payload;
    TimePoint ends;  // then nobody waits for it any more
  };

  explicit KeptAnswers(const Options& options) : options_(options) {}
  KeptAnswers(const KeptAnswers&) = delete;
  KeptAnswers& operator=(const KeptAnswers&) = delete;

  // To be called before the answer is published: one that finds the connection away is then among those that
  // SendAgain takes, and one that comes after those were taken finds the connection back.
  void Keep(Answer answer, TimePoint now) MW_EXCLUDES(mutex_);

  // Publishes what somebody may still wait for on `connection`, which has just come up. They stay kept, since
  // it may be lost as well.
  void SendAgain(Connection& connection, TimePoint now) MW_EXCLUDES(mutex_);

 private:
  struct Kept {
    Answer answer;
    TimePoint until;
  };
  static std::size_t BytesOf(const Answer& answer) { return answer.subject.size() + answer.payload.size(); }
  void DropOldest() MW_REQUIRES(mutex_);

  const Options options_;
  Mutex mutex_;
  std::deque<Kept> kept_ MW_GUARDED_BY(mutex_);  // in the order in which they were given
  std::size_t bytes_ MW_GUARDED_BY(mutex_) = 0;
};

}  // namespace meshwarden
