// nkeys: Ed25519 keys in NATS's text form (a prefix letter, base32, a CRC-16). Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace meshwarden {

enum class NkeyKind { kOperator, kAccount, kUser, kServer, kCluster, kCurve };

// The letter that public keys of the kind begin with: O, A, U, N, C, X.
char PrefixOf(NkeyKind kind);

using Signature = std::array<unsigned char, 64>;

// A public key, checked when made.
class PublicNkey {
 public:
  // Reads the 56-character form. InvalidArgument says what is wrong with it: length, alphabet, checksum,
  // prefix.
  static absl::StatusOr<PublicNkey> Parse(std::string_view text);
  // The same, and refuses every kind but `kind`.
  static absl::StatusOr<PublicNkey> ParseAs(NkeyKind kind, std::string_view text);

  NkeyKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  // True if `signature` over `message` was made with this key's private half. Curve keys verify nothing.
  bool Verify(std::string_view message, std::span<const unsigned char> signature) const;
  bool operator==(const PublicNkey&) const = default;

 private:
  friend class KeyPair;
  PublicNkey(NkeyKind kind, std::array<unsigned char, 32> bytes, std::string text);
  NkeyKind kind_;
  std::array<unsigned char, 32> bytes_;
  std::string text_;
};

// A key pair. The private half lives in locked memory and is wiped with the object. Movable, not copyable.
class KeyPair {
 public:
  static absl::StatusOr<KeyPair> Generate(NkeyKind kind);
  // From the 58-character seed ("SU…", "SA…"); the caller's text is not wiped. InvalidArgument says what is
  // wrong with the seed, never the seed itself.
  static absl::StatusOr<KeyPair> FromSeed(std::string_view seed);

  const PublicNkey& public_key() const { return public_key_; }
  // Curve keys cannot sign: theirs is all zero, which nothing accepts.
  Signature Sign(std::string_view message) const;
  // The seed in text form, in locked memory.
  Secret Seed() const;

 private:
  KeyPair(PublicNkey public_key, Secret private_key);
  static KeyPair FromRawSeed(NkeyKind kind, std::span<const unsigned char> raw_seed);
  PublicNkey public_key_;
  Secret private_key_;  // the 32 bytes of the seed, then those of the public key
};

}  // namespace meshwarden
