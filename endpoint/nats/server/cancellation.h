// Calling off what waits for the network.
#pragma once

#include <array>
#include <memory>

namespace meshwarden {

// Makes what waits by it stop waiting, for good. Thread-safe.
class Cancellation {
 public:
  // With an `outer` one it is cancelled when either is.
  explicit Cancellation(std::shared_ptr<const Cancellation> outer = nullptr);
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  void Cancel();
  bool cancelled() const;
  // One of them becomes readable once cancelled; -1 stands for none, as in poll(2).
  std::array<int, 2> descriptors() const { return {event_, outer_ == nullptr ? -1 : outer_->event_}; }

 private:
  const int event_;
  const std::shared_ptr<const Cancellation> outer_;
};

}  // namespace meshwarden
