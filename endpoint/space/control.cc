#include "endpoint/space/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/status.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxReplySubject = 256;
// Behind the inbox prefix: what the credential that answers may publish to has at most three tokens in all.
constexpr int kMaxReplyTokens = 2;

bool IsPlainTokenCharacter(char c) { return c > ' ' && c != '\x7f' && c != '*' && c != '>'; }

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// Far beyond any clock, and far from the end of the numbers.
constexpr std::int64_t kLatestTime = 253'402'300'799'000;
// Keeps ends far from the end of the clock's range.
constexpr milliseconds kLongestWait = std::chrono::hours(24);
// After this long there may be room again, where it is room that there is none of.
constexpr milliseconds kRoomAfter{100};

std::int64_t MillisecondsOf(SystemTime time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
}

// For how long after `now` a request counts that names `until`.
milliseconds LeftUntil(std::int64_t until, std::int64_t now) {
  if (until <= now) return milliseconds(0);
  return until >= now + kLongestEnd.count() ? kLongestEnd : milliseconds(until - now);
}

// A request as it came.
struct Arrived {
  std::string sender;
  NatsMessage message;
  TimePoint at;
};

// Publishes the one answer to one request. If nobody answers, the last copy of the responder to go says so.
class Answer {
 public:
  Answer(Connection& connection, KeptAnswers* kept, OpenRequests::Place place, std::string reply)
      : connection_(connection), kept_(kept), place_(std::move(place)), reply_(std::move(reply)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { Send(ControlReply::Error("internal", "the request was dropped unanswered; try again")); }

  // To be called before the answer is shared.
  void SetEnd(TimePoint ends) { ends_ = ends; }

  void Send(const ControlReply& reply) {
    if (sent_.exchange(true)) return;
    place_.reset();  // first: whoever hears the answer may ask again
    const std::string payload = EncodeControlReply(reply);
    if (kept_ != nullptr) kept_->Keep({.subject = reply_, .payload = payload, .ends = ends_}, Now());
    // A connection that is away loses the answer: it is kept, or the caller's own time-out covers that.
    (void)connection_.Publish(reply_, payload);
  }

 private:
  static TimePoint Now() { return std::chrono::steady_clock::now(); }

  Connection& connection_;
  KeptAnswers* const kept_;
  OpenRequests::Place place_;
  const std::string reply_;
  TimePoint ends_ = Now() + kPeersWait;
  std::atomic<bool> sent_ = false;
};

// Whom a request says it is from; for the log only.
std::string ClaimedSender(const Json& object) {
  const auto from = object.find("from");
  if (from == object.end() || !from->is_object()) return "";
  const auto id = from->find("id");
  return id == from->end() || !id->is_string() ? "" : id->get<std::string>();
}

// What is done with each message on a service's subject: one after the other, but for what goes aside.
class Door : public std::enable_shared_from_this<Door> {
 public:
  Door(Connection& connection, std::string_view space, std::string_view service, ControlHandler handler,
       ControlServiceOptions options)
      : connection_(connection),
        space_(space),
        service_(service),
        handler_(std::move(handler)),
        options_(std::move(options)) {}

  void Take(NatsMessage message, milliseconds age) const;

 private:
  using AnswerPtr = std::shared_ptr<Answer>;

  std::optional<std::string> SenderOf(const NatsMessage& message) const;
  bool IsDiverted(const std::string& sender, const NatsMessage& message) const;
  bool GoesAside(const Arrived& arrived) const;
  void Read(const Arrived& arrived) const;
  void Admit(const Arrived& arrived, ControlRequest request, const AnswerPtr& answer) const;
  void SlowDown(const std::string& sender, const std::string& reply, milliseconds wait) const;
  void Tell(Refusal why, std::string_view sender, std::string detail) const;

  Connection& connection_;
  const std::string space_;
  const std::string service_;
  const ControlHandler handler_;
  const ControlServiceOptions options_;
};

void Door::Take(NatsMessage message, milliseconds age) const {
  std::optional<std::string> sender = SenderOf(message);
  if (!sender) return Tell(Refusal::kForeignSubject, "", message.subject);
  if (!IsReplyOf(*sender, message.reply)) return Tell(Refusal::kForeignReply, *sender, message.reply);
  if (options_.meter != nullptr) {
    if (const auto wait = options_.meter->Refuses(*sender)) return SlowDown(*sender, message.reply, *wait);
  }
  if (IsDiverted(*sender, message)) return;
  const auto arrived = std::make_shared<const Arrived>(Arrived{.sender = *std::move(sender),
                                                               .message = std::move(message),
                                                               .at = std::chrono::steady_clock::now() - age});
  if (!GoesAside(*arrived)) return Read(*arrived);
  const bool has_room =
      options_.aside->Post(arrived->sender, [self = shared_from_this(), arrived] { self->Read(*arrived); });
  if (!has_room) SlowDown(arrived->sender, arrived->message.reply, kRoomAfter);
}

// What is too large is refused here, whoever it would be for; and what it costs to hand on is the sender's.
bool Door::IsDiverted(const std::string& sender, const NatsMessage& message) const {
  if (options_.divert == nullptr || message.payload.size() > kMaxControlRequestBytes) return false;
  const SenderMeter::Charge charge(options_.meter, sender);
  return options_.divert(sender, message);
}

// What is too large is not read at all.
bool Door::GoesAside(const Arrived& arrived) const {
  if (options_.aside == nullptr) return false;
  const std::size_t size = arrived.message.payload.size();
  return (size > kMaxUsualBytes && size <= kMaxControlRequestBytes) || options_.aside->Holds(arrived.sender);
}

// Who sent a message that was delivered on the service's subject; nothing unless the subject has exactly the
// shape of a request to this service. The broker may deliver messages here whose subject is another one's.
std::optional<std::string> Door::SenderOf(const NatsMessage& message) const {
  std::optional<ParsedSubject> parsed = ParseSubjectOf(space_, message.subject);
  if (!parsed || parsed->kind != SubjectKind::kCtl || parsed->rest != service_) return std::nullopt;
  return std::move(parsed->sender);
}

void Door::Read(const Arrived& arrived) const {
  const std::string& sender = arrived.sender;
  const NatsMessage& message = arrived.message;
  OpenRequests::Place place = options_.open == nullptr ? nullptr : options_.open->Open(sender);
  if (options_.open != nullptr && place == nullptr) return SlowDown(sender, message.reply, kRoomAfter);
  const SenderMeter::Charge charge(options_.meter, sender);
  const auto answer =
      std::make_shared<Answer>(connection_, options_.answers, std::move(place), message.reply);
  const auto refuse = [&](const absl::Status& why) {
    const bool large = message.payload.size() > kMaxControlRequestBytes;
    Tell(large ? Refusal::kTooLarge : Refusal::kMalformed, sender, MessageOf(why));
    answer->Send(ControlReply::Error("bad_request", MessageOf(why)));
  };
  const absl::StatusOr<Json> object = ParseControlRequest(message.payload);
  if (!object.ok()) return refuse(object.status());
  // Before the other fields, so that whoever speaks in another's name hears of nothing else.
  if (!IsFrom(*object, sender)) {
    Tell(Refusal::kSenderMismatch, sender, ClaimedSender(*object));
    return answer->Send(ControlReply::Error("sender_mismatch", "sender mismatch — request rejected"));
  }
  absl::StatusOr<ControlRequest> request = ReadControlRequest(*object);
  if (!request.ok()) return refuse(request.status());
  Admit(arrived, *std::move(request), answer);
}

void Door::Admit(const Arrived& arrived, ControlRequest request, const AnswerPtr& answer) const {
  const std::int64_t wall = MillisecondsOf(options_.clock.Now());
  const TimePoint now = std::chrono::steady_clock::now();
  const TimePoint ends = request.until ? now + LeftUntil(*request.until, wall) : arrived.at + kPeersWait;
  if (ends <= now) {
    Tell(Refusal::kStale, arrived.sender, "");
    return answer->Send(ControlReply::StaleRequest(
        "the request's end had passed when it was read, so nothing was done", wall));
  }
  answer->SetEnd(ends);
  if (request.args.is_null()) request.args = Json::object();
  handler_(
      ControlCall{.service = service_, .sender = arrived.sender, .request = std::move(request), .ends = ends},
      [answer](const ControlReply& reply) { answer->Send(reply); });
}

// As cheap as an answer can be: it is what a flood costs. Who does not hear it may ask again.
void Door::SlowDown(const std::string& sender, const std::string& reply, milliseconds wait) const {
  Tell(Refusal::kTooFast, sender, "");
  const std::string payload =
      fmt::format(R"({{"ok":false,"data":{{"retryAfter":{:.3f}}},"error":"too many requests, or too costly )"
                  R"(ones; this one was not read, ask again later","code":"slow_down"}})",
                  std::chrono::duration<double>(wait).count());
  (void)connection_.PublishSoon(reply, payload);
}

void Door::Tell(Refusal why, std::string_view sender, std::string detail) const {
  if (options_.on_refused == nullptr) return;
  options_.on_refused({.why = why, .sender = sender, .detail = std::move(detail)});
}

absl::StatusOr<ControlReply> Ask(Connection& connection, const std::string& subject,
                                 const ControlRequest& request, milliseconds timeout) {
  MW_ASSIGN_OR_RETURN(const NatsMessage answer,
                      connection.Request(subject, EncodeControlRequest(request), timeout));
  return DecodeControlReply(answer.payload);
}

}  // namespace

bool IsReplyOf(std::string_view sender, std::string_view reply) {
  const std::string prefix = InboxPrefix(sender) + ".";
  if (reply.size() > kMaxReplySubject || reply.size() <= prefix.size()) return false;
  if (reply.substr(0, prefix.size()) != prefix) return false;
  int tokens = 1;
  char previous = '.';
  for (const char c : reply.substr(prefix.size())) {
    if (c == '.' ? previous == '.' : !IsPlainTokenCharacter(c)) return false;
    if (c == '.') ++tokens;
    previous = c;
  }
  return previous != '.' && tokens <= kMaxReplyTokens;
}

ControlDoor MakeControlDoor(Connection& connection, std::string_view space, std::string_view service,
                            ControlHandler handler, ControlServiceOptions options) {
  const auto door =
      std::make_shared<const Door>(connection, space, service, std::move(handler), std::move(options));
  return [door](NatsMessage request, milliseconds age) { door->Take(std::move(request), age); };
}

absl::StatusOr<std::unique_ptr<Subscription>> ServeControl(Connection& connection, std::string_view space,
                                                           std::string_view service, ControlHandler handler,
                                                           ControlServiceOptions options) {
  const ControlDoor door =
      MakeControlDoor(connection, space, service, std::move(handler), std::move(options));
  // A wildcard for the sender, always: a literal subscription would let an agent's push consumer deliver
  // here.
  return connection.Subscribe(ControlSubject(space, service, "*"), service,
                              [door](NatsMessage message) { door(std::move(message), milliseconds(0)); });
}

absl::StatusOr<ControlReply> RequestControl(Connection& connection, std::string_view space,
                                            std::string_view service, ControlRequest request,
                                            milliseconds timeout, const Clock& clock) {
  const std::string subject = ControlSubject(space, service, connection.id());
  const milliseconds wait = std::min(timeout, kLongestWait);
  const TimePoint gives_up = std::chrono::steady_clock::now() + wait;
  request.until = MillisecondsOf(clock.Now()) + wait.count();
  MW_ASSIGN_OR_RETURN(ControlReply reply, Ask(connection, subject, request, wait));
  const std::optional<std::int64_t> theirs = NowOfStaleRequest(reply);
  const auto left = std::chrono::floor<milliseconds>(gives_up - std::chrono::steady_clock::now());
  if (!theirs || *theirs < 0 || *theirs > kLatestTime || left <= milliseconds(0)) return reply;
  // The clocks differ; nothing was done.
  request.until = *theirs + left.count();
  return Ask(connection, subject, request, left);
}

}  // namespace meshwarden
