// Whose turn an agent is: what one manager may do by the views that it has read, and until when.
//
// The rule: a manager acts for an agent only under a view that it knows to be the present one, and it knows
// that only for a while after it has asked. Whoever gets an agent from another waits for longer than that. So
// at no time do two managers act for one agent, whatever becomes of them: stopped, cut off, or late.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manager/peers/peer_view.h"

namespace meshwarden {

struct PeerTimes {
  // For so long after it has asked, a manager holds the view that it was told for the present one.
  std::chrono::milliseconds fresh{700};
  // Before it acts for agents that another may have had; longer than `fresh`.
  std::chrono::milliseconds settle{800};
  // A member that was not heard of for so long is taken for gone.
  std::chrono::milliseconds silent{800};
  // A manager that has not heard itself for so long does not listen, and judges nobody.
  std::chrono::milliseconds deaf{400};
};

// A value without a clock or a lock. Not thread-safe.
class PeerLedger {
 public:
  using Time = std::chrono::steady_clock::time_point;

  PeerLedger(std::string self, const PeerTimes& times) : self_(std::move(self)), times_(times) {}

  // The view that the bucket had when it was asked, at `asked`. True: it is another than the present one.
  // Older ones than that are ignored, but for one that was asked for since: then the bucket has lost what it
  // had.
  bool TakeView(const PeerView& view, Time asked, Time now);
  // A member has been heard of.
  void Hear(const std::string& instance, Time now);
  // What this manager told itself, by the way that the others' messages come, has come.
  void HearSelf(Time now);

  // Whether this manager may act for `agent_id` at this moment. What it had in hand when the agent became
  // another's it may finish, as long as the other waits.
  bool MayAct(std::string_view agent_id, Time now);
  // A number that is the same as long as nobody but this manager can have acted for `agent_id`, as far as the
  // views tell that it has read; 0 while the agent is not its own. After many views it may change without
  // need.
  std::uint64_t TenureOf(std::string_view agent_id) const;
  // Who else is to serve `agent_id` from now on; null if it is this one, or not known.
  const Peer* OtherFor(std::string_view agent_id) const;

  const PeerView& view() const { return view_; }
  bool is_member() const { return view_.Has(self_); }
  // Whether this manager may serve now all that it is to serve, and every other member has been heard of.
  bool IsSettled(Time now) const;
  // Whether what the others say reaches this manager now.
  bool IsListening(Time now) const { return now < listens_until_; }
  // The other members that were not heard of for too long. Empty while the view may be an old one, and while
  // this manager does not listen.
  std::vector<std::string> Silent(Time now) const;

 private:
  bool Owns(const PeerView& view, std::string_view agent_id) const;
  void Remember(PeerView view);
  // From now on the others are listened to.
  void ListenAnew(Time now);

  std::string self_;
  PeerTimes times_;
  PeerView view_;
  Time learned_at_ = Time::min();  // when the present view became that
  Time fresh_until_ = Time::min();
  // The views before the present one, as long as others may act by them.
  std::vector<PeerView> before_;
  Time settled_at_ = Time::min();
  // Until when what was in hand under the last of them may be finished.
  Time finish_until_ = Time::min();
  struct Heard {
    Time last;  // at first: when it became a member
    bool ever = false;
  };
  std::map<std::string, Heard> heard_;  // of the other members
  Time listens_until_ = Time::min();
  // The last views, the present one last, each with its number among all that were read.
  struct Past {
    std::uint64_t count;
    PeerView view;
  };
  std::vector<Past> past_;
  std::uint64_t count_ = 0;
};

}  // namespace meshwarden
