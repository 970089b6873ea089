// One request to the service `self`, from its arrival to its one answer.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "endpoint/space/control.h"
#include "manager/process/log.h"
#include "manager/process/nap_watch.h"
#include "manager/service/deadline_watch.h"
#include "policy/policy.h"

namespace meshwarden {

// How a request ended, for the log.
enum class Outcome {
  kGranted,
  kRefused,  // by a rule; asking again will not help
  kFailed,   // by circumstances; asking again may help
};

// What a caller is told when the broker stays silent: before anything was begun, and after.
std::string NotBegunText(std::string_view op);
std::string UnconfirmedText(std::string_view op);
// What a caller is told whose time was over before its turn came.
std::string StaleText(std::string_view op);

// By what a request's end is judged, and what whoever asked too late is told.
struct CallClocks {
  std::function<std::chrono::steady_clock::time_point()> steady = &std::chrono::steady_clock::now;
  const Clock& wall = Clock::System();
};

// Answers exactly once and writes the decision to the log, whoever comes first: the work, or the deadline.
// Thread-safe, apart from what the constructor sets.
class SelfCall final : public Expirable {
 public:
  struct Request {
    std::string op;
    std::string sender;
    std::vector<std::string> channels;  // of setChannels; else empty
    std::chrono::steady_clock::time_point ends;
    NapWatch::Stamp stamp = 0;  // when it came
  };
  // `policy`, `log` and `clocks` must outlive the call.
  SelfCall(Request request, ControlResponder respond, const Policy& policy, Log& log,
           const CallClocks& clocks);

  const std::string& op() const { return request_.op; }
  const std::string& sender() const { return request_.sender; }
  const std::vector<std::string>& channels() const { return request_.channels; }
  NapWatch::Stamp stamp() const { return request_.stamp; }

  // Whom the policy takes the sender for; for the log.
  void SetAgent(const AgentPolicy& agent) { agent_ = &agent; }

  // True while something may be done on the request's behalf. False if it has been answered, which it is by
  // this if its end has passed: whoever asked has given up by then, and may have asked for something else.
  bool StillWanted();
  // The same, and claims the request for something that changes the broker's state.
  bool BeginChange();

  // Answers, unless that has been done: then the outcome is only logged, as a late one.
  void Succeed(Json data);
  void Fail(Outcome outcome, std::string_view code, std::string error);

  // Answers that the broker did not confirm in time.
  void Expire() override;

 private:
  enum class State { kWaiting, kChanging, kAnswered };

  void Answer(Outcome outcome, const ControlReply& reply);
  void Send(Outcome outcome, const ControlReply& reply) const;
  void WriteDecision(std::string_view message, Outcome outcome, const ControlReply& reply) const;

  const Request request_;
  const ControlResponder respond_;
  const Policy& policy_;
  Log& log_;
  const CallClocks& clocks_;
  const std::chrono::steady_clock::time_point arrived_ = std::chrono::steady_clock::now();
  std::atomic<State> state_ = State::kWaiting;
  std::atomic<const AgentPolicy*> agent_ = nullptr;
};

}  // namespace meshwarden
