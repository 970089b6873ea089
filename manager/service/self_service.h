// The control service `self`: what an agent may ask the manager about itself.
//
//   setChannels {channels}   moves the sender's chat filter, within its allowSubscribe
//   whoami                   who the sender is, and what it may do and reads now
//   secondProcess            another process runs under the sender's id: a line in the log, one a minute
//
// A sender's requests are carried out in order, those of different senders side by side. Each is answered
// once, within the deadline of the watch; one whose end has passed when its turn comes is answered
// "stale_request", and nothing is done for it. setChannels is answered with success only after the broker has
// confirmed the move.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/space/control.h"
#include "manager/peers/serving_order.h"
#include "manager/process/log.h"
#include "manager/process/nap_watch.h"
#include "manager/process/repeat_limit.h"
#include "manager/service/agent_directory.h"
#include "manager/service/agent_queue.h"
#include "manager/service/chat_filters.h"
#include "manager/service/deadline_watch.h"
#include "manager/service/self_call.h"

namespace meshwarden {

// Thread-safe. Must outlive the requests it has taken.
class SelfService {
 public:
  // All must outlive this object.
  struct Parts {
    AgentDirectory& directory;
    AgentQueue& queue;
    ChatFilters& filters;
    DeadlineWatch& deadlines;
    ServingOrder& order;
    MoveListener& moves;
    const NapWatch& naps;
    Log& log;
    CallClocks clocks = {};
  };
  explicit SelfService(const Parts& parts) : parts_(parts) {}

  // Takes a request whose sender the broker vouches for; the handler for ServeControl. Does not block.
  void Handle(ControlCall call, ControlResponder respond);

 private:
  using CallPtr = std::shared_ptr<SelfCall>;
  // What to do in a turn, which ends as the last of the callbacks that carry it gives it up.
  using Work = void (SelfService::*)(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn);

  // Carries out `work` in the sender's turn, once it is known which agent the sender is.
  void Enqueue(const CallPtr& call, Work work);
  // Once this manager may act for the sender at all.
  void AwaitOrder(const CallPtr& call, Work work, AgentQueue::Turn turn);
  void Identify(const CallPtr& call, Work work, AgentQueue::Turn turn);
  // Whether it still may, and knows all that has happened since the request came. Answers it if not.
  bool MayStillAct(const CallPtr& call);
  // Whether another manager may have acted for the agent since the move was sent under `tenure`.
  bool MayBeLate(const CallPtr& call, std::uint64_t tenure);
  void Unidentified(const CallPtr& call, const absl::Status& status);

  void SetChannels(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn);
  void Moved(const CallPtr& call, std::uint64_t tenure, const absl::Status& status);
  void WhoAmI(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn);
  void SecondProcess(const CallPtr& call, const AgentPolicy& agent, AgentQueue::Turn turn);
  void ChannelsRead(const CallPtr& call, const AgentPolicy& agent,
                    absl::StatusOr<std::vector<std::string>> channels);
  // Logs an error that is nobody's fault but the manager's or its operator's, and answers without detail.
  void FailInternally(const CallPtr& call, std::string_view what, const absl::Status& status);

  const Parts parts_;
  Mutex mutex_;
  RepeatLimit told_ MW_GUARDED_BY(mutex_){RepeatLimit::Options{}};
};

}  // namespace meshwarden
