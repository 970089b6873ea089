#include "endpoint/buckets/roster.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/printable.h"
#include "proto/identity/instance_id.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMostIdsListed = 10;

bool IsOffline(const Presence& presence) { return presence.status == PresenceStatus::kOffline; }

std::optional<PresenceChange> ChangeBetween(const Presence& before, const Presence& after) {
  if (IsOffline(before) != IsOffline(after)) {
    return IsOffline(after) ? PresenceChange::kOffline : PresenceChange::kJoin;
  }
  if (IsOffline(after)) return std::nullopt;
  const bool heartbeat =
      before.status == after.status && before.activity == after.activity && before.card == after.card;
  if (heartbeat) return std::nullopt;
  return PresenceChange::kUpdate;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameButForCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

absl::Status Ambiguous(std::string_view name, const std::vector<const Presence*>& candidates) {
  std::string ids;
  for (std::size_t i = 0; i < std::min(candidates.size(), kMostIdsListed); ++i) {
    ids += fmt::format("{}{}", i == 0 ? "" : ", ", candidates[i]->card.id);
  }
  if (candidates.size() > kMostIdsListed) {
    ids += fmt::format(" and {} more", candidates.size() - kMostIdsListed);
  }
  return absl::FailedPreconditionError(fmt::format("{} peers are called {}; use the id of one of them: {}",
                                                   candidates.size(), Quoted(name), ids));
}

}  // namespace

std::optional<PresenceEvent> Roster::Apply(std::string_view key, Presence presence, TimePoint now) {
  if (presence.card.id != key) return std::nullopt;
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return Add(std::move(presence), now);
  return Replace(found->second, std::move(presence), now);
}

std::optional<PresenceEvent> Roster::Add(Presence presence, TimePoint now) {
  const bool offline = IsOffline(presence);
  if (entries_.size() >= kMaxRosterEntries) {
    if (offline || offline_.empty()) return std::nullopt;
    entries_.erase(offline_.begin()->second);
    offline_.erase(offline_.begin());
  }
  if (offline) offline_.emplace(now, presence.card.id);
  entries_.insert_or_assign(presence.card.id, Entry{.presence = presence, .heard = now});
  if (offline) return std::nullopt;
  return PresenceEvent{.type = PresenceChange::kJoin, .presence = std::move(presence)};
}

std::optional<PresenceEvent> Roster::Replace(Entry& entry, Presence presence, TimePoint now) {
  const std::optional<PresenceChange> change = ChangeBetween(entry.presence, presence);
  if (IsOffline(entry.presence)) offline_.erase({entry.heard, entry.presence.card.id});
  if (IsOffline(presence)) offline_.emplace(now, presence.card.id);
  entry = Entry{.presence = std::move(presence), .heard = now};
  if (!change) return std::nullopt;
  return PresenceEvent{.type = *change, .presence = entry.presence};
}

PresenceEvent Roster::PutOffline(Entry& entry) {
  entry.presence.status = PresenceStatus::kOffline;
  offline_.emplace(entry.heard, entry.presence.card.id);
  return PresenceEvent{.type = PresenceChange::kOffline, .presence = entry.presence};
}

std::optional<PresenceEvent> Roster::Remove(std::string_view key) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || IsOffline(found->second.presence)) return std::nullopt;
  return PutOffline(found->second);
}

std::vector<PresenceEvent> Roster::Sweep(TimePoint now) {
  MutexLock lock(mutex_);
  std::vector<PresenceEvent> events;
  for (auto& [id, entry] : entries_) {
    if (IsOffline(entry.presence) || now - entry.heard <= liveness_) continue;
    events.push_back(PutOffline(entry));
  }
  return events;
}

void Roster::Clear() {
  MutexLock lock(mutex_);
  entries_.clear();
  offline_.clear();
}

std::vector<Presence> Roster::List() const {
  std::vector<Presence> list;
  {
    MutexLock lock(mutex_);
    list.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) list.push_back(entry.presence);
  }
  // They are in the order of their ids already.
  std::stable_sort(list.begin(), list.end(),
                   [](const Presence& a, const Presence& b) { return a.card.name < b.card.name; });
  return list;
}

std::vector<const Presence*> Roster::Named(std::string_view name, bool exactly) const {
  std::vector<const Presence*> named;
  for (const auto& [id, entry] : entries_) {
    const std::string& other = entry.presence.card.name;
    if (exactly ? other == name : SameButForCase(other, name)) named.push_back(&entry.presence);
  }
  const auto is_offline = [](const Presence* presence) { return IsOffline(*presence); };
  if (!std::all_of(named.begin(), named.end(), is_offline)) std::erase_if(named, is_offline);
  return named;
}

absl::StatusOr<Presence> Roster::Resolve(std::string_view name_or_id) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name_or_id);
  if (found != entries_.end()) return found->second.presence;
  // Or whoever takes another's id for a name would get what is meant for it.
  const bool may_be_name = !IsInstanceId(name_or_id);
  std::vector<const Presence*> named;
  if (may_be_name) named = Named(name_or_id, true);
  if (may_be_name && named.empty()) named = Named(name_or_id, false);
  if (named.empty()) {
    return absl::NotFoundError(fmt::format(
        "no peer has the name or id {}; the roster lists those who have been seen", Quoted(name_or_id)));
  }
  if (named.size() > 1) return Ambiguous(name_or_id, named);
  return *named.front();
}

}  // namespace meshwarden
