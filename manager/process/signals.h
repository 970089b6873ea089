// The signals that steer the daemon, taken one at a time by whoever waits for them.
#pragma once

#include <csignal>

namespace meshwarden {

// SIGTERM, SIGINT and SIGHUP, kept from interrupting anybody. Make it in main before the first thread, since
// threads inherit what is blocked. SIGPIPE is ignored from then on.
class SteeringSignals {
 public:
  SteeringSignals();
  SteeringSignals(const SteeringSignals&) = delete;
  SteeringSignals& operator=(const SteeringSignals&) = delete;

  // Waits for the next of them and returns its number.
  int Wait() const;

 private:
  sigset_t signals_;
};

}  // namespace meshwarden
