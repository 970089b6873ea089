#include "provisioning/space/control_line.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/agent_credential.h"
#include "provisioning/minting/mint.h"

namespace meshwarden {
namespace {

// What all else in an agent's JWT has at most, and what a channel costs beside its own name and the space's.
constexpr std::size_t kMostOfTheRest = 12'000;
constexpr std::size_t kMostOfAChannel = 160;

// A policy may have tens of thousands of agents, and few of them many channels.
bool SurelyFits(const AgentPolicy& agent, const std::string& space) {
  std::size_t bytes = kMostOfTheRest + 20 * space.size();
  for (const auto& patterns : {agent.AllowSubscribePatterns(), agent.AllowPublishPatterns()}) {
    for (const std::string& pattern : patterns) bytes += kMostOfAChannel + 2 * space.size() + pattern.size();
  }
  return FitsControlLine(bytes * 4 / 3, kSpaceControlLine);
}

}  // namespace

bool FitsControlLine(std::size_t jwt_bytes, std::size_t limit) {
  return jwt_bytes + kRestOfConnectLine <= limit;
}

std::optional<std::string> WarnIfTooLarge(std::string_view whose, std::size_t jwt_bytes) {
  if (FitsControlLine(jwt_bytes, kSpaceControlLine)) return std::nullopt;
  return fmt::format(
      "{}: its JWT of {} bytes travels in the line CONNECT, which takes up to {} bytes more, and a server "
      "drops, "
      "without a word to the client, whoever sends a longer line than its max_control_line ({} in the "
      "server.conf of space init). Let patterns such as team.> stand for many channels, or set "
      "max_control_line in server.conf to {} or more and restart the server",
      whose, jwt_bytes, kRestOfConnectLine, kSpaceControlLine, jwt_bytes + kRestOfConnectLine);
}

std::optional<std::string> WarnAboutAgent(const AgentPolicy& agent, const std::string& space) {
  if (SurelyFits(agent, space)) return std::nullopt;
  const std::string whose = fmt::format("agent {}", Quoted(agent.name));
  const absl::StatusOr<std::size_t> bytes = JwtBytesOf(agent, space);
  if (!bytes.ok()) return fmt::format("{}: no credential comes out: {}", whose, MessageOf(bytes.status()));
  return WarnIfTooLarge(whose, *bytes);
}

absl::StatusOr<std::size_t> JwtBytesOf(const AgentPolicy& agent, const std::string& space) {
  // Keys and signatures are of one length, whoever's they are.
  MW_ASSIGN_OR_RETURN(const KeyPair account, KeyPair::Generate(NkeyKind::kAccount));
  MW_ASSIGN_OR_RETURN(KeyPair signing, KeyPair::Generate(NkeyKind::kAccount));
  MW_ASSIGN_OR_RETURN(const KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Make(space, account.public_key(), std::move(signing)));
  MW_ASSIGN_OR_RETURN(
      const std::string jwt,
      MintUserJwt(issuer, CredentialOf(agent, space, user.public_key().text()), Clock::System()));
  return jwt.size();
}

}  // namespace meshwarden
