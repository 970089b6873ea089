// Keeps the channel registry of a space readable: an entry that was replaced by what is none is put back from
// the copy taken when it was last read.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "endpoint/jetstream/jetstream_api.h"
#include "manager/watch/watch_log.h"

namespace meshwarden {

// Asks every two seconds what was stored since it asked last: one request, where nothing was. Blocking. For
// one thread at a time.
class RegistryKeeper {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Entries kept at most; others are told of when they are damaged, not put back.
  static constexpr std::size_t kMaxEntries = 4096;

  struct Parts {
    std::string space;
    JetStreamApi& api;  // of a mover
    WatchLog& log;
  };
  // All must outlive this object.
  explicit RegistryKeeper(const Parts& parts);

  Time next_due() const { return due_; }
  // Reads what is new, if that is due, and puts right what it can. After an error the rest is read next time.
  absl::Status LookAtDue();
  // All of the registry counts as new: the broker may have another one than before.
  void LookAtAllSoon();

 private:
  absl::Status LookAtNews();
  absl::Status LookAt(const std::string& key);
  absl::Status PutBack(const std::string& key, std::uint64_t damaged_seq);
  // The key that a subject is of; empty for what is no entry of the registry.
  std::string KeyOf(std::string_view subject) const;

  const Parts parts_;
  const std::string bucket_;
  const std::string stream_;
  Time due_;
  std::uint64_t next_seq_ = 1;
  std::map<std::string, std::string> copies_;  // by key, as they were stored
};

}  // namespace meshwarden
