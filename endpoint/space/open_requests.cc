#include "endpoint/space/open_requests.h"

namespace meshwarden {

OpenRequests::Place OpenRequests::Open(const std::string& sender) {
  {
    const MutexLock lock(mutex_);
    const auto open = open_.find(sender);
    const std::size_t before = open == open_.end() ? 0 : open->second;
    if (before >= of_one_sender_) return nullptr;
    open_[sender] = before + 1;
  }
  // The deleter runs once, as the last copy goes.
  return {this, [sender](OpenRequests* self) { self->Close(sender); }};
}

void OpenRequests::Close(const std::string& sender) {
  const MutexLock lock(mutex_);
  const auto open = open_.find(sender);
  if (--open->second == 0) open_.erase(open);
}

}  // namespace meshwarden
