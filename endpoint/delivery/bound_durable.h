// A durable as it was when it was bound, and whether the broker still has that one. A pull that is refused
// tells that something is wrong, but not what: so the broker is asked.
//
// Bound to one connection. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"

namespace meshwarden {

// Whether `info` is of the durable that was made at `created`, as an earlier answer had it, and that had made
// at least `deliveries` by then. In a cluster the time alone does not tell: servers of 2.10 call that of
// their own start so once the filter has moved. One that was made anew has made fewer deliveries, or none.
bool IsStill(const ConsumerInfo& info, std::string_view created, std::uint64_t deliveries);

class BoundDurable : public std::enable_shared_from_this<BoundDurable> {
 public:
  // `created` and `deliveries`: as the broker told when it was bound.
  BoundDurable(std::string stream, std::string name, std::string created, std::uint64_t deliveries);

  const std::string& stream() const { return stream_; }
  const std::string& name() const { return name_; }

  // A pull was refused.
  void Doubt();
  // A message came. Deliveries of one durable are counted upwards, so one that is not is a reason for doubt.
  void Saw(std::uint64_t consumer_seq);
  // Asks the broker if there is doubt. Does not block.
  void Check(JetStreamApi& api);
  // It is gone, or another one is in its place.
  bool lost() const;

 private:
  void Take(const absl::StatusOr<ConsumerInfo>& info);

  const std::string stream_;
  const std::string name_;
  const std::string created_;

  mutable Mutex mutex_;
  std::uint64_t deliveries_ MW_GUARDED_BY(mutex_);  // that it was last known to have made
  bool went_back_ MW_GUARDED_BY(mutex_) = false;    // what came was counted anew
  bool doubted_ MW_GUARDED_BY(mutex_) = false;
  bool asking_ MW_GUARDED_BY(mutex_) = false;
  bool missed_ MW_GUARDED_BY(mutex_) = false;  // by the last answer
  bool lost_ MW_GUARDED_BY(mutex_) = false;
};

}  // namespace meshwarden
