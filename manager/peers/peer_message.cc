#include "manager/peers/peer_message.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/secret_token.h"
#include "base/status.h"

namespace meshwarden {
namespace {

// A move names as many channels as a request can.
constexpr JsonLimits kHeadLimits{.max_bytes = kMaxPeerMessageBytes, .max_depth = 3, .max_values = 10'000};
constexpr std::size_t kSealLength = 2 * crypto_generichash_BYTES;
constexpr std::string_view kPurpose = "meshwarden peers 1";

std::string_view NameOf(PeerMessage::Kind kind) {
  switch (kind) {
    case PeerMessage::Kind::kBeat:
      return "beat";
    case PeerMessage::Kind::kPass:
      return "pass";
    case PeerMessage::Kind::kTook:
      return "took";
    case PeerMessage::Kind::kLost:
      return "lost";
  }
  return "";
}

std::optional<PeerMessage::Kind> KindOf(std::string_view name) {
  for (const PeerMessage::Kind kind : {PeerMessage::Kind::kBeat, PeerMessage::Kind::kPass,
                                       PeerMessage::Kind::kTook, PeerMessage::Kind::kLost}) {
    if (NameOf(kind) == name) return kind;
  }
  return std::nullopt;
}

absl::StatusOr<std::uint64_t> Count(const Json& json, const char* key) {
  MW_ASSIGN_OR_RETURN(const std::int64_t count, RequiredInteger(json, key));
  if (count < 0) return absl::InvalidArgumentError(fmt::format("{} is below zero", key));
  return static_cast<std::uint64_t>(count);
}

std::string EncodeHead(const PeerMessage& message) {
  Json head = {{"kind", NameOf(message.kind)}, {"from", message.from}, {"number", message.number}};
  if (message.kind == PeerMessage::Kind::kPass) {
    head["subject"] = message.subject;
    head["reply"] = message.reply;
    head["ageMs"] = message.age_ms;
  }
  if (message.kind == PeerMessage::Kind::kLost) {
    head["agent"] = message.agent;
    head["channels"] = message.channels;
  }
  return DumpJson(head);
}

absl::StatusOr<PeerMessage> DecodeHead(std::string_view text) {
  MW_ASSIGN_OR_RETURN(const Json head, ParseJsonObject(text, kHeadLimits));
  MW_ASSIGN_OR_RETURN(const std::string name, RequiredString(head, "kind"));
  const std::optional<PeerMessage::Kind> kind = KindOf(name);
  if (!kind.has_value()) return absl::InvalidArgumentError("a kind of message that is not known");
  PeerMessage message{.kind = *kind, .from = {}, .number = 0};
  MW_ASSIGN_OR_RETURN(message.from, RequiredString(head, "from"));
  if (!IsSecretToken(message.from)) return absl::InvalidArgumentError("the sender is no instance");
  MW_ASSIGN_OR_RETURN(message.number, Count(head, "number"));
  if (message.kind == PeerMessage::Kind::kLost) {
    MW_ASSIGN_OR_RETURN(message.agent, RequiredString(head, "agent"));
    MW_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> channels, OptionalStrings(head, "channels"));
    message.channels = std::move(channels).value_or(std::vector<std::string>());
  }
  if (message.kind != PeerMessage::Kind::kPass) return message;
  MW_ASSIGN_OR_RETURN(message.subject, RequiredString(head, "subject"));
  MW_ASSIGN_OR_RETURN(message.reply, RequiredString(head, "reply"));
  MW_ASSIGN_OR_RETURN(const std::uint64_t age, Count(head, "ageMs"));
  message.age_ms = static_cast<std::int64_t>(age);
  return message;
}

// What stands before the next line feed, which is taken off `text` with it.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

PeerSeal::PeerSeal(std::string_view records_token) : key_(crypto_generichash_KEYBYTES) {
  crypto_generichash(key_.Expose().data(), key_.size(),
                     reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size(),
                     reinterpret_cast<const unsigned char*>(records_token.data()), records_token.size());
}

std::string PeerSeal::SealOf(std::string_view sealed, std::string_view to) const {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key_.Expose().data(), key_.size(), crypto_generichash_BYTES);
  // An instance has one length, so that nothing can pass from one part into the other.
  for (const std::string_view part : {to, sealed}) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
  }
  std::array<unsigned char, crypto_generichash_BYTES> hash;
  crypto_generichash_final(&state, hash.data(), hash.size());
  std::string hex(kSealLength + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.resize(kSealLength);
  return hex;
}

std::string PeerSeal::Seal(const PeerMessage& message, std::string_view to) const {
  const std::string sealed = fmt::format("{}\n{}", EncodeHead(message), message.payload);
  return fmt::format("{}\n{}", SealOf(sealed, to), sealed);
}

absl::StatusOr<PeerMessage> PeerSeal::Open(std::string_view text, std::string_view to) const {
  if (text.size() > kMaxPeerMessageBytes)
    return absl::InvalidArgumentError("too long for a manager's message");
  const std::optional<std::string_view> seal = TakeLine(text);
  // First the seal: what nobody vouches for is not read.
  if (!seal.has_value() || seal->size() != kSealLength ||
      sodium_memcmp(seal->data(), SealOf(text, to).data(), kSealLength) != 0) {
    return absl::InvalidArgumentError("not sealed by a manager of this space");
  }
  const std::optional<std::string_view> head = TakeLine(text);
  if (!head.has_value()) return absl::InvalidArgumentError("a manager's message without a head");
  MW_ASSIGN_OR_RETURN(PeerMessage message, DecodeHead(*head));
  message.payload = std::string(text);
  return message;
}

}  // namespace meshwarden
