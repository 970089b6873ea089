#include "manager/agent/open_deliveries.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

constexpr std::string_view kHistory = "history:";

bool IsHistorical(std::string_view delivery) {
  return delivery.size() > kHistory.size() && delivery.substr(0, kHistory.size()) == kHistory &&
         delivery.find_first_not_of("0123456789", kHistory.size()) == std::string_view::npos;
}

}  // namespace

OpenDeliveries::OpenDeliveries(std::size_t capacity) : capacity_(capacity) {}

std::string OpenDeliveries::Open(const ReceivedMessage& message) {
  if (message.historical) {
    return fmt::format("{}{}", kHistory, message.seq);
  }
  std::string delivery = fmt::format("{}:{}", NameOf(message.kind), message.seq);
  const MutexLock lock(mutex_);
  if (const auto earlier = entries_.find(delivery); earlier != entries_.end()) {
    order_.erase(earlier->second.place);
    entries_.erase(earlier);
  }
  if (entries_.size() >= capacity_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(delivery);
  entries_.emplace(delivery, Entry{.handle = message.settle, .place = std::prev(order_.end())});
  return delivery;
}

absl::Status OpenDeliveries::Ack(std::string_view delivery) {
  MW_ASSIGN_OR_RETURN(const AckHandle handle, Close(delivery));
  return handle.Ack();
}

absl::Status OpenDeliveries::Nak(std::string_view delivery) {
  MW_ASSIGN_OR_RETURN(const AckHandle handle, Close(delivery));
  return handle.Nak();
}

absl::StatusOr<AckHandle> OpenDeliveries::Close(std::string_view delivery) {
  if (IsHistorical(delivery)) {
    return AckHandle();
  }
  const MutexLock lock(mutex_);
  const auto found = entries_.find(std::string(delivery));
  if (found == entries_.end()) {
    return absl::NotFoundError(fmt::format("no such delivery is open: {}", Quoted(delivery)));
  }
  AckHandle handle = std::move(found->second.handle);
  order_.erase(found->second.place);
  entries_.erase(found);
  return handle;
}

}  // namespace meshwarden
