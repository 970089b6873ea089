#include "provisioning/records/record_keys.h"

#include <fmt/format.h>

#include "proto/identity/nkey.h"

namespace meshwarden {
namespace {

// A name may have any character in it; as hexadecimal digits it is one token, and no other name's.
std::string Hex(std::string_view text) {
  std::string digits;
  for (const char c : text) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return digits;
}

}  // namespace

std::string RecordKeys::Record(std::string_view id) const { return fmt::format("{}.rec.{}", token_, id); }

std::string RecordKeys::AgentPlace(std::string_view agent, std::uint32_t number) const {
  return fmt::format("{}.place.agent.{}.{}", token_, Hex(agent), number);
}

std::string RecordKeys::OwnerPlace(std::string_view root, std::uint32_t number) const {
  return fmt::format("{}.place.owner.{}.{}", token_, root, number);
}

std::string RecordKeys::Lease(std::string_view name) const {
  return fmt::format("{}.lease.{}", token_, name);
}

std::string RecordKeys::Policy(std::string_view name) const {
  return fmt::format("{}.policy.{}", token_, name);
}

std::string RecordKeys::Moved() const { return token_ + ".moved"; }

bool IsEarlierRecordKey(std::string_view key) { return PublicNkey::ParseAs(NkeyKind::kUser, key).ok(); }

}  // namespace meshwarden
