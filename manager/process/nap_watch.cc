#include "manager/process/nap_watch.h"

namespace meshwarden {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

NapWatch::NapWatch(const Options& options) : options_(options) {}

NapWatch::~NapWatch() { Stop(); }

void NapWatch::Start(OnNap on_nap) {
  last_ = steady_clock::now();
  thread_ = std::thread([this, on_nap = std::move(on_nap)] { Run(on_nap); });
}

void NapWatch::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  last_ = Time::max();
}

bool NapWatch::IsAwake() const {
  const Time last = last_;
  return last == Time::max() || steady_clock::now() - last <= options_.tick + options_.late;
}

void NapWatch::Run(const OnNap& on_nap) {
  while (true) {
    {
      const MutexLock lock(mutex_);
      const Time next = last_.load() + options_.tick;
      while (!stopping_ && changed_.WaitUntil(mutex_, next)) {
      }
      if (stopping_) return;
    }
    if (!IsAwake()) {
      // In this order: whoever finds it awake again finds the new count as well.
      const Time before = last_;
      ++naps_;
      on_nap(std::chrono::duration_cast<milliseconds>(steady_clock::now() - before));
    }
    last_ = steady_clock::now();
  }
}

}  // namespace meshwarden
