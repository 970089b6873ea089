// The log of requests that were refused before a service read them: bounded, whatever is sent. For each
// sender and kind one line at once and then one a minute, with the number of those left out.
#pragma once

#include <chrono>
#include <functional>

#include "base/mutex.h"
#include "endpoint/space/control.h"
#include "manager/process/log.h"
#include "manager/process/repeat_limit.h"

namespace meshwarden {

// Thread-safe.
class RefusalLog {
 public:
  using SteadyClock = std::function<RepeatLimit::Time()>;
  // `log` must outlive this object.
  explicit RefusalLog(Log& log, SteadyClock now = &std::chrono::steady_clock::now);

  void Write(const RefusedRequest& refused) MW_EXCLUDES(mutex_);

 private:
  Log& log_;
  const SteadyClock now_;
  Mutex mutex_;
  RepeatLimit limit_ MW_GUARDED_BY(mutex_){RepeatLimit::Options{}};
};

}  // namespace meshwarden
