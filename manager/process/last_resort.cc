#include "manager/process/last_resort.h"

#include <sys/time.h>
#include <unistd.h>

#include <csignal>

namespace meshwarden {
namespace {

void SetTimer(std::chrono::milliseconds wait) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(wait.count() / 1000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(wait.count() % 1000 * 1000);
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

void ArmLastResort(std::chrono::milliseconds grace) {
  std::signal(SIGALRM, [](int) { _exit(0); });
  SetTimer(grace);
}

void DisarmLastResort() { SetTimer(std::chrono::milliseconds(0)); }

}  // namespace meshwarden
