#include "provisioning/minting/credential_role.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "proto/names.h"
#include "proto/token.h"

namespace meshwarden {

std::optional<std::string> RoleOf(const CredentialView& credential) {
  if (!credential.space.has_value() || !credential.permissions.publish.has_value()) return std::nullopt;
  const std::string before = fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.svc_", TaskStream(*credential.space));
  std::set<std::string> roles;
  for (const std::string& subject : credential.permissions.publish->allow) {
    if (!std::string_view(subject).starts_with(before)) continue;
    const std::string_view role = std::string_view(subject).substr(before.size());
    if (IsSafeToken(role)) roles.emplace(role);
  }
  return roles.size() == 1 ? std::optional(*roles.begin()) : std::nullopt;
}

}  // namespace meshwarden
