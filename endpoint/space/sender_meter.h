// How much of a service's time each sender takes, so that one that sends what is costly, or very much, does
// not make the others wait.
//
// Requests are read one after the other on one thread. A sender is charged the time of that thread that its
// requests took, and who has used up its share is refused before its request is read. Half of the time is
// shared out among those who asked within the last second; a tenth is everybody's whatever their number. So
// the rest stays for those who ask little, and who asks alone, however fast, is refused nothing as long as
// the thread can follow.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"

namespace meshwarden {

// Processor time that the calling thread has used.
std::chrono::nanoseconds ThreadProcessorTime();

// Thread-safe. Its memory is bounded, whatever the number of senders.
class SenderMeter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::chrono::nanoseconds burst = std::chrono::milliseconds(50);  // what may be saved up
    double shared = 0.5;  // of the thread's time, for those who asked of late, in equal parts
    double least = 0.1;   // of the thread's time, for each
    std::chrono::milliseconds of_late{1'000};
    std::size_t max_senders = 4096;  // the one that asked least lately makes room
    std::function<TimePoint()> now = &std::chrono::steady_clock::now;
    std::function<std::chrono::nanoseconds()> used = &ThreadProcessorTime;
  };

  explicit SenderMeter(Options options);
  SenderMeter(const SenderMeter&) = delete;
  SenderMeter& operator=(const SenderMeter&) = delete;

  // Nothing if a request of `sender` may be read; else after how long one may, more than nothing.
  std::optional<std::chrono::milliseconds> Refuses(std::string_view sender) MW_EXCLUDES(mutex_);

  // Charges `sender` what the thread does from its construction to its destruction.
  class Charge {
   public:
    // `meter` may be null: then nothing is charged. It and `sender` must outlive the object.
    Charge(SenderMeter* meter, std::string_view sender);
    ~Charge();
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;

   private:
    SenderMeter* const meter_;
    const std::string_view sender_;
    const std::chrono::nanoseconds before_;
  };

 private:
  struct Account {
    std::string sender;
    std::chrono::nanoseconds left;  // below zero by what its last request took too much
    TimePoint asked;                // last; `left` is as of then
  };
  using Accounts = std::list<Account>;

  void Take(std::string_view sender, std::chrono::nanoseconds used) MW_EXCLUDES(mutex_);
  // The sender's account, with what has come in since, in front of all others.
  Account& Visit(std::string_view sender, TimePoint now) MW_REQUIRES(mutex_);
  // Of a second, for the one in front.
  double Share(TimePoint now) const MW_REQUIRES(mutex_);

  const Options options_;
  Mutex mutex_;
  Accounts accounts_ MW_GUARDED_BY(mutex_);  // the one that asked last comes first
  std::unordered_map<std::string_view, Accounts::iterator> by_sender_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
