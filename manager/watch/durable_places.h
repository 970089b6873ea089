// Where the durables of a stream stand, by the broker's last word, and what of a new word cannot be their own
// doing. Rules only: no clock, no broker, no lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "manager/watch/asked_moves.h"

namespace meshwarden {

struct KnownDurable {
  std::string created;
  std::uint64_t deliveries = 0;  // made so far
  std::uint64_t position = 0;    // of the last of them in the stream
  // Everything up to here is settled. Absent where the broker does not tell: 2.10 calls it 0 until the first
  // acknowledgement, wherever the durable began.
  std::optional<std::uint64_t> settled;
  std::uint64_t waiting = 0;         // pulls
  bool made_anew = false;            // it goes on where another one was lost
  std::vector<std::string> filters;  // as subjects
};

// Of one stream. A look at it is Begin, Take for each durable that the broker lists, and End.
class DurablePlaces {
 public:
  void Begin();

  // Takes the broker's word, and returns the place that the durable had if somebody has moved it beyond what
  // is settled: the messages between would never come. What is known stays as it was then, until MovedTo says
  // that it has its place again. `asked`: some durables of this stream were asked to move; without that
  // nothing is a move.
  std::optional<std::uint64_t> Take(const ConsumerInfo& info, const AskedMoves& asked = {});
  // The durables that were known before the look and not listed by it. They stay known until Forget.
  std::vector<std::string> End();

  // Somebody who may has moved the durable: `next_seq` comes next.
  void MovedTo(const std::string& name, std::uint64_t next_seq);
  void Forget(const std::string& name);
  // Null if it is not known.
  const KnownDurable* Find(const std::string& name) const;

 private:
  struct Entry {
    KnownDurable durable;
    std::uint64_t look = 0;  // that listed it last
  };

  std::unordered_map<std::string, Entry> entries_;
  std::uint64_t look_ = 0;
};

}  // namespace meshwarden
