// What happened to a connection, on its way to the thread that looks after it. Thread-safe.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace meshwarden {

class ConnectionEvents {
 public:
  // Something that the server or the library reported outside any call.
  struct Report {
    natsStatus status;
    std::string text;     // the server's words, possibly cut short by the library
    std::string subject;  // of the subscription concerned; empty if none
  };
  struct Batch {
    std::vector<Report> reports;
    bool lost = false;
    bool stopping = false;
  };

  // The library's error handler; `closure` names a ConnectionEvents in the callback registry.
  static void OnError(natsConnection*, natsSubscription* subscription, natsStatus status, void* closure);

  void PostLost();
  void Stop();

  // Blocks until there is something, and takes it.
  Batch Await();
  // Blocks until `deadline`; returns early, with true, once Stop has been called.
  bool AwaitStop(std::chrono::steady_clock::time_point deadline);

 private:
  void Add(Report report);

  Mutex mutex_;
  CondVar changed_;
  std::vector<Report> reports_ MW_GUARDED_BY(mutex_);
  bool lost_ MW_GUARDED_BY(mutex_) = false;
  bool stopping_ MW_GUARDED_BY(mutex_) = false;
};

}  // namespace meshwarden
