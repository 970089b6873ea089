#include "manager/watch/durable_places.h"

#include <utility>

namespace meshwarden {
namespace {

KnownDurable WordOf(const ConsumerInfo& info) {
  KnownDurable durable{.created = info.created,
                       .deliveries = info.delivered_consumer_seq,
                       .position = info.delivered_stream_seq,
                       .settled = info.ack_floor_stream_seq,
                       .waiting = info.num_waiting,
                       .made_anew = WasMadeAnew(info.config),
                       .filters = info.config.Filters()};
  if (durable.deliveries == 0) {
    durable.settled = durable.position;  // where it begins
  } else if (durable.settled == 0 && info.config.deliver_policy != "all") {
    durable.settled = std::nullopt;
  }
  return durable;
}

// Deliveries are counted upwards, and anew from where somebody has moved the durable to. One that has never
// delivered shows it by its position alone, which also goes on by itself.
bool WasMoved(const KnownDurable& before, const KnownDurable& now, const AskedMoves& asked) {
  if (before.created != now.created) return false;
  if (now.deliveries < before.deliveries) return true;
  return before.deliveries == 0 && now.deliveries == 0 && now.position != before.position &&
         asked.Include(now.position + 1);
}

}  // namespace

void DurablePlaces::Begin() { ++look_; }

std::optional<std::uint64_t> DurablePlaces::Take(const ConsumerInfo& info, const AskedMoves& asked) {
  KnownDurable now = WordOf(info);
  const auto [found, is_new] = entries_.try_emplace(info.name);
  Entry& entry = found->second;
  entry.look = look_;
  KnownDurable& before = entry.durable;
  if (!is_new) {
    const bool lost_messages = before.settled.has_value() && now.settled.value_or(0) > *before.settled;
    if (!asked.empty() && lost_messages && WasMoved(before, now, asked)) {
      before.waiting = now.waiting;
      return before.settled;
    }
    // 2.10 forgets when a durable was made once its filter has moved, so only deliveries tell that it is
    // another.
    if (!now.settled.has_value() && now.deliveries >= before.deliveries) now.settled = before.settled;
  }
  before = std::move(now);
  return std::nullopt;
}

std::vector<std::string> DurablePlaces::End() {
  std::vector<std::string> missing;
  for (const auto& [name, entry] : entries_) {
    if (entry.look != look_) missing.push_back(name);
  }
  return missing;
}

void DurablePlaces::MovedTo(const std::string& name, std::uint64_t next_seq) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || next_seq == 0) return;
  KnownDurable& durable = found->second.durable;
  durable.deliveries = 0;
  durable.position = next_seq - 1;
  durable.settled = next_seq - 1;
}

void DurablePlaces::Forget(const std::string& name) { entries_.erase(name); }

const KnownDurable* DurablePlaces::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second.durable;
}

}  // namespace meshwarden
