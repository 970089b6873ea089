// What the C library gets to hold in place of a pointer to one of our objects.
//
// The library calls back on threads of its own, and nothing tells when the last call is over: a pointer could
// outlive its object. So it is given a number, and each callback looks up whether the object behind it still
// lives. The table of numbers is the one process-wide state of this package, because a callback has nothing
// else to start from. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

namespace meshwarden {

// Registers `target` for as long as this object lives. Numbers are never used twice.
class CallbackKey {
 public:
  explicit CallbackKey(std::weak_ptr<void> target);
  ~CallbackKey();
  CallbackKey(const CallbackKey&) = delete;
  CallbackKey& operator=(const CallbackKey&) = delete;

  // The number, in the form in which the library passes it around.
  // NOLINTNEXTLINE(performance-no-int-to-ptr): nobody looks where it points
  void* closure() const { return reinterpret_cast<void*>(key_); }

 private:
  const std::uintptr_t key_;
};

// The object registered under `closure`; null if it is gone.
std::shared_ptr<void> FindCallbackTarget(void* closure);

template <typename T>
std::shared_ptr<T> CallbackTarget(void* closure) {
  return std::static_pointer_cast<T>(FindCallbackTarget(closure));
}

}  // namespace meshwarden
