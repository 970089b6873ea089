#include "manager/service/self_call.h"

#include <fmt/format.h>

#include <utility>

namespace meshwarden {
namespace {

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGranted:
      return "granted";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace

std::string UnconfirmedText(std::string_view op) {
  return fmt::format(
      "{}: the broker did not confirm the change in time, so nothing is known to have changed; "
      "ask whoami, then try again",
      op);
}

std::string NotBegunText(std::string_view op) {
  return fmt::format("{}: the broker did not answer in time, so nothing was done; try again", op);
}

std::string StaleText(std::string_view op) {
  return fmt::format("{}: whoever asked had given up before this was begun, so nothing was done", op);
}

SelfCall::SelfCall(Request request, ControlResponder respond, const Policy& policy, Log& log,
                   const CallClocks& clocks)
    : request_(std::move(request)),
      respond_(std::move(respond)),
      policy_(policy),
      log_(log),
      clocks_(clocks) {}

bool SelfCall::StillWanted() {
  if (state_ == State::kAnswered) {
    return false;
  }
  if (clocks_.steady() < request_.ends) {
    return true;
  }
  const auto now = std::chrono::floor<std::chrono::milliseconds>(clocks_.wall.Now().time_since_epoch());
  Answer(Outcome::kFailed, ControlReply::StaleRequest(StaleText(op()), now.count()));
  return false;
}

bool SelfCall::BeginChange() {
  if (!StillWanted()) {
    return false;
  }
  State expected = State::kWaiting;
  return state_.compare_exchange_strong(expected, State::kChanging);
}

void SelfCall::Succeed(Json data) { Answer(Outcome::kGranted, ControlReply::Ok(std::move(data))); }

void SelfCall::Fail(Outcome outcome, std::string_view code, std::string error) {
  Answer(outcome, ControlReply::Error(std::string(code), std::move(error)));
}

void SelfCall::Expire() {
  const State before = state_.exchange(State::kAnswered);
  if (before == State::kAnswered) {
    return;
  }
  Send(Outcome::kFailed, ControlReply::Error("unavailable", before == State::kChanging ? UnconfirmedText(op())
                                                                                       : NotBegunText(op())));
}

void SelfCall::Answer(Outcome outcome, const ControlReply& reply) {
  if (state_.exchange(State::kAnswered) == State::kAnswered) {
    WriteDecision("late outcome", outcome, reply);
    return;
  }
  Send(outcome, reply);
}

void SelfCall::Send(Outcome outcome, const ControlReply& reply) const {
  // First the log: what has been answered has been written down.
  WriteDecision("decision", outcome, reply);
  respond_(reply);
}

void SelfCall::WriteDecision(std::string_view message, Outcome outcome, const ControlReply& reply) const {
  const AgentPolicy* agent = agent_;
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - arrived_;
  std::vector<LogField> fields = {{"op", request_.op}, {"id", request_.sender}};
  if (agent != nullptr) {
    fields.push_back({"agent", agent->name});
  }
  fields.push_back({"verdict", NameOf(outcome)});
  if (!request_.channels.empty()) {
    fields.push_back({"channels", request_.channels});
  }
  if (!reply.ok) {
    fields.push_back({"code", reply.code});
    fields.push_back({"error", reply.error});
  }
  fields.push_back({"ms", taken.count()});
  fields.push_back({"policy", policy_.revision()});
  log_.Write(outcome == Outcome::kFailed ? LogLevel::kWarn : LogLevel::kInfo, message, fields);
}

}  // namespace meshwarden
