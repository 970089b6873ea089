// How many requests of each sender have not been answered yet, so that a flood of one sender is refused
// before it is read and leaves no trace for each of its parts.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace meshwarden {

// Thread-safe. Holds no more senders than there are open requests.
class OpenRequests {
 public:
  // A request that is open for as long as this lives. Must not outlive the OpenRequests.
  using Place = std::shared_ptr<void>;

  explicit OpenRequests(std::size_t of_one_sender) : of_one_sender_(of_one_sender) {}
  OpenRequests(const OpenRequests&) = delete;
  OpenRequests& operator=(const OpenRequests&) = delete;

  // Null if as many of `sender` are open as may be.
  Place Open(const std::string& sender) MW_EXCLUDES(mutex_);

 private:
  void Close(const std::string& sender) MW_EXCLUDES(mutex_);

  const std::size_t of_one_sender_;
  Mutex mutex_;
  std::unordered_map<std::string, std::size_t> open_ MW_GUARDED_BY(mutex_);  // never 0
};

}  // namespace meshwarden
