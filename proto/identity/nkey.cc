#include "proto/identity/nkey.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/status.h"
#include "proto/identity/base32.h"

namespace meshwarden {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kCrcBytes = 2;
constexpr std::size_t kPublicBytes = 1 + kKeyBytes + kCrcBytes;
constexpr std::size_t kSeedBytes = 2 + kKeyBytes + kCrcBytes;
constexpr std::size_t kPublicLength = Base32Length(kPublicBytes);
constexpr std::size_t kSeedLength = Base32Length(kSeedBytes);

constexpr std::array kKinds = {NkeyKind::kOperator, NkeyKind::kAccount, NkeyKind::kUser,
                               NkeyKind::kServer,   NkeyKind::kCluster, NkeyKind::kCurve};

// The five bits of a letter at the head of the text, at the top of the first byte.
constexpr unsigned PrefixByte(char letter) { return static_cast<unsigned>(letter - 'A') << 3; }
constexpr unsigned kSeedPrefix = PrefixByte('S');

std::optional<NkeyKind> KindOf(unsigned prefix_byte) {
  for (const NkeyKind kind : kKinds) {
    if (PrefixByte(PrefixOf(kind)) == prefix_byte) return kind;
  }
  return std::nullopt;
}

// CRC-16/XMODEM, which nkeys append with the low byte first.
unsigned Crc16(std::span<const unsigned char> bytes) {
  unsigned crc = 0;
  for (const unsigned char byte : bytes) {
    crc ^= static_cast<unsigned>(byte) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = ((crc << 1) ^ ((crc & 0x8000U) != 0 ? 0x1021U : 0U)) & 0xFFFFU;
  }
  return crc;
}

void AppendCrc(std::span<unsigned char> bytes) {
  const unsigned crc = Crc16(bytes.first(bytes.size() - kCrcBytes));
  bytes[bytes.size() - 2] = static_cast<unsigned char>(crc);
  bytes[bytes.size() - 1] = static_cast<unsigned char>(crc >> 8);
}

bool CrcMatches(std::span<const unsigned char> bytes) {
  const auto stored = bytes.last(kCrcBytes);
  return Crc16(bytes.first(bytes.size() - kCrcBytes)) == (stored[0] | static_cast<unsigned>(stored[1]) << 8);
}

// Messages begin as the peers' do, which programs match on. They never quote the text: it may be a seed.
absl::Status DecodeText(std::string_view text, std::span<unsigned char> bytes) {
  const Base32Result result = DecodeBase32(text, bytes);
  if (result == Base32Result::kBadLength || result == Base32Result::kBadCharacter) {
    return absl::InvalidArgumentError("nkeys: invalid encoded key: not base32 in upper case");
  }
  if (!CrcMatches(bytes)) return absl::InvalidArgumentError("nkeys: invalid checksum");
  if (result == Base32Result::kTrailingBits) {
    return absl::InvalidArgumentError("nkeys: invalid encoded key: bits set after its end");
  }
  return absl::OkStatus();
}

std::string PublicText(NkeyKind kind, std::span<const unsigned char, kKeyBytes> key) {
  std::array<unsigned char, kPublicBytes> bytes{};
  bytes[0] = static_cast<unsigned char>(PrefixByte(PrefixOf(kind)));
  std::copy(key.begin(), key.end(), bytes.begin() + 1);
  AppendCrc(bytes);
  std::string text(kPublicLength, '\0');
  EncodeBase32(bytes, text);
  return text;
}

void StartSodium() {
  if (sodium_init() < 0) std::abort();  // no randomness: no key made here could be trusted
}

}  // namespace

char PrefixOf(NkeyKind kind) {
  switch (kind) {
    case NkeyKind::kOperator:
      return 'O';
    case NkeyKind::kAccount:
      return 'A';
    case NkeyKind::kUser:
      return 'U';
    case NkeyKind::kServer:
      return 'N';
    case NkeyKind::kCluster:
      return 'C';
    case NkeyKind::kCurve:
      return 'X';
  }
  std::abort();
}

PublicNkey::PublicNkey(NkeyKind kind, std::array<unsigned char, 32> bytes, std::string text)
    : kind_(kind), bytes_(bytes), text_(std::move(text)) {}

absl::StatusOr<PublicNkey> PublicNkey::Parse(std::string_view text) {
  if (text.size() != kPublicLength) {
    return absl::InvalidArgumentError(fmt::format(
        "nkeys: invalid encoded key: a public key has {} characters, not {}", kPublicLength, text.size()));
  }
  std::array<unsigned char, kPublicBytes> bytes{};
  MW_RETURN_IF_ERROR(DecodeText(text, bytes));
  const std::optional<NkeyKind> kind = KindOf(bytes[0]);
  if (!kind)
    return absl::InvalidArgumentError("nkeys: invalid prefix byte: not a public key of a known kind");
  std::array<unsigned char, kKeyBytes> key{};
  std::copy_n(bytes.begin() + 1, kKeyBytes, key.begin());
  return PublicNkey(*kind, key, std::string(text));
}

absl::StatusOr<PublicNkey> PublicNkey::ParseAs(NkeyKind kind, std::string_view text) {
  MW_ASSIGN_OR_RETURN(PublicNkey key, Parse(text));
  if (key.kind() != kind) {
    return absl::InvalidArgumentError(fmt::format(
        "nkeys: invalid prefix byte: the key begins with {}, not {}", PrefixOf(key.kind()), PrefixOf(kind)));
  }
  return key;
}

bool PublicNkey::Verify(std::string_view message, std::span<const unsigned char> signature) const {
  if (kind_ == NkeyKind::kCurve || signature.size() != crypto_sign_BYTES) return false;
  StartSodium();
  return crypto_sign_verify_detached(signature.data(), reinterpret_cast<const unsigned char*>(message.data()),
                                     message.size(), bytes_.data()) == 0;
}

KeyPair::KeyPair(PublicNkey public_key, Secret private_key)
    : public_key_(std::move(public_key)), private_key_(std::move(private_key)) {}

KeyPair KeyPair::FromRawSeed(NkeyKind kind, std::span<const unsigned char> raw_seed) {
  std::array<unsigned char, kKeyBytes> key{};
  Secret private_key(crypto_sign_SECRETKEYBYTES);
  if (kind == NkeyKind::kCurve) {
    std::copy(raw_seed.begin(), raw_seed.end(), private_key.Expose().begin());
    crypto_scalarmult_base(key.data(), raw_seed.data());
  } else {
    crypto_sign_seed_keypair(key.data(), private_key.Expose().data(), raw_seed.data());
  }
  return KeyPair(PublicNkey(kind, key, PublicText(kind, key)), std::move(private_key));
}

absl::StatusOr<KeyPair> KeyPair::Generate(NkeyKind kind) {
  StartSodium();
  Secret raw_seed(kKeyBytes);
  randombytes_buf(raw_seed.Expose().data(), raw_seed.size());
  return FromRawSeed(kind, raw_seed.Expose());
}

absl::StatusOr<KeyPair> KeyPair::FromSeed(std::string_view seed) {
  if (seed.size() != kSeedLength) {
    return absl::InvalidArgumentError(fmt::format(
        "nkeys: invalid seed length: a seed has {} characters, not {}", kSeedLength, seed.size()));
  }
  Secret bytes(kSeedBytes);
  MW_RETURN_IF_ERROR(DecodeText(seed, bytes.Expose()));
  // Thirteen bits of prefix: five of 'S', then the whole prefix byte of the kind; the last three are zero.
  const unsigned first = bytes.Expose()[0];
  const unsigned second = bytes.Expose()[1];
  if ((first & 0xF8U) != kSeedPrefix) return absl::InvalidArgumentError("nkeys: invalid seed: no S in front");
  const std::optional<NkeyKind> kind = KindOf((first & 0x07U) << 5 | second >> 3);
  if (!kind || (second & 0x07U) != 0) {
    return absl::InvalidArgumentError("nkeys: invalid prefix byte: not a seed of a known kind");
  }
  return FromRawSeed(*kind, bytes.Expose().subspan(2, kKeyBytes));
}

Signature KeyPair::Sign(std::string_view message) const {
  Signature signature{};
  if (public_key_.kind() == NkeyKind::kCurve) return signature;
  crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const unsigned char*>(message.data()),
                       message.size(), private_key_.Expose().data());
  return signature;
}

Secret KeyPair::Seed() const {
  const unsigned prefix = PrefixByte(PrefixOf(public_key_.kind()));
  Secret bytes(kSeedBytes);
  const std::span<unsigned char> out = bytes.Expose();
  out[0] = static_cast<unsigned char>(kSeedPrefix | prefix >> 5);
  out[1] = static_cast<unsigned char>((prefix & 0x1FU) << 3);
  const auto raw_seed = private_key_.Expose().first(kKeyBytes);
  std::copy(raw_seed.begin(), raw_seed.end(), out.begin() + 2);
  AppendCrc(out);
  Secret text(kSeedLength);
  EncodeBase32(out, {reinterpret_cast<char*>(text.Expose().data()), text.size()});
  return text;
}

}  // namespace meshwarden
