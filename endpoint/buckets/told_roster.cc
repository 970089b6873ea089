#include "endpoint/buckets/told_roster.h"

namespace meshwarden {

void ToldRoster::Apply(std::string_view key, Presence presence, Roster::TimePoint now) {
  MutexLock lock(mutex_);
  if (const auto event = roster_.Apply(key, std::move(presence), now)) tell_(*event);
}

void ToldRoster::Remove(std::string_view key) {
  MutexLock lock(mutex_);
  if (const auto event = roster_.Remove(key)) tell_(*event);
}

void ToldRoster::Sweep(Roster::TimePoint now) {
  MutexLock lock(mutex_);
  for (const PresenceEvent& event : roster_.Sweep(now)) tell_(event);
}

}  // namespace meshwarden
