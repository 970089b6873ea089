#include "manager/watch/look_pace.h"

#include <algorithm>

namespace meshwarden {

void LookPace::End(Time now) {
  earliest_ = now + again_after_;
  due_ = std::max(due_, earliest_);
}

void LookPace::Ask(Time at) { due_ = std::min(due_, std::max(at, earliest_)); }

}  // namespace meshwarden
