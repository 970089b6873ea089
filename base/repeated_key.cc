#include "base/repeated_key.h"

#include <sodium.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace meshwarden {
namespace {

// So few are compared with each other faster than hashed.
constexpr std::size_t kFewKeys = 8;

using HashSecret = std::array<unsigned char, crypto_shorthash_KEYBYTES>;

HashSecret MakeHashSecret() {
  if (sodium_init() < 0) {
    std::fputs("libsodium does not start: no source of randomness on this system\n", stderr);
    std::abort();
  }
  HashSecret secret;
  randombytes_buf(secret.data(), secret.size());
  return secret;
}

std::uint64_t HashOf(const std::string& key) {
  static const HashSecret secret = MakeHashSecret();
  static_assert(crypto_shorthash_BYTES == sizeof(std::uint64_t));
  std::uint64_t hash = 0;
  crypto_shorthash(reinterpret_cast<unsigned char*>(&hash),
                   reinterpret_cast<const unsigned char*>(key.data()), key.size(), secret.data());
  return hash;
}

const std::string* FindAmongFew(std::span<const std::string> keys) {
  for (std::size_t i = 1; i < keys.size(); ++i) {
    for (std::size_t before = 0; before < i; ++before) {
      if (keys[before] == keys[i]) return &keys[i];
    }
  }
  return nullptr;
}

struct Slot {
  std::uint32_t hash = 0;   // its upper half; the lower one says where the slot is
  std::uint32_t taken = 0;  // by the key before this one of the list; 0: free
};

}  // namespace

const std::string* FindRepeatedKey(std::span<const std::string> keys) {
  if (keys.size() <= kFewKeys) return FindAmongFew(keys);
  std::vector<Slot> slots(std::bit_ceil(2 * keys.size()));
  const std::size_t mask = slots.size() - 1;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t hash = HashOf(keys[i]);
    const auto upper = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & mask;
    for (; slots[at].taken != 0; at = (at + 1) & mask) {
      if (slots[at].hash == upper && keys[slots[at].taken - 1] == keys[i]) return &keys[i];
    }
    slots[at] = {.hash = upper, .taken = i + 1};
  }
  return nullptr;
}

}  // namespace meshwarden
