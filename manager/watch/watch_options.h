// How often the watcher looks, how long it waits, and what it takes for too much.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>

namespace meshwarden {

struct WatchOptions {
  // Between two looks at all durables. A place that is given back is at most this old, and as long as a look
  // takes.
  std::chrono::milliseconds look_every{8'000};
  // Between two looks at one stream that events ask for.
  std::chrono::milliseconds look_again_after{500};
  // What was heard of counts for so long: the next looks may show what came of it.
  std::chrono::milliseconds heed_for{15'000};
  // Before a repair, by chance: of several managers one is first, and the others find nothing any more.
  std::chrono::milliseconds least_delay{20};
  std::chrono::milliseconds most_delay{150};
  std::chrono::milliseconds first_retry{
      250};  // when the broker does not answer; then twice as long each time
  std::chrono::milliseconds longest_retry{8'000};
  // Between two times that the durable of one agent is taken away.
  std::chrono::milliseconds evict_again_after{60'000};
  // More pulls than these on one agent's durable are not its reader's; more than those are taken away.
  std::uint64_t strange_pulls = 8;
  std::uint64_t crowded_pulls = 64;
  std::size_t max_events = 4096;  // that wait to be worked off
};

// A time to wait before a repair. Not thread-safe.
class RepairDelay {
 public:
  explicit RepairDelay(const WatchOptions& options)
      : random_(std::random_device{}()), delays_(options.least_delay.count(), options.most_delay.count()) {}

  std::chrono::milliseconds Next() { return std::chrono::milliseconds(delays_(random_)); }

 private:
  std::minstd_rand random_;
  std::uniform_int_distribution<std::chrono::milliseconds::rep> delays_;
};

}  // namespace meshwarden
