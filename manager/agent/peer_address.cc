#include "manager/agent/peer_address.h"

#include "proto/identity/nkey.h"
#include "proto/uuid.h"

namespace meshwarden {

bool IsAddress(std::string_view text) {
  return IsUuid(text) || PublicNkey::ParseAs(NkeyKind::kUser, text).ok();
}

}  // namespace meshwarden
