#include "tests/soak/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace meshwarden::testing {
namespace {

constexpr int kMostLines = 40;

}  // namespace

Ledger::Ledger(std::size_t endpoints, std::size_t workers_from)
    : endpoints_(endpoints), workers_from_(workers_from) {}

Ledger::Book& Ledger::BookOf(const Lane& lane) {
  Book& book = books_[lane];
  if (book.receivers.empty()) book.receivers.resize(endpoints_ + 1);
  return book;
}

SoakMessage Ledger::Begin(const Lane& lane) {
  const MutexLock lock(mutex_);
  Book& book = BookOf(lane);
  book.states.push_back(State::kBegun);
  return {.lane = lane, .seq = book.states.size() - 1};
}

void Ledger::Confirmed(const SoakMessage& message) {
  const MutexLock lock(mutex_);
  Settle(message, State::kConfirmed);
  ++figures_.confirmed[static_cast<std::size_t>(message.lane.flow)];
}

void Ledger::Unknown(const SoakMessage& message) {
  const MutexLock lock(mutex_);
  Settle(message, State::kUnknown);
  ++figures_.unknown;
}

void Ledger::Settle(const SoakMessage& message, State state) {
  BookOf(message.lane).states.at(message.seq) = state;
  Progress();
}

std::vector<std::size_t> Ledger::MustHave(const Lane& lane) const {
  std::vector<std::size_t> receivers;
  switch (lane.flow) {
    case Flow::kGeneral:
      for (std::size_t i = 0; i < endpoints_; ++i) receivers.push_back(i);
      break;
    case Flow::kRoom:
      if (const auto room = members_.find(lane.target); room != members_.end()) {
        receivers.assign(room->second.begin(), room->second.end());
      }
      break;
    case Flow::kDm:
      return {lane.target};
    case Flow::kTask:
      return {endpoints_};
  }
  std::erase(receivers, lane.sender);
  return receivers;
}

bool Ledger::IsFor(const Lane& lane, std::size_t endpoint) const {
  if (lane.sender == endpoint) return false;
  if (lane.flow == Flow::kDm) return lane.target == endpoint;
  return lane.flow != Flow::kTask || endpoint >= workers_from_;
}

void Ledger::Raise(const Book& book, Receiver& receiver) {
  receiver.got.resize(std::max(receiver.got.size(), book.states.size()));
  while (receiver.floor < book.states.size() &&
         (receiver.got[receiver.floor] || book.states[receiver.floor] == State::kUnknown)) {
    ++receiver.floor;
  }
}

std::uint64_t Ledger::Backlog(const Lane& lane) {
  const MutexLock lock(mutex_);
  Book& book = BookOf(lane);
  std::uint64_t lowest = book.states.size();
  for (const std::size_t i : MustHave(lane)) {
    Raise(book, book.receivers[i]);
    lowest = std::min(lowest, book.receivers[i].floor);
  }
  return book.states.size() - lowest;
}

std::uint64_t Ledger::Begun(const Lane& lane) const {
  const MutexLock lock(mutex_);
  const auto book = books_.find(lane);
  return book == books_.end() ? 0 : book->second.states.size();
}

// False if it was marked before.
bool Ledger::Mark(Receiver& receiver, std::uint64_t seq) {
  if (receiver.got.size() <= seq) receiver.got.resize(seq + 1);
  if (receiver.got[seq]) return false;
  receiver.got[seq] = true;
  return true;
}

void Ledger::Received(std::size_t endpoint, const SoakMessage& message, bool historical) {
  const MutexLock lock(mutex_);
  const Lane& lane = message.lane;
  ++figures_.delivered[static_cast<std::size_t>(lane.flow)];
  const auto found = books_.find(lane);
  if (found == books_.end() || message.seq >= found->second.states.size() || !IsFor(lane, endpoint)) {
    return Wrong(figures_.strayed, endpoint, "strayed " + IdOf(message));
  }
  std::vector<Receiver>& receivers = found->second.receivers;
  if (!Mark(receivers[endpoint], message.seq)) {
    if (historical && lane.flow == Flow::kRoom && unclear_[lane.target].contains(endpoint)) {
      ++figures_.retold;
      return;
    }
    return Wrong(figures_.duplicated, endpoint, "duplicated " + IdOf(message));
  }
  if (lane.flow == Flow::kTask && !Mark(receivers[endpoints_], message.seq)) ++figures_.redone;
  Progress();
}

void Ledger::ReceivedForeign(std::size_t endpoint, const std::string& id) {
  const MutexLock lock(mutex_);
  Wrong(figures_.strayed, endpoint, "foreign " + id);
}

void Ledger::Wrong(std::uint64_t& count, std::size_t endpoint, const std::string& what) {
  ++count;
  if (figures_.example.empty()) figures_.example = fmt::format("endpoint {}: {}", endpoint, what);
}

void Ledger::Joined(std::size_t endpoint, std::size_t epoch) {
  const MutexLock lock(mutex_);
  if (!gone_[epoch].contains(endpoint)) members_[epoch].insert(endpoint);
}

void Ledger::Unclear(std::size_t endpoint, std::size_t epoch) {
  const MutexLock lock(mutex_);
  unclear_[epoch].insert(endpoint);
}

void Ledger::Left(std::size_t endpoint, std::size_t epoch) {
  const MutexLock lock(mutex_);
  members_[epoch].erase(endpoint);
  gone_[epoch].insert(endpoint);
  Progress();
}

std::set<std::size_t> Ledger::MembersOf(std::size_t epoch) const {
  const MutexLock lock(mutex_);
  const auto room = members_.find(epoch);
  return room == members_.end() ? std::set<std::size_t>() : room->second;
}

std::uint64_t Ledger::Owed(const Lane& lane, Book& book) {
  std::uint64_t owed = 0;
  for (const std::size_t i : MustHave(lane)) {
    Receiver& receiver = book.receivers[i];
    Raise(book, receiver);
    for (std::uint64_t seq = receiver.floor; seq < book.states.size(); ++seq) {
      if (!receiver.got[seq] && book.states[seq] != State::kUnknown) ++owed;
    }
  }
  return owed;
}

std::uint64_t Ledger::OwedInRoom(std::size_t epoch) {
  const MutexLock lock(mutex_);
  std::uint64_t owed = 0;
  for (std::size_t sender = 0; sender < endpoints_; ++sender) {
    const auto book = books_.find({.flow = Flow::kRoom, .sender = sender, .target = epoch});
    if (book != books_.end()) owed += Owed(book->first, book->second);
  }
  return owed;
}

std::uint64_t Ledger::OwedElsewhere() {
  const MutexLock lock(mutex_);
  std::uint64_t owed = 0;
  for (auto& [lane, book] : books_) {
    if (lane.flow != Flow::kRoom) owed += Owed(lane, book);
  }
  return owed;
}

std::string Ledger::DescribeOwed() {
  const MutexLock lock(mutex_);
  std::string text;
  int lines = 0;
  for (auto& [lane, book] : books_) {
    for (const std::size_t i : MustHave(lane)) {
      Receiver& receiver = book.receivers[i];
      Raise(book, receiver);
      if (receiver.floor == book.states.size() || ++lines > kMostLines) continue;
      text +=
          fmt::format("flow {} sender {} target {} receiver {}: from {} of {}\n", static_cast<int>(lane.flow),
                      lane.sender, lane.target, i, receiver.floor, book.states.size());
    }
  }
  return text;
}

LedgerFigures Ledger::Figures() const {
  const MutexLock lock(mutex_);
  return figures_;
}

void Ledger::Progress() {
  ++progress_;
  if (waiting_ > 0) progressed_.NotifyAll();
}

void Ledger::AwaitProgress(std::chrono::steady_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  const std::uint64_t before = progress_;
  ++waiting_;
  while (progress_ == before && progressed_.WaitUntil(mutex_, deadline)) {
  }
  --waiting_;
}

}  // namespace meshwarden::testing
