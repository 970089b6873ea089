#include "endpoint/nats/link/callback_registry.h"

#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace meshwarden {
namespace {

class Registry {
 public:
  std::uintptr_t Add(std::weak_ptr<void> target) {
    MutexLock lock(mutex_);
    targets_.emplace(++last_key_, std::move(target));
    return last_key_;
  }

  void Remove(std::uintptr_t key) {
    MutexLock lock(mutex_);
    targets_.erase(key);
  }

  std::shared_ptr<void> Find(std::uintptr_t key) {
    MutexLock lock(mutex_);
    const auto found = targets_.find(key);
    return found == targets_.end() ? nullptr : found->second.lock();
  }

 private:
  Mutex mutex_;
  std::uintptr_t last_key_ MW_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::uintptr_t, std::weak_ptr<void>> targets_ MW_GUARDED_BY(mutex_);
};

// Never destroyed: the library's threads may call back while the program exits.
Registry& TheRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

}  // namespace

CallbackKey::CallbackKey(std::weak_ptr<void> target) : key_(TheRegistry().Add(std::move(target))) {}

CallbackKey::~CallbackKey() { TheRegistry().Remove(key_); }

std::shared_ptr<void> FindCallbackTarget(void* closure) {
  return TheRegistry().Find(reinterpret_cast<std::uintptr_t>(closure));
}

}  // namespace meshwarden
