// Received messages for a test, and who settled them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "endpoint/api/endpoint_events.h"

namespace meshwarden::testing {

// Counts how often a message was settled. Thread-safe.
class CountingTarget final : public AckHandle::Target {
 public:
  absl::Status Ack() override {
    const MutexLock lock(mutex_);
    ++acks_;
    return absl::OkStatus();
  }
  absl::Status Nak() override {
    const MutexLock lock(mutex_);
    ++naks_;
    return absl::OkStatus();
  }
  int acks() const {
    const MutexLock lock(mutex_);
    return acks_;
  }
  int naks() const {
    const MutexLock lock(mutex_);
    return naks_;
  }

 private:
  mutable Mutex mutex_;
  int acks_ MW_GUARDED_BY(mutex_) = 0;
  int naks_ MW_GUARDED_BY(mutex_) = 0;
};

inline MeshMessage TestMeshMessage() {
  MeshMessage message;
  message.id = "01234567-89ab-cdef-0123-456789abcdef";
  message.ts = Timestamp(std::chrono::milliseconds(1700000000000));
  message.space = "main";
  message.from = {.id = "a", .name = "Ada", .role = std::nullopt};
  message.destination = {.delivery = Delivery::kChannel, .name = "general"};
  message.parts = {Part::Text("two\nlines")};
  return message;
}

inline ReceivedMessage TestMessage(std::uint64_t seq, std::shared_ptr<AckHandle::Target> target = nullptr,
                                   Delivery kind = Delivery::kChannel, bool historical = false) {
  return {.message = TestMeshMessage(),
          .kind = kind,
          .historical = historical,
          .seq = seq,
          .settle = AckHandle(std::move(target))};
}

}  // namespace meshwarden::testing
