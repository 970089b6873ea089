#include "manager/service/self_service.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "manager/service/set_channels.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxEchoedOpBytes = 64;
constexpr std::size_t kMaxEchoedIdBytes = 128;

// The broker, or the way to it, is in trouble; nobody is told more than that.
bool IsBrokerAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         (absl::IsFailedPrecondition(status) && !JsErrorCode(status).has_value());
}

std::string InternalText(std::string_view op) {
  return fmt::format("{}: the manager could not carry this out; its operator finds the reason in its log",
                     op);
}

std::string TooManyText(std::string_view op) {
  return fmt::format("{}: too many requests are waiting; try again in a moment", op);
}

std::string StoodStillText(std::string_view op) {
  return fmt::format(
      "{}: this manager stood still for a while and cannot tell what has happened since, so nothing was "
      "done; try "
      "again",
      op);
}

std::string ElsewhereText(std::string_view op) {
  return fmt::format("{}: another manager sees to this agent now, so nothing was done here; try again", op);
}

Json WhoAmIData(const SelfCall& call, const AgentPolicy& agent, const Policy& policy) {
  Json data = {{"id", call.sender()}, {"agent", agent.name}};
  if (agent.role.has_value()) {
    data["role"] = *agent.role;
  }
  data["allowSubscribe"] = agent.AllowSubscribePatterns();
  data["allowPublish"] = agent.AllowPublishPatterns();
  data["policyRevision"] = policy.revision();
  return data;
}

}  // namespace

void SelfService::Handle(ControlCall call, ControlResponder respond) {
  SelfCall::Request request{.op = Printable(call.request.op, kMaxEchoedOpBytes),
                            .sender = std::move(call.sender),
                            .channels = {},
                            .ends = call.ends,
                            .stamp = parts_.naps.Now()};
  const bool sets_channels = call.request.op == "setChannels";
  SetChannelsDecision list = SetChannelsDecision::Granted({});
  if (sets_channels) {
    list = ReadChannelList(call.request.args);
    request.channels = list.channels();
  }
  const auto self_call = std::make_shared<SelfCall>(std::move(request), std::move(respond),
                                                    parts_.directory.policy(), parts_.log, parts_.clocks);
  if (sets_channels && !list.granted()) {
    self_call->Fail(Outcome::kRefused, list.code(), list.error());
  } else if (sets_channels) {
    Enqueue(self_call, &SelfService::SetChannels);
  } else if (call.request.op == "whoami") {
    Enqueue(self_call, &SelfService::WhoAmI);
  } else if (call.request.op == kSecondProcessOp) {
    Enqueue(self_call, &SelfService::SecondProcess);
  } else {
    self_call->Fail(Outcome::kRefused, "op_not_allowed",
                    fmt::format("op \"{}\" not allowed on self-service control subject", self_call->op()));
  }
}

void SelfService::Enqueue(const CallPtr& call, Work work) {
  const AgentQueue::Admission admission = parts_.queue.Submit(
      call->sender(), [this, call, work](AgentQueue::Turn turn) { AwaitOrder(call, work, std::move(turn)); });
  switch (admission) {
    case AgentQueue::Admission::kTaken:
      parts_.deadlines.Watch(call);
      return;
    case AgentQueue::Admission::kClosed:
      call->Fail(Outcome::kFailed, "unavailable",
                 fmt::format("{}: this manager is stopping; try again", call->op()));
      return;
    case AgentQueue::Admission::kAgentBusy:
    case AgentQueue::Admission::kBusy:
      call->Fail(Outcome::kFailed, "busy", TooManyText(call->op()));
      return;
  }
}

// The callbacks below move the turn out of themselves: it must end with the work, and not whenever the layer
// that calls them back drops them.

void SelfService::AwaitOrder(const CallPtr& call, Work work, AgentQueue::Turn turn) {
  parts_.order.WhenMayAct(call->sender(), [this, call, work, turn = std::move(turn)](bool may) mutable {
    AgentQueue::Turn mine = std::move(turn);
    if (may) return Identify(call, work, std::move(mine));
    call->Fail(Outcome::kFailed, "unavailable", ElsewhereText(call->op()));
  });
}

bool SelfService::MayStillAct(const CallPtr& call) {
  if (!parts_.naps.IsAwakeSince(call->stamp())) {
    call->Fail(Outcome::kFailed, "unavailable", StoodStillText(call->op()));
    return false;
  }
  if (!parts_.order.MayAct(call->sender())) {
    call->Fail(Outcome::kFailed, "unavailable", ElsewhereText(call->op()));
    return false;
  }
  return true;
}

void SelfService::Identify(const CallPtr& call, Work work, AgentQueue::Turn turn) {
  if (!call->StillWanted()) {
    return;
  }
  parts_.directory.Find(call->sender(), [this, call, work, turn = std::move(turn)](
                                            const absl::StatusOr<const AgentPolicy*>& agent) mutable {
    AgentQueue::Turn mine = std::move(turn);
    if (agent.ok()) {
      call->SetAgent(**agent);
      (this->*work)(call, **agent, std::move(mine));
    } else {
      Unidentified(call, agent.status());
    }
  });
}

void SelfService::Unidentified(const CallPtr& call, const absl::Status& status) {
  if (absl::IsNotFound(status)) {
    call->Fail(Outcome::kRefused, "unknown_agent",
               fmt::format("{}: caller {} is not an agent this manager spawned", call->op(),
                           Printable(call->sender(), kMaxEchoedIdBytes)));
  } else if (absl::IsResourceExhausted(status)) {
    call->Fail(Outcome::kFailed, "busy", TooManyText(call->op()));
  } else if (absl::IsDataLoss(status)) {
    const std::string message = MessageOf(status);
    parts_.log.Write(LogLevel::kError, "the record of an agent is damaged",
                     {{"id", call->sender()}, {"error", message}});
    call->Fail(
        Outcome::kFailed, "record_damaged",
        fmt::format("{}: the record of {} is damaged; the agent must be provisioned again, under a new "
                    "identity",
                    call->op(), Printable(call->sender(), kMaxEchoedIdBytes)));
  } else if (IsBrokerAway(status)) {
    call->Fail(Outcome::kFailed, "unavailable", NotBegunText(call->op()));
  } else {
    FailInternally(call, "the record of an agent cannot be read", status);
  }
}

void SelfService::SetChannels(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn) {
  const SetChannelsDecision decision = DecideSetChannels(call->channels(), agent);
  if (!decision.granted()) {
    call->Fail(Outcome::kRefused, decision.code(), decision.error());
    return;
  }
  const std::uint64_t tenure = parts_.order.TenureOf(call->sender());
  if (!MayStillAct(call) || !call->BeginChange()) {
    return;
  }
  parts_.filters.Move(call->sender(), decision.channels(),
                      [this, call, tenure, turn = std::move(turn)](const absl::Status& status) mutable {
                        const AgentQueue::Turn mine = std::move(turn);
                        Moved(call, tenure, status);
                      });
}

bool SelfService::MayBeLate(const CallPtr& call, std::uint64_t tenure) {
  if (!parts_.naps.IsAwakeSince(call->stamp())) return true;
  const std::uint64_t present = parts_.order.TenureOf(call->sender());
  // What was in hand when the agent became another's may be finished while that one waits.
  if (present == 0) return !parts_.order.MayAct(call->sender());
  return present != tenure;
}

void SelfService::Moved(const CallPtr& call, std::uint64_t tenure, const absl::Status& status) {
  if (status.ok() && MayBeLate(call, tenure)) {
    // Whoever serves the agent now may have confirmed a later move before this one was carried out.
    parts_.moves.Lost(call->sender(), call->channels());
    call->Fail(Outcome::kFailed, "unavailable", UnconfirmedText(call->op()));
  } else if (status.ok()) {
    call->Succeed({{"channels", call->channels()}});
  } else if (absl::IsNotFound(status)) {
    // Whoever lost the durable has lost the record too, if the broker came back with an empty store.
    parts_.directory.Forget(call->sender());
    call->Fail(Outcome::kFailed, "not_provisioned",
               fmt::format("{}: the broker has no chat durable of {}; the agent must be provisioned again",
                           call->op(), Printable(call->sender(), kMaxEchoedIdBytes)));
  } else if (HasJsError(status, JsError::kFilterOverlap)) {
    call->Fail(Outcome::kRefused, "overlap",
               fmt::format("{}: the broker refuses these channels because some of them overlap", call->op()));
  } else if (absl::IsResourceExhausted(status)) {
    call->Fail(Outcome::kFailed, "busy", TooManyText(call->op()));
  } else if (IsBrokerAway(status)) {
    call->Fail(Outcome::kFailed, "unavailable", UnconfirmedText(call->op()));
  } else {
    FailInternally(call, "the broker refused to move a chat filter", status);
  }
}

void SelfService::WhoAmI(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn) {
  parts_.filters.Read(call->sender(), [this, call, &agent, turn = std::move(turn)](
                                          absl::StatusOr<std::vector<std::string>> channels) mutable {
    const AgentQueue::Turn mine = std::move(turn);
    ChannelsRead(call, agent, std::move(channels));
  });
}

// Both processes say so, and an agent may say so whenever it likes.
void SelfService::SecondProcess(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn) {
  const AgentQueue::Turn mine = std::move(turn);
  constexpr std::string_view kMessage = "an agent says that its identity runs in two processes";
  std::optional<std::uint64_t> left_out;
  {
    const MutexLock lock(mutex_);
    left_out = told_.Admit(kMessage, call->sender(), std::chrono::steady_clock::now());
  }
  if (left_out.has_value()) {
    parts_.log.Write(
        LogLevel::kWarn, kMessage,
        {{"id", call->sender()}, {"agent", agent.name}, {"again", static_cast<std::int64_t>(*left_out)}});
  }
  call->Succeed(Json::object());
}

void SelfService::ChannelsRead(const CallPtr& call, const AgentPolicy& agent,
                               absl::StatusOr<std::vector<std::string>> channels) {
  if (!call->StillWanted()) {
    return;
  }
  Json data = WhoAmIData(*call, agent, parts_.directory.policy());
  if (channels.ok()) {
    data["channels"] = *std::move(channels);
    call->Succeed(std::move(data));
  } else if (absl::IsNotFound(channels.status())) {
    call->Succeed(std::move(data));  // an agent without a durable reads nothing
  } else if (absl::IsDataLoss(channels.status())) {
    const std::string problem = MessageOf(channels.status());
    parts_.log.Write(LogLevel::kError, "what an agent reads cannot be told",
                     {{"id", call->sender()}, {"error", problem}});
    data["channels"] = nullptr;
    data["note"] = fmt::format("what the chat durable reads cannot be told: {}", problem);
    call->Succeed(std::move(data));
  } else if (absl::IsResourceExhausted(channels.status())) {
    call->Fail(Outcome::kFailed, "busy", TooManyText(call->op()));
  } else if (IsBrokerAway(channels.status())) {
    call->Fail(Outcome::kFailed, "unavailable", NotBegunText(call->op()));
  } else {
    FailInternally(call, "the broker refused to show a chat durable", channels.status());
  }
}

void SelfService::FailInternally(const CallPtr& call, std::string_view what, const absl::Status& status) {
  const std::string message = MessageOf(status);
  parts_.log.Write(LogLevel::kError, what, {{"id", call->sender()}, {"error", message}});
  call->Fail(Outcome::kFailed, "internal", InternalText(call->op()));
}

}  // namespace meshwarden
