// What a daemon does at its start while something is not there yet.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <random>

#include "endpoint/nats/server/cancellation.h"
#include "manager/process/log.h"
#include "manager/process/repeat_limit.h"
#include "manager/process/told_to_stop.h"

namespace meshwarden {

// One thread at a time.
class Waiting {
 public:
  // Both must outlive this object. `cancel` is what calls attempts to connect off when it is told to stop.
  Waiting(Log& log, const ToldToStop& told, std::shared_ptr<const Cancellation> cancel)
      : log_(log), told_(told), cancel_(std::move(cancel)) {}

  // Does `step` until it is OK, or until it fails as no waiting can cure: with InvalidArgument or
  // Unimplemented. Says what it waits for, each cause once a minute. Cancelled: it was told to stop.
  absl::Status Until(const std::function<absl::Status()>& step);

  const std::shared_ptr<const Cancellation>& cancel() const { return cancel_; }

 private:
  void Tell(const absl::Status& cause);

  Log& log_;
  const ToldToStop& told_;
  const std::shared_ptr<const Cancellation> cancel_;
  RepeatLimit repeats_{{}};
  std::mt19937 random_{std::random_device()()};
};

}  // namespace meshwarden
