#include "manager/peers/passed_requests.h"

#include <utility>

namespace meshwarden {

bool PassedRequests::Keep(std::uint64_t number, Passed passed) {
  const std::size_t bytes = passed.request.message.payload.size();
  if (passed_.size() >= kMost || bytes_ + bytes > kMostBytes) return false;
  const auto mine = of_.find(passed.request.sender);
  const Share share = mine == of_.end() ? Share{} : mine->second;
  if (share.requests >= kMostOfOne || share.bytes + bytes > kMostBytesOfOne) return false;
  of_[passed.request.sender] = {.requests = share.requests + 1, .bytes = share.bytes + bytes};
  bytes_ += bytes;
  passed_.emplace(number, std::move(passed));
  return true;
}

void PassedRequests::Forget(const Request& request) {
  bytes_ -= request.message.payload.size();
  const auto mine = of_.find(request.sender);
  mine->second.bytes -= request.message.payload.size();
  if (--mine->second.requests == 0) of_.erase(mine);
}

void PassedRequests::Took(const std::string& from, std::uint64_t number) {
  const auto found = passed_.find(number);
  if (found == passed_.end() || found->second.to.instance != from) return;
  Forget(found->second.request);
  passed_.erase(found);
}

std::vector<std::pair<std::uint64_t, PassedRequests::Passed>> PassedRequests::ToSendAgain(
    Time before, Time now, const OwnerOf& owner) {
  std::vector<std::pair<std::uint64_t, Passed>> again;
  for (auto& [number, passed] : passed_) {
    const Peer* const other = owner(passed.request.sender);
    if (passed.told >= before || other == nullptr || *other != passed.to) continue;
    passed.told = now;
    again.emplace_back(number, passed);
  }
  return again;
}

template <typename Predicate>
std::vector<PassedRequests::Request> PassedRequests::TakeIf(Predicate wanted) {
  std::vector<Request> taken;
  for (auto next = passed_.begin(); next != passed_.end();) {
    const auto one = next++;
    if (!wanted(one->second)) continue;
    Forget(one->second.request);
    taken.push_back(std::move(one->second.request));
    passed_.erase(one);
  }
  return taken;
}

std::vector<std::pair<std::uint64_t, PassedRequests::Passed>> PassedRequests::Readdress(
    const OwnerOf& owner, const std::function<std::uint64_t()>& next_number, Time now) {
  std::vector<std::pair<std::uint64_t, Passed>> moved;
  for (auto next = passed_.begin(); next != passed_.end();) {
    const auto one = next++;
    const Peer* const other = owner(one->second.request.sender);
    if (other == nullptr || *other == one->second.to) continue;
    one->second.to = *other;
    one->second.told = now;
    moved.emplace_back(next_number(), std::move(one->second));
    passed_.erase(one);
  }
  for (const auto& [number, passed] : moved) passed_.emplace(number, passed);
  return moved;
}

std::vector<PassedRequests::Request> PassedRequests::TakeOwn(const OwnerOf& owner) {
  return TakeIf([&owner](const Passed& passed) { return owner(passed.request.sender) == nullptr; });
}

std::vector<PassedRequests::Request> PassedRequests::TakeOf(const std::string& sender) {
  return TakeIf([&sender](const Passed& passed) { return passed.request.sender == sender; });
}

std::vector<PassedRequests::Request> PassedRequests::TakeOld(Time before) {
  return TakeIf([before](const Passed& passed) { return passed.request.arrived < before; });
}

}  // namespace meshwarden
