#include "endpoint/space/control.h"

#include <fmt/format.h>

#include <atomic>
#include <optional>
#include <utility>

#include "base/status.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxReplySubject = 256;

bool IsPlainTokenCharacter(char c) { return c > ' ' && c != '\x7f' && c != '*' && c != '>'; }

// Publishes the one answer to one request. If nobody answers, the last copy of the responder to go says so.
class Answer {
 public:
  Answer(Connection& connection, std::string reply) : connection_(connection), reply_(std::move(reply)) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { Send(ControlReply::Error("internal", "the request was dropped unanswered; try again")); }

  void Send(const ControlReply& reply) {
    if (sent_.exchange(true)) return;
    // A connection that is away loses the answer; the caller's own time-out covers that.
    (void)connection_.Publish(reply_, EncodeControlReply(reply));
  }

 private:
  Connection& connection_;
  const std::string reply_;
  std::atomic<bool> sent_ = false;
};

// Who sent a message that was delivered on the service's subject; nothing unless the subject has exactly the
// shape of a request to this service. The broker may deliver messages here whose subject is another one's.
std::optional<std::string> SenderOf(std::string_view space, std::string_view service,
                                    const NatsMessage& message) {
  std::optional<ParsedSubject> parsed = ParseSubjectOf(space, message.subject);
  if (!parsed || parsed->kind != SubjectKind::kCtl || parsed->rest != service) return std::nullopt;
  return std::move(parsed->sender);
}

void Dispatch(Connection& connection, const std::string& space, const std::string& service,
              const ControlHandler& handler, const NatsMessage& message) {
  const std::optional<std::string> sender = SenderOf(space, service, message);
  if (!sender || !IsReplyOf(*sender, message.reply)) return;
  const auto answer = std::make_shared<Answer>(connection, message.reply);
  const auto refuse = [&answer](const absl::Status& why) {
    answer->Send(ControlReply::Error("bad_request", MessageOf(why)));
  };
  const absl::StatusOr<Json> object = ParseControlRequest(message.payload);
  if (!object.ok()) return refuse(object.status());
  // Before the other fields, so that whoever speaks in another's name hears of nothing else.
  if (!IsFrom(*object, *sender)) {
    return answer->Send(ControlReply::Error("sender_mismatch", "sender mismatch — request rejected"));
  }
  absl::StatusOr<ControlRequest> request = ReadControlRequest(*object);
  if (!request.ok()) return refuse(request.status());
  if (request->args.is_null()) request->args = Json::object();
  handler(ControlCall{.service = service, .sender = *sender, .request = *std::move(request)},
          [answer](const ControlReply& reply) { answer->Send(reply); });
}

}  // namespace

bool IsReplyOf(std::string_view sender, std::string_view reply) {
  const std::string prefix = InboxPrefix(sender) + ".";
  if (reply.size() > kMaxReplySubject || reply.size() <= prefix.size()) return false;
  if (reply.substr(0, prefix.size()) != prefix) return false;
  char previous = '.';
  for (const char c : reply.substr(prefix.size())) {
    if (c == '.' ? previous == '.' : !IsPlainTokenCharacter(c)) return false;
    previous = c;
  }
  return previous != '.';
}

absl::StatusOr<std::unique_ptr<Subscription>> ServeControl(Connection& connection, std::string_view space,
                                                           std::string_view service, ControlHandler handler) {
  // A wildcard for the sender, always: a literal subscription would let an agent's push consumer deliver
  // here.
  return connection.Subscribe(
      ControlSubject(space, service, "*"), service,
      [&connection, space = std::string(space), service = std::string(service), handler = std::move(handler)](
          const NatsMessage& message) { Dispatch(connection, space, service, handler, message); });
}

absl::StatusOr<ControlReply> RequestControl(Connection& connection, std::string_view space,
                                            std::string_view service, const ControlRequest& request,
                                            std::chrono::milliseconds timeout) {
  MW_ASSIGN_OR_RETURN(const NatsMessage answer,
                      connection.Request(ControlSubject(space, service, connection.id()),
                                         EncodeControlRequest(request), timeout));
  return DecodeControlReply(answer.payload);
}

}  // namespace meshwarden
