// One endpoint of the soak, with what its handlers count.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "endpoint/endpoint.h"
#include "tests/soak/ledger.h"

namespace meshwarden::testing {

// The first error that no fault of the soak explains ends it. Thread-safe.
class Fault {
 public:
  void Set(const absl::Status& status) {
    const MutexLock lock(mutex_);
    if (status_.ok()) status_ = status;
  }
  absl::Status Get() const {
    const MutexLock lock(mutex_);
    return status_;
  }

 private:
  mutable Mutex mutex_;
  absl::Status status_ MW_GUARDED_BY(mutex_);
};

class Member {
 public:
  // `ledger` and `fault` must outlive the member.
  static absl::StatusOr<std::unique_ptr<Member>> Start(std::size_t index, EndpointOptions options,
                                                       Ledger& ledger, Fault& fault);

  std::size_t index() const { return index_; }
  Endpoint& endpoint() { return *endpoint_; }
  std::uint64_t connects() const { return connects_; }
  std::uint64_t historical() const { return historical_; }
  std::uint64_t errors() const { return errors_; }
  // Of those: durables that it took for gone.
  std::uint64_t durables_lost() const { return durables_lost_; }
  std::vector<std::string> last_errors() const {
    const MutexLock lock(mutex_);
    return last_errors_;
  }

 private:
  Member(std::size_t index, Ledger& ledger, Fault& fault) : index_(index), ledger_(ledger), fault_(fault) {}
  EndpointHandlers Handlers();
  void KeepError(std::string text);
  void Take(const ReceivedMessage& received);

  const std::size_t index_;
  Ledger& ledger_;
  Fault& fault_;
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> historical_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> durables_lost_{0};
  mutable Mutex mutex_;
  std::vector<std::string> last_errors_ MW_GUARDED_BY(mutex_);
  std::unique_ptr<Endpoint> endpoint_;  // last: its handlers use the others
};

// Whether a call may fail so while servers, connections and the manager come and go.
bool IsExplained(const absl::Status& status);

}  // namespace meshwarden::testing
