// Which messages this endpoint has met lately, so that none is handed over twice: a redelivery, a message
// that is both in the history and in the live stream, or a stored copy that somebody had the broker make of
// it.
//
// A message is known by its sender and its id together, so that nobody can spend another's ids. Remembers the
// last `capacity` messages in bounded memory; keys are hashed with a secret of this object's own.
// Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "proto/subject.h"

namespace meshwarden {

// A place in one of the streams.
struct StoredAt {
  Delivery stream = Delivery::kChannel;
  std::uint64_t seq = 0;
  bool operator==(const StoredAt&) const = default;
};

class SeenMessages {
 public:
  explicit SeenMessages(std::size_t capacity = 65'536);

  enum class Verdict {
    kNew,      // first met, or let go of by Forget: hand it over; it is held now
    kAgain,    // handed over before from the same place and not settled: hand it over again; it is held now
    kHeld,     // the same message waits to be handed over: do nothing, that one will be settled
    kSettled,  // settled before: acknowledge it and drop it
    kCopy,     // stored at another place than the first: acknowledge it and drop it
  };
  Verdict Admit(std::string_view sender, std::string_view id, StoredAt at);

  // The handler has been called with it; until it is settled, a redelivery is handed over again.
  void HandedOver(std::string_view sender, std::string_view id);
  void Settled(std::string_view sender, std::string_view id);
  // It was held and will not be handed over: as it was before.
  void Forget(std::string_view sender, std::string_view id);

 private:
  using Key = std::array<std::uint64_t, 2>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return static_cast<std::size_t>(key[0]); }
  };
  enum class State : std::uint8_t { kHeld, kOpen, kSettled };
  struct Entry {
    StoredAt at;
    State state = State::kHeld;
    bool again = false;    // it had been handed over before it was held
    std::size_t slot = 0;  // of order_: a key that was forgotten and came again has left an older slot behind
  };
  Key KeyOf(std::string_view sender, std::string_view id) const;
  std::size_t TakeSlot(const Key& key) MW_REQUIRES(mutex_);

  // Constant after construction.
  const std::size_t capacity_;
  std::array<unsigned char, 16> hash_key_{};

  Mutex mutex_;
  std::unordered_map<Key, Entry, KeyHash> entries_ MW_GUARDED_BY(mutex_);
  // The keys in the order of their coming, as a ring; one that is reached again makes room, if the slot is
  // still its own.
  std::vector<Key> order_ MW_GUARDED_BY(mutex_);
  std::size_t next_ MW_GUARDED_BY(mutex_) = 0;
};

}  // namespace meshwarden
