#include "manager/peers/peer_group.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "base/secret_token.h"
#include "base/status.h"

namespace meshwarden {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A member that stands for what cannot be read in the view's place: nobody has it, nobody hears of it.
constexpr char kUnreadable[] = "unreadable";
// Of one sender, behind what is being delivered.
constexpr std::size_t kMostOwnOfOne = 32;
// Of these, the first are the least likely to come yet.
constexpr std::size_t kMostLost = 256;

milliseconds Since(steady_clock::time_point then, steady_clock::time_point now) {
  return std::chrono::duration_cast<milliseconds>(now - then);
}

}  // namespace

PeerGroup::PeerGroup(const Parts& parts, const Options& options)
    : parts_(parts),
      options_(options),
      self_{.instance = MakeSecretToken(), .id = parts.responder.id()},
      seal_(parts.secrets.records),
      bucket_(parts.api, parts.space),
      key_(RecordKeys(parts.secrets.records).Lease("managers")),
      ledger_(self_.instance, options.times) {}

PeerGroup::~PeerGroup() { Leave(milliseconds(0)); }

absl::Status PeerGroup::Join(Handlers handlers, milliseconds timeout) {
  handlers_ = std::move(handlers);
  MW_RETURN_IF_ERROR(bucket_.Get(key_).status());
  MW_ASSIGN_OR_RETURN(inbox_, parts_.responder.Subscribe(
                                  self_.Inbox(), "", [this](const NatsMessage& message) { Hear(message); }));
  thread_ = std::thread([this] { Run(); });
  const Time deadline = steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!ledger_.IsSettled(steady_clock::now())) {
    const Time look = std::min(deadline, steady_clock::now() + options_.tick);
    if (!changed_.WaitUntil(mutex_, look) && steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("its place among the managers of the space is not settled yet");
    }
  }
  return absl::OkStatus();
}

void PeerGroup::Run() {
  while (true) {
    {
      const MutexLock lock(mutex_);
      const Time next = steady_clock::now() + options_.tick;
      while (!stopping_ && !hurry_ && changed_.WaitUntil(mutex_, next)) {
      }
      if (stopping_) return;
      hurry_ = false;
    }
    Tick();
  }
}

void PeerGroup::Tick() {
  Beat();
  Read();
  Propose();
  LetGo();
  LookAfterPassed();
  LookAfterLost();
}

// A connection that is away tells nobody anything; the others will miss this manager, as they should.
void PeerGroup::Tell(const Peer& to, const PeerMessage& message) {
  static_cast<void>(parts_.responder.Publish(to.Inbox(), seal_.Seal(message, to.instance)));
}

void PeerGroup::TellOthers(PeerMessage message) {
  std::vector<std::pair<Peer, std::uint64_t>> others;
  {
    const MutexLock lock(mutex_);
    for (const Peer& member : ledger_.view().members) {
      if (member != self_) others.emplace_back(member, ++number_);
    }
  }
  for (const auto& [other, number] : others) {
    message.number = number;
    Tell(other, message);
  }
}

void PeerGroup::Beat() {
  const PeerMessage beat{.kind = PeerMessage::Kind::kBeat, .from = self_.instance, .number = 0};
  // The way that the others' beats come: as long as this comes, their silence is theirs.
  Tell(self_, beat);
  {
    const MutexLock lock(mutex_);
    if (!ledger_.is_member()) return;
  }
  TellOthers(beat);
}

void PeerGroup::Read() {
  const Time now = steady_clock::now();
  {
    const MutexLock lock(mutex_);
    if (now - read_at_ < options_.read_every) return;
    read_at_ = now;
  }
  bucket_.GetAsync(key_, [this, now](const absl::StatusOr<StoredKey>& stored) {
    if (stored.ok()) Take(*stored, now);
  });
}

PeerView PeerGroup::ViewOf(const StoredKey& stored) {
  if (stored.revision == 0) return {};
  absl::StatusOr<PeerView> view = DecodePeerView(stored.value.value_or(""), stored.revision);
  if (view.ok()) return *std::move(view);
  return {
      .revision = stored.revision, .number = 0, .members = {{.instance = kUnreadable, .id = kUnreadable}}};
}

void PeerGroup::Take(const StoredKey& stored, Time asked) {
  const PeerView view = ViewOf(stored);
  bool is_news = false;
  {
    const MutexLock lock(mutex_);
    const Time now = steady_clock::now();
    is_news = ledger_.TakeView(view, asked, now);
    KeepKnown(ledger_.view(), now);
    hurry_ = hurry_ || is_news || !known_ || !waiting_.empty();
    known_ = true;
    changed_.NotifyAll();
  }
  if (!is_news) return;
  if (view.Has(kUnreadable)) {
    parts_.log.Write(LogLevel::kError,
                     "what stands in the place of the managers' view cannot be read; made anew");
  }
  parts_.log.Write(LogLevel::kInfo, "managers at work",
                   {{"managers", static_cast<std::int64_t>(view.members.size())},
                    {"among_them", view.Has(self_.instance) ? "yes" : "no"}});
}

void PeerGroup::KeepKnown(const PeerView& view, Time now) {
  for (const Peer& member : view.members) {
    if (member == self_) continue;
    Known& known = known_peers_[member.instance];
    known.peer = member;
    known.gone_at.reset();
  }
  for (auto& [instance, known] : known_peers_) {
    if (!view.Has(instance) && !known.gone_at.has_value()) known.gone_at = now;
  }
  std::erase_if(known_peers_, [&](const auto& entry) {
    const std::optional<Time>& gone_at = entry.second.gone_at;
    return gone_at.has_value() && now - *gone_at >= options_.remember_gone;
  });
}

// The view as it should be next. False: it is as it should be.
bool PeerGroup::Wanted(PeerView& next) {
  next = ledger_.view();
  for (const std::string& silent : ledger_.Silent(steady_clock::now())) next = next.Without(silent);
  if (next.Has(kUnreadable)) next = next.Without(kUnreadable);
  next = going_ ? next.Without(self_.instance) : next;
  // Whoever does not hear what is said to it takes no part.
  const bool may_come = !going_ && ledger_.IsListening(steady_clock::now());
  if (may_come && !next.Has(self_.instance) && next.members.size() < kMaxPeers) next = next.With(self_);
  if (next == ledger_.view()) return false;
  ++next.number;
  return true;
}

void PeerGroup::Propose() {
  PeerView next;
  {
    const MutexLock lock(mutex_);
    if (!known_ || proposing_ || !Wanted(next)) return;
    proposing_ = true;
  }
  bucket_.PutAsync(key_, EncodePeerView(next), next.revision, [this](const absl::StatusOr<bool>& written) {
    const bool failed = !written.ok() && !absl::IsUnavailable(written.status()) &&
                        !absl::IsDeadlineExceeded(written.status());
    if (failed) {
      const std::string error = MessageOf(written.status());
      parts_.log.Write(LogLevel::kError, "the managers' view cannot be written", {{"error", error}});
    }
    const MutexLock lock(mutex_);
    proposing_ = false;
    // Whoever has written, there is something to read.
    if (!failed) read_at_ = Time();
    hurry_ = hurry_ || !failed;
    changed_.NotifyAll();
  });
}

void PeerGroup::WhenMayAct(const std::string& agent_id, std::function<void(bool)> go) {
  bool may = false;
  {
    const MutexLock lock(mutex_);
    may = ledger_.MayAct(agent_id, steady_clock::now());
    if (!may && !stopping_ && ledger_.OtherFor(agent_id) == nullptr) {
      waiting_.push_back({.agent_id = agent_id, .go = std::move(go)});
      return;
    }
  }
  go(may);
}

bool PeerGroup::MayAct(const std::string& agent_id) {
  const MutexLock lock(mutex_);
  return ledger_.MayAct(agent_id, steady_clock::now());
}

std::uint64_t PeerGroup::TenureOf(const std::string& agent_id) {
  const MutexLock lock(mutex_);
  return ledger_.TenureOf(agent_id);
}

void PeerGroup::LetGo() {
  std::vector<Waiting> waiting;
  {
    const MutexLock lock(mutex_);
    waiting = std::exchange(waiting_, {});
  }
  // Each is judged anew; those that have to wait on come back.
  for (Waiting& one : waiting) WhenMayAct(one.agent_id, std::move(one.go));
}

bool PeerGroup::PassOn(const std::string& agent_id, const NatsMessage& request) {
  const Time now = steady_clock::now();
  PassedRequests::Passed passed{
      .request = {.sender = agent_id, .message = request, .arrived = now}, .to = {}, .told = now};
  std::uint64_t number = 0;
  {
    const MutexLock lock(mutex_);
    const Peer* const other = ledger_.OtherFor(agent_id);
    if (other == nullptr || other->instance == kUnreadable) {
      // What came earlier goes first, if the agent has become ours since.
      std::vector<PassedRequests::Request> before = passed_.TakeOf(agent_id);
      const auto own = own_.find(agent_id);
      if (stopping_ || (before.empty() && own == own_.end())) return false;
      std::deque<PassedRequests::Request>& mine = own_[agent_id];
      if (mine.size() >= kMostOwnOfOne) return false;
      std::move(before.begin(), before.end(), std::back_inserter(mine));
      mine.push_back(std::move(passed.request));
      hurry_ = true;
      changed_.NotifyAll();
      return true;
    }
    passed.to = *other;
    number = ++number_;
    if (!passed_.Keep(number, passed)) return false;
  }
  SendPassed(number, passed, now);
  return true;
}

void PeerGroup::SendPassed(std::uint64_t number, const PassedRequests::Passed& passed, Time now) {
  const NatsMessage& request = passed.request.message;
  Tell(passed.to, {.kind = PeerMessage::Kind::kPass,
                   .from = self_.instance,
                   .number = number,
                   .subject = request.subject,
                   .reply = request.reply,
                   .payload = request.payload,
                   .age_ms = Since(passed.request.arrived, now).count()});
}

void PeerGroup::LookAfterPassed() {
  const Time now = steady_clock::now();
  std::vector<PassedRequests::Request> old;
  std::vector<std::pair<std::uint64_t, PassedRequests::Passed>> again;
  std::vector<std::pair<std::uint64_t, PassedRequests::Passed>> moved;
  {
    const MutexLock lock(mutex_);
    const auto owner = [this](const std::string& sender)
                           MW_REQUIRES(mutex_) { return ledger_.OtherFor(sender); };
    const auto next_number = [this]() MW_REQUIRES(mutex_) { return ++number_; };
    old = passed_.TakeOld(now - options_.give_up_after);
    for (PassedRequests::Request& request : passed_.TakeOwn(owner)) {
      const std::string sender = request.sender;
      own_[sender].push_back(std::move(request));
    }
    moved = passed_.Readdress(owner, next_number, now);
    again = passed_.ToSendAgain(now - options_.pass_again_after, now, owner);
  }
  for (const PassedRequests::Request& request : old) handlers_.give_up(request.message);
  for (const auto& [number, passed] : moved) SendPassed(number, passed, now);
  for (const auto& [number, passed] : again) SendPassed(number, passed, now);
  DeliverOwn();
}

// A sender's place stays until its last is delivered, so that what comes meanwhile waits behind.
void PeerGroup::DeliverOwn() {
  while (true) {
    PassedRequests::Request request;
    {
      const MutexLock lock(mutex_);
      std::erase_if(own_, [](const auto& entry) { return entry.second.empty(); });
      if (own_.empty()) return;
      std::deque<PassedRequests::Request>& mine = own_.begin()->second;
      request = std::move(mine.front());
      mine.pop_front();
    }
    handlers_.deliver(request.message, Since(request.arrived, steady_clock::now()));
  }
}

void PeerGroup::TellLost(const std::string& agent_id, const std::vector<std::string>& channels) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  if (lost_.size() == kMostLost) lost_.pop_front();
  lost_.push_back({.agent_id = agent_id, .channels = channels, .since = steady_clock::now(), .told = Time()});
  hurry_ = true;
  changed_.NotifyAll();
}

void PeerGroup::LookAfterLost() {
  const Time now = steady_clock::now();
  std::vector<LostMove> due;
  {
    const MutexLock lock(mutex_);
    std::erase_if(lost_, [&](const LostMove& lost) { return now - lost.since >= options_.tell_lost_for; });
    for (LostMove& lost : lost_) {
      if (now - lost.told < options_.tell_lost_every) continue;
      lost.told = now;
      due.push_back(lost);
    }
  }
  for (LostMove& lost : due) {
    TellOthers({.kind = PeerMessage::Kind::kLost,
                .from = self_.instance,
                .number = 0,
                .agent = std::move(lost.agent_id),
                .channels = std::move(lost.channels)});
  }
}

void PeerGroup::HearSelf(Time now) {
  const bool is_news = !ledger_.IsListening(now);
  ledger_.HearSelf(now);
  if (!is_news) return;
  hurry_ = true;
  changed_.NotifyAll();
}

void PeerGroup::Hear(const NatsMessage& message) {
  const absl::StatusOr<PeerMessage> told = seal_.Open(message.payload, self_.instance);
  // Nobody but a manager knows where to send it; what is not sealed for this one says nothing.
  if (!told.ok()) return;
  Peer sender;
  bool is_first = false;
  {
    const Time now = steady_clock::now();
    const MutexLock lock(mutex_);
    if (told->from == self_.instance) return HearSelf(now);
    const auto found = known_peers_.find(told->from);
    // One that this manager has not read of yet tells it again.
    if (found == known_peers_.end()) {
      read_at_ = Time();
      return;
    }
    sender = found->second.peer;
    ledger_.Hear(told->from, now);
    if (told->kind == PeerMessage::Kind::kTook) {
      passed_.Took(told->from, told->number);
    } else {
      is_first = found->second.numbers.Take(told->number);
    }
    changed_.NotifyAll();
  }
  if (told->kind == PeerMessage::Kind::kLost && is_first) handlers_.lost(told->agent, told->channels);
  if (told->kind != PeerMessage::Kind::kPass) return;
  Tell(sender, {.kind = PeerMessage::Kind::kTook, .from = self_.instance, .number = told->number});
  if (!is_first) return;
  handlers_.deliver({.subject = told->subject, .reply = told->reply, .payload = told->payload, .headers = {}},
                    std::min(milliseconds(told->age_ms), options_.give_up_after));
}

absl::Status PeerGroup::DiscardReceived(milliseconds timeout) {
  std::vector<PassedRequests::Request> passed;
  {
    const MutexLock lock(mutex_);
    passed = passed_.TakeOld(Time::max());
  }
  // Whether they were taken, and what was done after them, may be among what is thrown away.
  for (const PassedRequests::Request& request : passed) handlers_.give_up(request.message);
  return inbox_ == nullptr ? absl::OkStatus() : inbox_->DiscardReceived(timeout);
}

bool PeerGroup::AwaitGone(milliseconds timeout) {
  const Time deadline = steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  going_ = true;
  hurry_ = true;
  changed_.NotifyAll();
  while (thread_.joinable() && ledger_.is_member()) {
    if (!changed_.WaitUntil(mutex_, deadline) && steady_clock::now() >= deadline) return false;
  }
  return true;
}

void PeerGroup::StepBack(milliseconds timeout) {
  {
    const MutexLock lock(mutex_);
    if (ledger_.view().members.size() < 2) return;
  }
  static_cast<void>(AwaitGone(timeout));
}

void PeerGroup::Leave(milliseconds timeout) {
  if (!thread_.joinable()) return;
  static_cast<void>(AwaitGone(timeout));
  std::vector<Waiting> waiting;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    waiting = std::exchange(waiting_, {});
    changed_.NotifyAll();
  }
  thread_.join();
  inbox_.reset();
  for (const Waiting& one : waiting) one.go(false);
  DeliverOwn();
  std::vector<PassedRequests::Request> passed;
  {
    const MutexLock lock(mutex_);
    passed = passed_.TakeOld(Time::max());
  }
  for (const PassedRequests::Request& request : passed) handlers_.give_up(request.message);
}

}  // namespace meshwarden
