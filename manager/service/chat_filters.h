// What an agent's chat durable reads, as the broker has it, and moving it.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/space/privileged.h"

namespace meshwarden {

// Thread-safe. Callbacks may run before the call returns, or on another thread; they are called once.
class ChatFilters {
 public:
  virtual ~ChatFilters() = default;

  // Moves the filter of `id` to `channels`; `done` as in Privileged::SetChatFilterAsync.
  virtual void Move(const std::string& id, std::span<const std::string> channels,
                    std::function<void(absl::Status)> done) = 0;

  // The channels that the durable of `id` reads now. NotFound if there is no such durable. DataLoss if it
  // reads something that channels can't tell: a filter of another shape, or everything.
  virtual void Read(const std::string& id,
                    std::function<void(absl::StatusOr<std::vector<std::string>>)> done) = 0;
};

// Hears of what becomes of moves. Thread-safe; must not block.
class MoveListener {
 public:
  virtual ~MoveListener() = default;
  // An update to these channels was sent and not answered: the broker may carry it out at any later time.
  virtual void Lost(const std::string& id, const std::vector<std::string>& channels) = 0;
  // The broker has these channels, and whoever asked is about to hear so.
  virtual void Confirmed(const std::string& id, const std::vector<std::string>& channels) = 0;
};

// The filters of a space on its broker.
class BrokerChatFilters final : public ChatFilters {
 public:
  // Works through `apis`, at least one, each on a connection of its own: one agent always through the same,
  // so that its moves stay in order, different agents side by side. They must outlive this object and every
  // call in flight.
  BrokerChatFilters(std::span<JetStreamApi* const> apis, std::string space);
  // From then on `listener`, which must live as long, hears of each move. To be called before the first.
  void ListenTo(MoveListener& listener) { listener_ = &listener; }

  void Move(const std::string& id, std::span<const std::string> channels,
            std::function<void(absl::Status)> done) override;
  void Read(const std::string& id,
            std::function<void(absl::StatusOr<std::vector<std::string>>)> done) override;

 private:
  struct Way {
    JetStreamApi* api;
    Privileged privileged;
  };
  Way& WayOf(const std::string& id);

  const std::string space_;
  std::vector<Way> ways_;
  MoveListener* listener_ = nullptr;
};

}  // namespace meshwarden
