#include "endpoint/delivery/seen_messages.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/die.h"

namespace meshwarden {
namespace {

// With its length before it, so that no two pairs of texts run together into the same bytes.
void AppendWithLength(std::string_view text, std::string& bytes) {
  const std::uint64_t length = text.size();
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes.append(text);
}

}  // namespace

SeenMessages::SeenMessages(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {
  static_assert(crypto_shorthash_siphashx24_KEYBYTES == sizeof(hash_key_));
  static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(Key));
  if (sodium_init() < 0) {
    Die("libsodium does not start: no source of randomness on this system");
  }
  randombytes_buf(hash_key_.data(), hash_key_.size());
}

SeenMessages::Key SeenMessages::KeyOf(std::string_view sender, std::string_view id) const {
  std::string bytes;
  bytes.reserve(2 * sizeof(std::uint64_t) + sender.size() + id.size());
  AppendWithLength(sender, bytes);
  AppendWithLength(id, bytes);
  std::array<unsigned char, sizeof(Key)> hash;
  crypto_shorthash_siphashx24(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                              hash_key_.data());
  Key key;
  std::memcpy(key.data(), hash.data(), hash.size());
  return key;
}

std::size_t SeenMessages::TakeSlot(const Key& key) {
  const std::size_t slot = next_;
  next_ = (next_ + 1) % capacity_;
  if (order_.size() < capacity_) {
    order_.push_back(key);
    return slot;
  }
  const auto previous = entries_.find(order_[slot]);
  if (previous != entries_.end() && previous->second.slot == slot && order_[slot] != key) {
    entries_.erase(previous);
  }
  order_[slot] = key;
  return slot;
}

SeenMessages::Verdict SeenMessages::Admit(std::string_view sender, std::string_view id, StoredAt at) {
  const Key key = KeyOf(sender, id);
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    const std::size_t slot = TakeSlot(key);
    entries_[key] = Entry{.at = at, .state = State::kHeld, .again = false, .slot = slot};
    return Verdict::kNew;
  }
  Entry& entry = found->second;
  if (entry.at != at) return Verdict::kCopy;
  // Its acknowledgement may be lost again, and it come again: it is young once more. Nothing else is let go
  // of here but the oldest.
  entry.slot = TakeSlot(key);
  if (entry.state == State::kHeld) return Verdict::kHeld;
  if (entry.state == State::kSettled) return Verdict::kSettled;
  entry.state = State::kHeld;
  entry.again = true;
  return Verdict::kAgain;
}

void SeenMessages::HandedOver(std::string_view sender, std::string_view id) {
  const Key key = KeyOf(sender, id);
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  // The handler may have settled it already.
  if (found != entries_.end() && found->second.state == State::kHeld) found->second.state = State::kOpen;
}

void SeenMessages::Settled(std::string_view sender, std::string_view id) {
  const Key key = KeyOf(sender, id);
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) found->second.state = State::kSettled;
}

void SeenMessages::Forget(std::string_view sender, std::string_view id) {
  const Key key = KeyOf(sender, id);
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  // One that was settled while it waited to be handed over again stays settled.
  if (found == entries_.end() || found->second.state != State::kHeld) return;
  if (found->second.again) {
    found->second.state = State::kOpen;
  } else {
    entries_.erase(found);
  }
}

}  // namespace meshwarden
