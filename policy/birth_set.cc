#include "policy/birth_set.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "proto/channel_pattern.h"

namespace meshwarden {

std::vector<std::string> TextsOf(std::span<const ListedPattern> patterns) {
  std::vector<std::string> texts;
  texts.reserve(patterns.size());
  std::set<std::string_view> seen;
  for (const ListedPattern& listed : patterns) {
    if (seen.insert(listed.pattern->text()).second) texts.push_back(listed.pattern->text());
  }
  return texts;
}

std::vector<std::string> ChooseBirthSet(std::span<const std::string> preferred, const Grants& allowed,
                                        std::span<const ListedPattern> own) {
  std::vector<std::string> chosen;
  for (const std::string& channel : preferred) {
    const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
    if (pattern.ok() && allowed.FirstCovering(*pattern)) chosen.push_back(channel);
  }
  if (!chosen.empty()) return chosen;
  const std::vector<std::string> texts = TextsOf(own);
  std::copy_if(texts.begin(), texts.end(), std::back_inserter(chosen), IsConcreteChannel);
  return chosen.empty() ? texts : chosen;
}

std::optional<std::pair<std::string, std::string>> FindUnresolvedOverlap(
    std::span<const std::string> channels) {
  // Channels without wildcards share nothing unless they are equal: no need to compare each with each.
  if (std::all_of(channels.begin(), channels.end(), IsConcreteChannel)) return std::nullopt;
  return FindOverlap(CollapsePatterns(channels));
}

}  // namespace meshwarden
