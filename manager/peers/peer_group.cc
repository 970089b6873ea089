#include "manager/peers/peer_group.h"

#include <algorithm>
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

absl::Status PeerGroup::Join(Deliver deliver, GiveUp give_up, milliseconds timeout) {
  deliver_ = std::move(deliver);
  give_up_ = std::move(give_up);
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
}

// A connection that is away tells nobody anything; the others will miss this manager, as they should.
void PeerGroup::Tell(const Peer& to, const PeerMessage& message) {
  static_cast<void>(parts_.responder.Publish(to.Inbox(), seal_.Seal(message, to.instance)));
}

void PeerGroup::Beat() {
  std::vector<std::pair<Peer, std::uint64_t>> others;
  {
    const MutexLock lock(mutex_);
    if (!ledger_.is_member()) return;
    for (const Peer& member : ledger_.view().members) {
      if (member != self_) others.emplace_back(member, ++number_);
    }
  }
  for (const auto& [other, number] : others) {
    Tell(other, {.kind = PeerMessage::Kind::kBeat, .from = self_.instance, .number = number});
  }
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
    is_news = ledger_.TakeView(view, asked, steady_clock::now());
    std::erase_if(heard_numbers_, [&view](const auto& entry) { return !view.Has(entry.first); });
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

// The view as it should be next. False: it is as it should be.
bool PeerGroup::Wanted(PeerView& next) {
  next = ledger_.view();
  for (const std::string& silent : ledger_.Silent(steady_clock::now())) next = next.Without(silent);
  if (next.Has(kUnreadable)) next = next.Without(kUnreadable);
  next = going_ ? next.Without(self_.instance) : next;
  if (!going_ && !next.Has(self_.instance) && next.members.size() < kMaxPeers) next = next.With(self_);
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
  std::optional<Peer> to;
  PeerMessage message{.kind = PeerMessage::Kind::kPass,
                      .from = self_.instance,
                      .number = 0,
                      .subject = request.subject,
                      .reply = request.reply,
                      .payload = request.payload,
                      .age_ms = 0};
  std::vector<PassedRequests::Request> before;  // what came earlier, if the agent has become ours since
  {
    const MutexLock lock(mutex_);
    const Peer* const other = ledger_.OtherFor(agent_id);
    if (other != nullptr && other->instance != kUnreadable) {
      message.number = ++number_;
      PassedRequests::Request kept{.sender = agent_id, .message = request, .arrived = now};
      if (!passed_.Keep(message.number, {.request = std::move(kept), .to = *other, .told = now}))
        return false;
      to = *other;
    } else {
      before = passed_.TakeOf(agent_id);
    }
  }
  for (const PassedRequests::Request& earlier : before) {
    deliver_(earlier.message, Since(earlier.arrived, now));
  }
  if (to.has_value()) Tell(*to, message);
  return to.has_value();
}

void PeerGroup::LookAfterPassed() {
  const Time now = steady_clock::now();
  std::vector<PassedRequests::Request> old;
  std::vector<PassedRequests::Request> moved;
  std::vector<std::pair<std::uint64_t, PassedRequests::Passed>> again;
  {
    const MutexLock lock(mutex_);
    const auto owner = [this](const std::string& sender)
                           MW_REQUIRES(mutex_) { return ledger_.OtherFor(sender); };
    old = passed_.TakeOld(now - options_.give_up_after);
    moved = passed_.TakeMoved(owner);
    again = passed_.ToSendAgain(now - options_.pass_again_after, now, owner);
  }
  for (const PassedRequests::Request& request : old) give_up_(request.message);
  for (const PassedRequests::Request& request : moved) {
    if (!PassOn(request.sender, request.message)) deliver_(request.message, Since(request.arrived, now));
  }
  for (const auto& [number, passed] : again) {
    const NatsMessage& request = passed.request.message;
    Tell(passed.to, {.kind = PeerMessage::Kind::kPass,
                     .from = self_.instance,
                     .number = number,
                     .subject = request.subject,
                     .reply = request.reply,
                     .payload = request.payload,
                     .age_ms = Since(passed.request.arrived, now).count()});
  }
}

bool PeerGroup::TakeNumber(const PeerMessage& message) {
  return ledger_.view().Has(message.from) && heard_numbers_[message.from].Take(message.number);
}

void PeerGroup::Hear(const NatsMessage& message) {
  const absl::StatusOr<PeerMessage> told = seal_.Open(message.payload, self_.instance);
  // Nobody but a manager knows where to send it; what is not sealed for this one says nothing.
  if (!told.ok()) return;
  std::optional<Peer> sender;
  bool deliver = false;
  {
    const MutexLock lock(mutex_);
    const std::vector<Peer>& members = ledger_.view().members;
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&told](const Peer& member) { return member.instance == told->from; });
    // One that this manager has not read of yet tells it again.
    if (found == members.end()) {
      read_at_ = Time();
      return;
    }
    sender = *found;
    ledger_.Hear(told->from, steady_clock::now());
    if (told->kind == PeerMessage::Kind::kTook) passed_.Took(told->from, told->number);
    if (told->kind != PeerMessage::Kind::kTook) deliver = TakeNumber(*told);
    changed_.NotifyAll();
  }
  if (told->kind != PeerMessage::Kind::kPass) return;
  Tell(*sender, {.kind = PeerMessage::Kind::kTook, .from = self_.instance, .number = told->number});
  if (!deliver) return;
  deliver_({.subject = told->subject, .reply = told->reply, .payload = told->payload, .headers = {}},
           std::min(milliseconds(told->age_ms), options_.give_up_after));
}

absl::Status PeerGroup::DiscardReceived(milliseconds timeout) {
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
}

}  // namespace meshwarden
