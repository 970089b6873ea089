#include "proto/name.h"

#include <fmt/format.h>

#include "base/text/printable.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

absl::Status InvalidName(std::string_view name, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("invalid name {}: {}", Quoted(name, kMaxNameBytes), why));
}

}  // namespace

absl::Status ValidateName(std::string_view name) {
  if (name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        fmt::format("invalid name: {} bytes are more than the {} allowed", name.size(), kMaxNameBytes));
  }
  if (name.empty() || TrimWhiteSpace(name).size() != name.size()) {
    return InvalidName(name, "must be non-empty with no surrounding whitespace");
  }
  if (name.find('/') != std::string_view::npos) {
    return InvalidName(name, "\"/\" is reserved (the owner/name separator)");
  }
  if (name.find_first_of("\r\n") != std::string_view::npos) {
    return InvalidName(name, "must be a single line");
  }
  return absl::OkStatus();
}

}  // namespace meshwarden
