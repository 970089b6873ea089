// What happens to a connection, on its way to the threads that look after it: what the server reported, that
// the connection was lost or is to be replaced, and how the attempts to replace it end. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <nats/nats.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

class ConnectionEvents {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Something that the server or the library reported outside any call.
  struct Report {
    natsStatus status;
    std::string text;     // the server's words, possibly cut short by the library
    std::string subject;  // of the subscription concerned; empty if none
  };

  // The library's error handler; `closure` names a ConnectionEvents in the callback registry.
  static void OnError(natsConnection*, natsSubscription* subscription, natsStatus status, void* closure);

  // `wake` is called when there is a report to take, under this object's lock, until Stop.
  void SetWake(std::function<void()> wake);
  std::vector<Report> TakeReports();

  void PostLost();
  // What was lost has been let go of: the loss is dealt with.
  void ClearLost();
  void Stop();

  // The supervisor's side. Blocks until there is something to replace; false on Stop.
  bool AwaitWork();
  // Blocks until `time`, or until somebody asks to be reconnected; false on Stop.
  bool AwaitAttempt(TimePoint time);
  void BeginAttempt();
  void EndAttempt(const absl::Status& status);

  // Asks for an attempt, or joins the one that is under way, and returns how it ended; FailedPrecondition on
  // Stop.
  absl::Status RequestAttempt();
  // Asks for an attempt, after the one that is under way if there is one.
  void PostRequest();

 private:
  void Add(Report report);

  Mutex mutex_;
  CondVar changed_;
  std::function<void()> wake_ MW_GUARDED_BY(mutex_);
  std::vector<Report> reports_ MW_GUARDED_BY(mutex_);
  bool lost_ MW_GUARDED_BY(mutex_) = false;
  bool requested_ MW_GUARDED_BY(mutex_) = false;
  bool attempting_ MW_GUARDED_BY(mutex_) = false;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
  std::uint64_t attempts_ended_ MW_GUARDED_BY(mutex_) = 0;
  // The last attempt's result, in parts: Debian's absl counts a Status' references unseen by the thread
  // sanitizer.
  absl::StatusCode code_ MW_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  std::string message_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
