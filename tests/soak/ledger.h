// The soak's books: what was published, who must have it, who got it and how often.
//
// Owed is what was confirmed to its publisher, or may yet be, and has not reached one who must have it: a
// message on "general" every other endpoint, one in a room its members, a direct message its target, a task
// one member of the role. A message whose outcome stays unknown is owed to nobody, but must not come twice
// either.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/soak/soak_message.h"

namespace meshwarden::testing {

struct LedgerFigures {
  std::uint64_t confirmed[kFlows] = {};
  std::uint64_t unknown = 0;
  std::uint64_t delivered[kFlows] = {};
  std::uint64_t duplicated = 0;  // handed to one endpoint more than once
  std::uint64_t strayed = 0;     // handed to one that it was not for, or never sent
  std::uint64_t retold = 0;      // see Unclear
  std::uint64_t redone = 0;      // tasks handed to a second member: their acknowledgement was lost
  std::string example = {};      // of the first that is wrong
};

// Thread-safe.
class Ledger {
 public:
  // Endpoints from `workers_from` on are the members of the role.
  Ledger(std::size_t endpoints, std::size_t workers_from);

  // The next message of the lane, about to be published. It is owed until one of the two is called for it.
  SoakMessage Begin(const Lane& lane);
  void Confirmed(const SoakMessage& message);
  void Unknown(const SoakMessage& message);
  // Messages from the first that is owed to somebody to the last that was begun.
  std::uint64_t Backlog(const Lane& lane);
  std::uint64_t Begun(const Lane& lane) const;

  void Received(std::size_t endpoint, const SoakMessage& message, bool historical = false);
  void ReceivedForeign(std::size_t endpoint, const std::string& id);

  // Membership of the room of `epoch`: members are owed all its messages. Whoever has left is no member any
  // more, although its join may be told of only after that.
  void Joined(std::size_t endpoint, std::size_t epoch);
  // A join that nobody confirmed. It may have brought some of the room's messages, and if the next one begins
  // a stay of its own, that has all of the history.
  void Unclear(std::size_t endpoint, std::size_t epoch);
  void Left(std::size_t endpoint, std::size_t epoch);
  std::set<std::size_t> MembersOf(std::size_t epoch) const;

  // What is owed in the room of `epoch`, or in everything but rooms: pairs of message and receiver.
  std::uint64_t OwedInRoom(std::size_t epoch);
  std::uint64_t OwedElsewhere();

  // The same for reading, one line for a lane and a receiver, at most some.
  std::string DescribeOwed();

  LedgerFigures Figures() const;
  // Waits until something was received or settled, or the deadline.
  void AwaitProgress(std::chrono::steady_clock::time_point deadline);

 private:
  enum class State : std::uint8_t { kBegun, kConfirmed, kUnknown };
  struct Receiver {
    std::vector<bool> got;
    std::uint64_t floor = 0;  // none below is owed to it
  };
  struct Book {
    std::vector<State> states;
    std::vector<Receiver> receivers;  // one an endpoint, and one for "any member of the role"
  };

  Book& BookOf(const Lane& lane) MW_REQUIRES(mutex_);
  std::vector<std::size_t> MustHave(const Lane& lane) const MW_REQUIRES(mutex_);
  bool IsFor(const Lane& lane, std::size_t endpoint) const;
  void Settle(const SoakMessage& message, State state) MW_REQUIRES(mutex_);
  std::uint64_t Owed(const Lane& lane, Book& book) MW_REQUIRES(mutex_);
  void Progress() MW_REQUIRES(mutex_);
  void Wrong(std::uint64_t& count, std::size_t endpoint, const std::string& what) MW_REQUIRES(mutex_);
  static void Raise(const Book& book, Receiver& receiver);
  static bool Mark(Receiver& receiver, std::uint64_t seq);

  const std::size_t endpoints_;
  const std::size_t workers_from_;
  mutable Mutex mutex_;
  CondVar progressed_;
  int waiting_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t progress_ MW_GUARDED_BY(mutex_) = 0;
  std::map<Lane, Book> books_ MW_GUARDED_BY(mutex_);
  std::map<std::size_t, std::set<std::size_t>> members_ MW_GUARDED_BY(mutex_);
  std::map<std::size_t, std::set<std::size_t>> gone_ MW_GUARDED_BY(mutex_);
  std::map<std::size_t, std::set<std::size_t>> unclear_ MW_GUARDED_BY(mutex_);
  LedgerFigures figures_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden::testing
