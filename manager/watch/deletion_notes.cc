#include "manager/watch/deletion_notes.h"

namespace meshwarden {

void DeletionNotes::Note(const std::string& id, std::string_view user, Time now) {
  // Anybody's attempts are told of, also those that fail.
  if (notes_.size() >= kMost) {
    std::erase_if(notes_, [&](const auto& entry) { return now - entry.second.at >= kHoldsFor; });
  }
  if (notes_.size() >= kMost) notes_.clear();
  notes_.insert_or_assign(id, Entry{.user = std::string(user), .at = now});
}

std::optional<std::string> DeletionNotes::UserOf(const std::string& id, Time now) const {
  const auto found = notes_.find(id);
  if (found == notes_.end() || now - found->second.at >= kHoldsFor) return std::nullopt;
  return found->second.user;
}

}  // namespace meshwarden
