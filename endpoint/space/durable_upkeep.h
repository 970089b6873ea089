// Seeing to it that a durable is there and is what the contract says: made, taken as it is, put right, or
// refused by name; never taken because of its name.
//
// Blocking, for those who may make consumers. Thread-safe as far as its JetStreamApi is.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <string>

#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

// What is lost if a durable that somebody has used already is deleted and made with the contract's
// configuration.
enum class IfUsed {
  kMakeAnew,    // nothing: its stream keeps exactly what is not done yet
  kGoOnBehind,  // nothing, if it begins behind what was acknowledged; for one that delivers what is new
  kLeaveItBe,   // where its reader was: what it has dealt with would come again
};

struct DurableWish {
  std::string stream;
  // As it is to be, in the place of the one that is there, or of none (null).
  std::function<absl::StatusOr<ConsumerConfig>(const ConsumerInfo* there)> config;
  IfUsed if_used = IfUsed::kLeaveItBe;
  // Its filter may be changed as it stands, also while messages that the wanted one does not select are
  // being delivered; those can come once more.
  bool moves = false;
};

struct UpheldDurable {
  ConsumerInfo info;  // as it was read back
  bool made = false;  // by this call, in nobody's place
};

// Reads back what it has made or changed, and compares the whole (durable_comparison.h).
//
// FailedPrecondition: one is there that differs, and could not be put right without loss, or stayed as it
// was; the message says in what, and what to do. Unavailable: one that was just made can't be seen. What the
// broker refuses keeps its code. If one was deleted and not, or perhaps not, made anew, the message says
// where it was to go on: nobody else knows it.
absl::StatusOr<UpheldDurable> UpholdDurable(JetStreamApi& api, const DurableWish& wish);

enum class DeletedDurable {
  kGone,
  kAnother,  // it is, and another one is there, and stays
  kUnclear,  // one is there, and stays: the broker does not tell when it was made
};

// Deletes exactly the durable `old`, and not one that was made in its place since: as far as times tell it,
// which the servers of a cluster may tell differently (IsMadeWith).
absl::StatusOr<DeletedDurable> DeleteDurable(JetStreamApi& api, const ConsumerInfo& old);

}  // namespace meshwarden
