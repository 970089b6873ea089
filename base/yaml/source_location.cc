#include "base/yaml/source_location.h"

#include <fmt/format.h>

namespace meshwarden {

std::string SourceLocation::Format() const {
  if (file == nullptr) return "";
  return line == 0 ? *file : fmt::format("{}:{}:{}", *file, line, column);
}

}  // namespace meshwarden
