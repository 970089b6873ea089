#include "proto/identity/instance_id.h"

#include "proto/identity/nkey.h"
#include "proto/uuid.h"

namespace meshwarden {

bool IsInstanceId(std::string_view text) {
  return IsUuid(text) || PublicNkey::ParseAs(NkeyKind::kUser, text).ok();
}

}  // namespace meshwarden
