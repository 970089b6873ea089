#include "proto/mentions.h"

#include <unordered_set>
#include <utility>

#include "base/text/lowercase.h"
#include "proto/token.h"

namespace meshwarden {

std::vector<std::string> NormalizeMentions(std::span<const std::string> mentions) {
  std::vector<std::string> normal;
  std::unordered_set<std::string> seen;
  for (const std::string& mention : mentions) {
    std::string name = LowerCase(TrimWhiteSpace(mention));
    if (!name.empty() && seen.insert(name).second) normal.push_back(std::move(name));
  }
  return normal;
}

}  // namespace meshwarden
