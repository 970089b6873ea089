// What has been told of one outage already.
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace meshwarden {

// A server that stays away, or several that fail in turn, would fill a log with the same lines. Not
// thread-safe.
class ToldCauses {
 public:
  // True the first time, for at most as many causes as one outage can sensibly have.
  bool IsNews(const std::string& cause) {
    return (told_.size() < kMost || told_.contains(cause)) && told_.insert(cause).second;
  }
  // The outage is over.
  void Forget() { told_.clear(); }

 private:
  static constexpr std::size_t kMost = 32;
  std::set<std::string> told_;
};

}  // namespace meshwarden
