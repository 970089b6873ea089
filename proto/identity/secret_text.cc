#include "proto/identity/secret_text.h"

#include <algorithm>
#include <cstddef>

namespace meshwarden {

Secret JoinSecret(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  Secret joined(size);
  auto out = joined.Expose().begin();
  for (const std::string_view part : parts) out = std::copy(part.begin(), part.end(), out);
  return joined;
}

}  // namespace meshwarden
