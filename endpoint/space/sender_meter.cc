#include "endpoint/space/sender_meter.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

namespace meshwarden {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

nanoseconds Scaled(nanoseconds time, double by) {
  return nanoseconds(static_cast<nanoseconds::rep>(static_cast<double>(time.count()) * by));
}

}  // namespace

nanoseconds ThreadProcessorTime() {
  timespec used{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return nanoseconds(0);
  return std::chrono::seconds(used.tv_sec) + nanoseconds(used.tv_nsec);
}

SenderMeter::SenderMeter(Options options) : options_(std::move(options)) {}

std::optional<milliseconds> SenderMeter::Refuses(std::string_view sender) {
  const TimePoint now = options_.now();
  const MutexLock lock(mutex_);
  const Account& account = Visit(sender, now);
  if (account.left > nanoseconds(0)) return std::nullopt;
  const nanoseconds wait = Scaled(nanoseconds(1) - account.left, 1 / Share(now));
  return std::max(std::chrono::ceil<milliseconds>(wait), milliseconds(1));
}

void SenderMeter::Take(std::string_view sender, nanoseconds used) {
  const MutexLock lock(mutex_);
  // One that has been forgotten meanwhile begins anew.
  const auto found = by_sender_.find(sender);
  if (found != by_sender_.end()) found->second->left -= used;
}

SenderMeter::Account& SenderMeter::Visit(std::string_view sender, TimePoint now) {
  const auto found = by_sender_.find(sender);
  if (found == by_sender_.end()) {
    if (accounts_.size() >= options_.max_senders) {
      by_sender_.erase(accounts_.back().sender);
      accounts_.pop_back();
    }
    accounts_.push_front({.sender = std::string(sender), .left = options_.burst, .asked = now});
    by_sender_[accounts_.front().sender] = accounts_.begin();
    return accounts_.front();
  }
  accounts_.splice(accounts_.begin(), accounts_, found->second);
  Account& account = accounts_.front();
  const nanoseconds passed = std::max<nanoseconds>(now - account.asked, nanoseconds(0));
  account.asked = now;
  account.left = std::min(options_.burst, account.left + Scaled(passed, Share(now)));
  return account;
}

double SenderMeter::Share(TimePoint now) const {
  // No further than where the least begins to count.
  double share = options_.shared;
  int asked = 0;
  for (const Account& account : accounts_) {
    if (now - account.asked > options_.of_late || share <= options_.least) break;
    share = options_.shared / ++asked;
  }
  return std::max(share, options_.least);
}

SenderMeter::Charge::Charge(SenderMeter* meter, std::string_view sender)
    : meter_(meter), sender_(sender), before_(meter == nullptr ? nanoseconds(0) : meter->options_.used()) {}

SenderMeter::Charge::~Charge() {
  if (meter_ != nullptr) meter_->Take(sender_, meter_->options_.used() - before_);
}

}  // namespace meshwarden
