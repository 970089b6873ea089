#include "manager/peers/peer_view.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/secret_token.h"
#include "base/status.h"
#include "proto/names.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr JsonLimits kLimits{.max_bytes = 16 * 1024, .max_depth = 4, .max_values = 16 * kMaxPeers};
constexpr std::int64_t kVersion = 1;

// How much `peer` is the one for an agent. No secret: it only has to spread, and to be the same everywhere.
std::uint64_t Weight(const Peer& peer, std::string_view agent_id) {
  constexpr std::array<unsigned char, crypto_shorthash_KEYBYTES> kKey{};
  const std::string text = fmt::format("{} {}", peer.instance, agent_id);
  std::array<unsigned char, crypto_shorthash_BYTES> hash;
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                   kKey.data());
  return std::bit_cast<std::uint64_t>(hash);
}

absl::StatusOr<Peer> DecodePeer(const Json& json) {
  if (!json.is_object()) return absl::InvalidArgumentError("a member is no object");
  Peer peer;
  MW_ASSIGN_OR_RETURN(peer.instance, RequiredString(json, "instance"));
  MW_ASSIGN_OR_RETURN(peer.id, RequiredString(json, "id"));
  if (!IsSecretToken(peer.instance)) return absl::InvalidArgumentError("a member's instance is no token");
  if (!IsSafeToken(peer.id)) return absl::InvalidArgumentError("a member's id is no token");
  return peer;
}

}  // namespace

std::string Peer::Inbox() const { return fmt::format("{}.{}", InboxPrefix(id), instance); }

bool PeerView::Has(std::string_view instance) const {
  return std::any_of(members.begin(), members.end(),
                     [instance](const Peer& member) { return member.instance == instance; });
}

const Peer* PeerView::OwnerOf(std::string_view agent_id) const {
  if (members.size() == 1) return &members.front();
  const Peer* owner = nullptr;
  std::uint64_t most = 0;
  for (const Peer& member : members) {
    const std::uint64_t weight = Weight(member, agent_id);
    if (owner != nullptr && (weight < most || (weight == most && member.instance < owner->instance)))
      continue;
    owner = &member;
    most = weight;
  }
  return owner;
}

PeerView PeerView::With(const Peer& peer) const {
  PeerView next = Without(peer.instance);
  next.members.push_back(peer);
  return next;
}

PeerView PeerView::Without(std::string_view instance) const {
  PeerView next = *this;
  std::erase_if(next.members, [instance](const Peer& member) { return member.instance == instance; });
  return next;
}

std::string EncodePeerView(const PeerView& view) {
  Json members = Json::array();
  for (const Peer& member : view.members)
    members.push_back({{"instance", member.instance}, {"id", member.id}});
  return DumpJson({{"v", kVersion}, {"number", view.number}, {"members", std::move(members)}});
}

absl::StatusOr<PeerView> DecodePeerView(std::string_view text, std::uint64_t revision) {
  MW_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(text, kLimits));
  MW_ASSIGN_OR_RETURN(const std::int64_t version, RequiredInteger(json, "v"));
  if (version != kVersion) return absl::InvalidArgumentError(fmt::format("version {} is not known", version));
  const auto members = json.find("members");
  if (members == json.end() || !members->is_array() || members->size() > kMaxPeers) {
    return absl::InvalidArgumentError(fmt::format("members are no list of at most {}", kMaxPeers));
  }
  MW_ASSIGN_OR_RETURN(const std::int64_t number, RequiredInteger(json, "number"));
  if (number < 1) return absl::InvalidArgumentError("the number is below 1");
  PeerView view{.revision = revision, .number = static_cast<std::uint64_t>(number), .members = {}};
  for (const Json& member : *members) {
    MW_ASSIGN_OR_RETURN(Peer peer, DecodePeer(member));
    if (view.Has(peer.instance)) return absl::InvalidArgumentError("a member stands there twice");
    view.members.push_back(std::move(peer));
  }
  return view;
}

}  // namespace meshwarden
