// Requests that were passed on to the manager whose they are, until that says that it has them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "endpoint/nats/link/nats_message.h"
#include "manager/peers/peer_view.h"

namespace meshwarden {

// A value without a clock or a lock. Not thread-safe.
class PassedRequests {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Request {
    std::string sender;  // the agent
    NatsMessage message;
    Time arrived;
  };
  struct Passed {
    Request request;
    Peer to;
    Time told;  // when it was last sent
  };

  // Keeps a request under the number that it is sent with. False if too many wait: it is not kept.
  bool Keep(std::uint64_t number, Passed passed);  // `number`: not kept already
  // `from` has it: no more to be done. What another claims to have stays.
  void Took(const std::string& from, std::uint64_t number);

  // Those that were told before `before` and are still with whom `owner` says that they should be; each is to
  // be sent again, and is taken for told at `now`. Null of `owner`: nobody else's.
  using OwnerOf = std::function<const Peer*(const std::string& sender)>;
  std::vector<std::pair<std::uint64_t, Passed>> ToSendAgain(Time before, Time now, const OwnerOf& owner);
  // Gives those that have become another's, in the order of their numbers, to that one, under the numbers
  // that `next_number` tells; they keep the time at which they arrived. Those to be sent, taken for told at
  // `now`.
  std::vector<std::pair<std::uint64_t, Passed>> Readdress(const OwnerOf& owner,
                                                          const std::function<std::uint64_t()>& next_number,
                                                          Time now);
  // Takes out those that are nobody else's any more, in the order of their numbers.
  std::vector<Request> TakeOwn(const OwnerOf& owner);
  // Takes out those of `sender`.
  std::vector<Request> TakeOf(const std::string& sender);
  // Takes out those that arrived before `before`.
  std::vector<Request> TakeOld(Time before);

 private:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kMostBytes = 8 * 1024 * 1024;  // of payloads
  // So that one sender takes only its own places.
  static constexpr std::size_t kMostOfOne = 32;
  static constexpr std::size_t kMostBytesOfOne = 256 * 1024;

  template <typename Predicate>
  std::vector<Request> TakeIf(Predicate wanted);

  std::map<std::uint64_t, Passed> passed_;
  // Takes note of one that goes.
  void Forget(const Request& request);

  std::size_t bytes_ = 0;
  struct Share {
    std::size_t requests = 0;  // never 0 in the map
    std::size_t bytes = 0;
  };
  std::map<std::string, Share> of_;  // by sender
};

}  // namespace meshwarden
