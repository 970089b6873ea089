#include "policy/grants.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace meshwarden {

void Grants::Add(std::shared_ptr<const GrantList> list) {
  if (!list->patterns.empty()) lists_.push_back(std::move(list));
}

void Grants::push_back(const Grant& grant) {
  GrantList list{std::make_shared<const GrantOrigin>(GrantOrigin{grant.location.file, grant.via}), {}};
  list.patterns.push_back(
      {std::make_shared<const ChannelPattern>(grant.pattern), grant.location.line, grant.location.column});
  lists_.push_back(std::make_shared<const GrantList>(std::move(list)));
}

std::size_t Grants::size() const {
  std::size_t count = 0;
  for (const auto& list : lists_) count += list->patterns.size();
  return count;
}

std::vector<std::string> Grants::Patterns() const {
  std::vector<std::string> patterns;
  std::set<std::string_view> seen;
  for (const auto& list : lists_) {
    for (const ListedPattern& listed : list->patterns) {
      if (seen.insert(listed.pattern->text()).second) patterns.push_back(listed.pattern->text());
    }
  }
  return patterns;
}

std::optional<Grant> Grants::FirstCovering(const ChannelPattern& channel) const {
  for (const auto& list : lists_) {
    for (const ListedPattern& listed : list->patterns) {
      if (listed.pattern->Covers(channel)) {
        return Grant{*listed.pattern, {list->origin->file, listed.line, listed.column}, list->origin->via};
      }
    }
  }
  return std::nullopt;
}

bool Grants::Overlap(const ChannelPattern& channel) const {
  return std::any_of(lists_.begin(), lists_.end(), [&channel](const auto& list) {
    return std::any_of(list->patterns.begin(), list->patterns.end(),
                       [&channel](const auto& listed) { return listed.pattern->Overlaps(channel); });
  });
}

}  // namespace meshwarden
