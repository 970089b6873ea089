#include "provisioning/minting/space_secrets.h"

#include "base/secret_token.h"

namespace meshwarden {

SpaceSecrets MakeSpaceSecrets() { return {.api = MakeSecretToken(), .records = MakeSecretToken()}; }

}  // namespace meshwarden
