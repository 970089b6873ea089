// Gives back to the broker what it has delivered, by its own account, and what did not come: a pull that
// somebody else has set up on the durable got it, or a connection that was lost. The broker delivers it again
// at once then, and not only when its patience for an acknowledgement is over.
//
// For durables with one reader: what another process under the same id has in hand is given back, too. The
// messages are at-least-once ones, and there is no telling such a process from a thief.
//
// How it knows. The broker counts a durable's deliveries, and sends them in that order; a number that is left
// out, or a heartbeat that speaks of more deliveries than came, is a suspicion. Then the durable is asked
// for: what is pending there and not in hand here is missing. Of which sequences is not told, but to give
// back what is not pending does nothing. So everything that may be is given back, again and again, until it
// comes.
//
// Bound to one connection. Thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "endpoint/delivery/ack_subject.h"
#include "endpoint/delivery/in_hand.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

class DurableHealer : public std::enable_shared_from_this<DurableHealer> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::string stream;
    std::string consumer;
    // Check is due earlier than next_due() said. Must be brief; called by Came and Told only.
    std::function<void()> wake;
    std::function<void(const absl::Status&)> on_error;  // must be brief
  };
  // `connection` and `api` must outlive this object, and answers that are still to come.
  DurableHealer(Options options, Connection& connection, JetStreamApi& api, std::shared_ptr<InHand> in_hand);

  // Before the first pull on this connection: what the broker says of the durable.
  void Begin(const ConsumerInfo& info);
  // A message came; it is in hand already. In the order of their coming, as the following.
  void Came(const AckSubject& delivery);
  // The broker says how many deliveries it has made, and up to which sequence of the stream.
  void Told(std::uint64_t deliveries, std::uint64_t stream_seq);

  // When Check has something to do; TimePoint::max() for nothing.
  TimePoint next_due() const;
  // Asks and gives back what is due. Does not block.
  void Check(TimePoint now);

 private:
  // What the broker told last.
  struct Picture {
    std::uint64_t ack_floor = 0;
    std::uint64_t deliveries = 0;
    std::uint64_t foreign_pulls = 0;
  };
  // False if it was suspected before.
  bool Suspect(TimePoint now) MW_REQUIRES(mutex_);
  void Take(const absl::StatusOr<ConsumerInfo>& info);
  void TakeInfo(const ConsumerInfo& info, TimePoint now) MW_REQUIRES(mutex_);
  void GoOn(std::uint64_t missing, TimePoint now) MW_REQUIRES(mutex_);
  void End() MW_REQUIRES(mutex_);
  std::vector<std::uint64_t> NextToGiveBack(TimePoint now) MW_REQUIRES(mutex_);
  void BeginRound(TimePoint now) MW_REQUIRES(mutex_);
  std::chrono::steady_clock::duration RepeatAfter() const MW_REQUIRES(mutex_);
  void Report(TimePoint now) MW_EXCLUDES(mutex_);
  bool IsSlow(TimePoint now) const MW_REQUIRES(mutex_);

  const Options options_;
  Connection& connection_;
  JetStreamApi& api_;
  const std::shared_ptr<InHand> in_hand_;

  mutable Mutex mutex_;
  // The last delivery known of: its number, and the highest sequence of all so far.
  std::uint64_t deliveries_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t stream_seq_ MW_GUARDED_BY(mutex_) = 0;

  bool suspected_ MW_GUARDED_BY(mutex_) = false;
  // Nothing above this sequence of the stream; as far as the broker had got when it answered the first
  // question after the latest reason to suspect something.
  std::uint64_t suspect_until_ MW_GUARDED_BY(mutex_) = 0;
  bool suspect_more_ MW_GUARDED_BY(mutex_) = false;    // there is a reason since
  bool asked_for_more_ MW_GUARDED_BY(mutex_) = false;  // the answer that is awaited was asked for after it
  bool asking_ MW_GUARDED_BY(mutex_) = false;
  TimePoint asked_at_ MW_GUARDED_BY(mutex_);
  TimePoint ask_due_ MW_GUARDED_BY(mutex_);
  std::chrono::steady_clock::duration round_trip_ MW_GUARDED_BY(mutex_) = {};

  bool giving_ MW_GUARDED_BY(mutex_) = false;
  TimePoint giving_since_ MW_GUARDED_BY(mutex_);
  TimePoint give_due_ MW_GUARDED_BY(mutex_);
  Picture picture_ MW_GUARDED_BY(mutex_);
  // Of all that may be given back, from the highest sequence down.
  std::uint64_t rounds_ MW_GUARDED_BY(mutex_) = 0;
  TimePoint round_begun_ MW_GUARDED_BY(mutex_);
  bool in_round_ MW_GUARDED_BY(mutex_) = false;
  std::uint64_t next_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t left_ MW_GUARDED_BY(mutex_) = 0;
  std::uint64_t fewest_ MW_GUARDED_BY(mutex_) = 0;  // that were missing in this suspicion
  TimePoint progress_at_ MW_GUARDED_BY(mutex_);

  std::uint64_t unreported_ MW_GUARDED_BY(mutex_) = 0;
  TimePoint reported_at_ MW_GUARDED_BY(mutex_);
};

}  // namespace meshwarden
