#include "manager/agent/peer_address.h"

#include <cstddef>

#include "proto/identity/nkey.h"

namespace meshwarden {
namespace {

bool IsUuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = kDigits.find(text[i]) != std::string_view::npos;
    if (kShape[i] == 'x' ? !digit : text[i] != '-') return false;
  }
  return true;
}

}  // namespace

bool IsAddress(std::string_view text) {
  return IsUuid(text) || PublicNkey::ParseAs(NkeyKind::kUser, text).ok();
}

}  // namespace meshwarden
