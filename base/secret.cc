#include "base/secret.h"

#include <sodium.h>

#include <cstring>
#include <utility>

#include "base/die.h"

namespace meshwarden {
namespace {

unsigned char* AllocateLocked(std::size_t size) {
  if (sodium_init() < 0) {
    Die("libsodium does not start: no source of randomness on this system");
  }
  void* memory = sodium_malloc(size);
  if (memory == nullptr) {
    Die("no memory left for a secret");
  }
  std::memset(memory, 0, size);
  return static_cast<unsigned char*>(memory);
}

}  // namespace

Secret::Secret(std::size_t size) : data_(size == 0 ? nullptr : AllocateLocked(size)), size_(size) {}

Secret Secret::CopyOf(std::string_view text) {
  Secret secret(text.size());
  if (secret.data_ != nullptr) std::memcpy(secret.data_, text.data(), text.size());
  return secret;
}

// sodium_malloc locks as well, and does not tell whether it could.
bool Secret::AreLocked() {
  const Secret probe(1);
  return sodium_mlock(probe.data_, probe.size_) == 0;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    sodium_free(data_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { sodium_free(data_); }

void WipeMemory(void* data, std::size_t size) { sodium_memzero(data, size); }

}  // namespace meshwarden
