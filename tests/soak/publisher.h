// A thread that publishes for some of the endpoints, each at its rate, as far as receivers keep up.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/soak/ledger.h"
#include "tests/soak/member.h"

namespace meshwarden::testing {

struct Traffic {
  std::size_t endpoints = 0;
  std::size_t workers_from = 0;       // members of the role, which is "worker"
  std::vector<std::string> ids;       // of the endpoints
  double rate = 0;                    // messages a second of one sender
  std::atomic<std::size_t> epoch{0};  // whose room is published to
  std::atomic<bool> stop{false};
  // By when what is still unsettled after `stop` is given up. Set before `stop`.
  std::atomic<std::chrono::steady_clock::time_point> give_up{};
  // Told of each attempt to publish, on the publishers' threads: whose, how it ended, and how long it took.
  // May be null.
  std::function<void(std::size_t member, const absl::Status& status, std::chrono::milliseconds took)> on_try;
};

class Publisher {
 public:
  // Everything given must outlive the publisher. The thread runs until `traffic.stop`, and ends by itself.
  Publisher(std::vector<Member*> members, Ledger& ledger, Traffic& traffic, Fault& fault, std::uint64_t seed);
  // Waits for the end of the thread.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

 private:
  struct Sender {
    Member* member = nullptr;
    std::optional<SoakMessage> pending = std::nullopt;  // its outcome is unknown as yet
    std::chrono::steady_clock::time_point begun{};
    bool tried = false;
    double allowance = 0;  // messages that it may send now
    std::chrono::steady_clock::time_point refilled{};
  };

  void Run();
  void SettlePending();
  bool Turn(Sender& sender);
  bool Try(Sender& sender);
  void Refill(Sender& sender) const;
  std::optional<Lane> PickLane(const Sender& sender);
  bool MayPublish(const Lane& lane);
  absl::Status Send(Sender& sender);

  std::vector<Sender> senders_;
  Ledger& ledger_;
  Traffic& traffic_;
  Fault& fault_;
  std::mt19937_64 random_;
  std::thread thread_;
};

}  // namespace meshwarden::testing
