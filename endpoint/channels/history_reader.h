// Reading a channel's stored messages through `chathist_<id>`, the one consumer that an agent may make: one
// filter, pinned by the broker to the subject of the request that makes it, so that a credential decides what
// can be read.
//
// A page is one short-lived consumer: made, read, deleted. So whoever reads several pages may take its time
// between them, and reads of one endpoint exclude each other only page by page. A page may be shorter than
// asked for without being the last: what counts is `end`. Thread-safe.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

inline constexpr std::size_t kHistoryPage = 256;

struct HistoryQuery {
  std::string subject;  // the filter: "cotal.main.chat.*.general"
  std::uint64_t start_seq = 1;
  // If set, in place of start_seq: messages stored at this time or later.
  std::optional<std::chrono::system_clock::time_point> since = std::nullopt;
  std::size_t limit = kHistoryPage;  // at most kHistoryPage
};

struct HistoryMessage {
  std::string subject;
  std::uint64_t seq = 0;
  std::string payload;
  std::uint64_t time = 0;  // when it was stored, by the broker's clock; nanoseconds since 1970
};

struct HistoryPage {
  std::vector<HistoryMessage> messages;  // in stream order; only such as the query's subject matches
  std::uint64_t next_seq = 0;            // where the next page begins
  bool end = false;                      // nothing more is stored beyond
};

class HistoryReader {
 public:
  // Reads `stream` through the consumer `name`. `connection` and `api` must outlive this object.
  HistoryReader(Connection& connection, JetStreamApi& api, std::string stream, std::string name,
                std::chrono::milliseconds timeout);

  // Blocks; not to be called on a thread of the connection. PermissionDenied: the credential has no right to
  // this history. Unavailable: the connection was lost; nothing is known of the rest.
  absl::StatusOr<HistoryPage> ReadPage(const HistoryQuery& query);

 private:
  absl::StatusOr<ConsumerInfo> MakeComplete(const HistoryQuery& query) MW_REQUIRES(mutex_);
  absl::StatusOr<ConsumerInfo> MakeConsumer(const HistoryQuery& query) MW_REQUIRES(mutex_);
  absl::StatusOr<HistoryPage> Pull(const HistoryQuery& query, std::size_t wanted, std::uint64_t announced)
      MW_REQUIRES(mutex_);
  void DeleteConsumer() MW_REQUIRES(mutex_);

  Connection& connection_;
  JetStreamApi& api_;
  const std::string stream_;
  const std::string name_;
  const std::chrono::milliseconds timeout_;

  Mutex mutex_;                                 // held for the time of one page
  bool cleared_ MW_GUARDED_BY(mutex_) = false;  // a crashed reader's consumer has been looked for
};

}  // namespace meshwarden
