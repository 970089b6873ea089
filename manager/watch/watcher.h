// Watches what is done to the durables of a space by clients that have the broker do it for them. Says so in
// the log, names who it was where that can be known, and puts it right:
//
//   a durable was moved past what is not settled   its place is given back (place_keeper.h)
//   an agent's chat durable was deleted            it is made anew, with its place and its channels
//   an agent is known to do such things, or its    its chat durable is taken away with all pulls that stand
//   on chat durable is crowded by others' pulls       it, and made anew at once: whoever is named wrongly
//   loses
//                                                  nothing (chat_restorer.h)
//   an entry of the channel registry became none    it is put back (registry_keeper.h)
//
// Nothing is made anew without reading the agent's record first and asking today's policy.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "endpoint/nats/connection.h"
#include "manager/process/log.h"
#include "manager/watch/broker_event.h"
#include "manager/watch/chat_restorer.h"
#include "manager/watch/event_inbox.h"
#include "manager/watch/place_keeper.h"
#include "manager/watch/registry_keeper.h"
#include "manager/watch/suspect.h"
#include "manager/watch/watch_log.h"
#include "manager/watch/watch_options.h"
#include "manager/watch/watch_repairs.h"

namespace meshwarden {

// Has a thread of its own, which works off what was heard and looks at all durables at an interval.
// Thread-safe.
class Watcher {
 public:
  enum class Power {
    kRepair,
    kReport,  // a mover of an earlier version may neither list durables nor set them back
  };

  // `log` must outlive the watcher.
  Watcher(std::string space, Log& log, const WatchOptions& options);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Begins to listen on `connection`, one of profile watcher, and to repair. The connection and what
  // `repairs` holds must live until Stop has returned. Once.
  absl::Status Start(Connection& connection, const WatchRepairs::Parts& repairs, Power power);
  // Looks at everything soon: to be called when something may have gone unheard. Does not block; may come
  // before Start.
  void LookSoon() { inbox_.Wake(); }
  // Ends the thread, after what is due at the moment. Makes what it has taken away itself: while the
  // connection of the repairs lives, nobody is left without a durable. Idempotent; not from several threads
  // at once.
  void Stop();

 private:
  void Run();
  EventInbox::Time NextDue() const;
  // Takes in what was heard, and makes anew what is due. False once this is to end.
  bool Attend();
  void Heed(const ApiUse& use);
  void Heed(const ConsumerGone& gone);
  void Heed(const PlaceMove& move);
  void LookAtRegistry();
  // Of a move that no client made: notes who is to lose the pulls set up by it, and returns whom to name;
  // empty for nobody.
  std::string Accuse(const PlaceMove& move);
  void Look();
  void TellOnceAllIsKnown();
  void TakeIn(const PlaceKeeper::Findings& findings);
  void TakeAwayPulls();

  const std::string space_;
  WatchLog log_;
  const WatchOptions options_;
  EventInbox inbox_;

  // Made by Start, and then of the watcher's thread alone, as the log is.
  Power power_ = Power::kReport;
  std::optional<WatchRepairs> repairs_;
  std::optional<PlaceKeeper> places_;
  std::optional<ChatRestorer> restorer_;
  std::optional<RegistryKeeper> registry_;
  std::set<std::string> to_take_away_;  // ids
  bool told_known_ = false;

  std::thread thread_;
};

}  // namespace meshwarden
