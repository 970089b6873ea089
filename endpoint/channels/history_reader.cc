#include "endpoint/channels/history_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "endpoint/delivery/ack_subject.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

// A page of very large messages ends early: this much is kept of what has not been handled yet.
constexpr std::size_t kMaxPageBytes = 16 << 20;
constexpr std::chrono::milliseconds kLook{100};
constexpr std::string_view kNobodyThere = "503";

// The code of a message that the server made up itself; empty for others. The stream's own messages have a
// reply subject, and their headers are their senders'.
std::string StatusCodeOf(const NatsMessage& message) {
  if (!message.reply.empty() || !message.payload.empty()) return "";
  const auto header = std::find_if(message.headers.begin(), message.headers.end(),
                                   [](const auto& field) { return field.first == "Status"; });
  return header == message.headers.end() ? "" : header->second;
}

// Gathers what one pull brings.
class Gatherer {
 public:
  // `announced`: how many there are for the consumer, of which it brings `wanted`.
  Gatherer(std::string stream, std::string consumer, std::string filter, std::size_t wanted,
           std::uint64_t announced)
      : stream_(std::move(stream)),
        consumer_(std::move(consumer)),
        filter_(std::move(filter)),
        wanted_(wanted),
        announced_(announced) {}

  void Add(NatsMessage message) MW_EXCLUDES(mutex_) {
    const std::optional<AckSubject> ack = ParseAckSubject(message.reply);
    if (!ack.has_value()) return End(StatusCodeOf(message));
    if (ack->stream != stream_ || ack->consumer != consumer_) return;
    const bool asked_for = SubjectMatches(filter_, message.subject);
    const MutexLock lock(mutex_);
    if (done_) return;
    // One was lost on the way: the page ends before it.
    done_ = ack->consumer_seq != received_ + 1;
    if (!done_) {
      ++received_;
      page_.next_seq = ack->stream_seq + 1;
      // By what was counted when the consumer was made: what the broker says later, it counts in passing.
      page_.end = received_ == announced_;
      if (asked_for) {
        page_.messages.push_back({.subject = std::move(message.subject),
                                  .seq = ack->stream_seq,
                                  .payload = std::move(message.payload),
                                  .time = ack->time});
      }
      done_ = received_ >= wanted_;
    }
    if (done_) changed_.NotifyAll();
  }

  // True once the page is complete; false after `wait`.
  bool AwaitDone(std::chrono::milliseconds wait) MW_EXCLUDES(mutex_) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    const MutexLock lock(mutex_);
    while (!done_) {
      if (!changed_.WaitUntil(mutex_, deadline)) break;
    }
    return done_;
  }

  // True if nobody took the pull; once for each time.
  bool TakeNobodyThere() MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::exchange(nobody_there_, false);
  }

  std::size_t received() const MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return received_;
  }

  // By the last that was heard.
  bool nobody_was_there() const MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return code_ == kNobodyThere;
  }

  absl::StatusOr<HistoryPage> Take() MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (received_ == 0) {
      return absl::UnavailableError(fmt::format(
          "reading {} from stream {} was broken off (status \"{}\"); try again", filter_, stream_, code_));
    }
    return std::move(page_);
  }

 private:
  void End(const std::string& code) MW_EXCLUDES(mutex_) {
    if (code.empty()) return;
    const MutexLock lock(mutex_);
    if (done_) return;
    code_ = code;
    if (code == kNobodyThere) {
      nobody_there_ = true;
      return;
    }
    // Nothing is there any more, whatever was announced: it was deleted meanwhile.
    page_.end = code == "404" || code == "408";
    done_ = true;
    changed_.NotifyAll();
  }

  const std::string stream_;
  const std::string consumer_;
  const std::string filter_;
  const std::size_t wanted_;
  const std::uint64_t announced_;
  mutable Mutex mutex_;
  CondVar changed_;
  HistoryPage page_ MW_GUARDED_BY(mutex_);
  std::size_t received_ MW_GUARDED_BY(mutex_) = 0;
  std::string code_ MW_GUARDED_BY(mutex_);
  bool nobody_there_ MW_GUARDED_BY(mutex_) = false;
  bool done_ MW_GUARDED_BY(mutex_) = false;
};

void AwaitTime(std::chrono::steady_clock::time_point time) {
  Mutex mutex;
  CondVar never;
  const MutexLock lock(mutex);
  while (never.WaitUntil(mutex, time)) {
  }
}

// Waits as long as something comes at least every `timeout`. Where nobody took the pull it is made again: a
// consumer that a cluster has just made may have no leader yet, or none that the server here knows of.
absl::Status AwaitPage(const Connection& connection, Gatherer& gatherer, std::chrono::milliseconds timeout,
                       const std::function<absl::Status()>& pull) {
  MW_RETURN_IF_ERROR(pull());
  std::size_t received = 0;
  auto last_progress = std::chrono::steady_clock::now();
  while (!gatherer.AwaitDone(std::min(kLook, timeout))) {
    const auto now = std::chrono::steady_clock::now();
    if (!connection.connected()) {
      return absl::UnavailableError("the connection was lost while reading stored messages");
    }
    if (const std::size_t count = gatherer.received(); count > received) {
      received = count;
      last_progress = now;
    } else if (now - last_progress < timeout) {
      if (gatherer.TakeNobodyThere()) MW_RETURN_IF_ERROR(pull());
    } else if (gatherer.nobody_was_there()) {
      return absl::UnavailableError(
          "nobody in the cluster serves the reader of stored messages now; try again");
    } else {
      return absl::DeadlineExceededError("the broker did not send the stored messages in time");
    }
  }
  return absl::OkStatus();
}

}  // namespace

HistoryReader::HistoryReader(Connection& connection, JetStreamApi& api, std::string stream, std::string name,
                             std::chrono::milliseconds timeout)
    : connection_(connection),
      api_(api),
      stream_(std::move(stream)),
      name_(std::move(name)),
      timeout_(timeout) {}

absl::StatusOr<HistoryPage> HistoryReader::ReadPage(const HistoryQuery& query) {
  if (query.limit == 0 || query.limit > kHistoryPage) {
    return absl::InvalidArgumentError(fmt::format("a page of history has 1 to {} messages", kHistoryPage));
  }
  const MutexLock lock(mutex_);
  absl::StatusOr<ConsumerInfo> consumer = MakeComplete(query);
  if (!consumer.ok()) return std::move(consumer).status();
  // For a time the broker says where it would have begun.
  const std::uint64_t begin = query.since.has_value() ? consumer->delivered_stream_seq + 1
                                                      : std::max<std::uint64_t>(query.start_seq, 1);
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(query.limit, consumer->num_pending));
  absl::StatusOr<HistoryPage> page = HistoryPage{.messages = {}, .next_seq = begin, .end = true};
  if (wanted > 0) page = Pull(query, wanted, consumer->num_pending);
  if (page.ok()) page->next_seq = std::max(page->next_seq, begin);
  DeleteConsumer();
  return page;
}

// A cluster may place the consumer on a server that has been away, which knows nothing yet of what was stored
// meanwhile: to it the history ends early. So one counts only where all was stored just before it was made.
absl::StatusOr<ConsumerInfo> HistoryReader::MakeComplete(const HistoryQuery& query) {
  if (!connection_.in_cluster()) return MakeConsumer(query);
  const auto deadline = std::chrono::steady_clock::now() + timeout_;
  while (true) {
    MW_ASSIGN_OR_RETURN(const StreamInfo stream, api_.GetStream(stream_));
    absl::StatusOr<ConsumerInfo> made = MakeConsumer(query);
    // One that is in no cluster is where all is stored, whatever the server calls itself.
    if (!made.ok() || !made->in_cluster) return made;
    const std::vector<std::string>& complete = stream.complete_on;
    if (std::find(complete.begin(), complete.end(), made->leader) != complete.end()) return made;
    DeleteConsumer();
    const auto next = std::chrono::steady_clock::now() + kLook;
    if (next >= deadline) break;
    AwaitTime(next);
  }
  return absl::UnavailableError(fmt::format(
      "stored messages of {} could only be read on a server that does not have all of them yet; try again",
      stream_));
}

absl::StatusOr<ConsumerInfo> HistoryReader::MakeConsumer(const HistoryQuery& query) {
  if (!cleared_) DeleteConsumer();
  const ConsumerConfig config = HistoryConsumerConfig(name_, query.subject, query.start_seq, query.since);
  absl::StatusOr<ConsumerInfo> made = api_.CreateConsumer(stream_, config);
  // One that has been read from is somebody else's leftover too, with the same configuration.
  const bool leftover =
      absl::IsAlreadyExists(made.status()) || (made.ok() && made->delivered_consumer_seq != 0);
  if (leftover) {
    DeleteConsumer();
    made = api_.CreateConsumer(stream_, config);
  }
  // Without an answer it may have been made all the same.
  if (!made.ok()) cleared_ = false;
  return made;
}

absl::StatusOr<HistoryPage> HistoryReader::Pull(const HistoryQuery& query, std::size_t wanted,
                                                std::uint64_t announced) {
  const auto gatherer = std::make_shared<Gatherer>(stream_, name_, query.subject, wanted, announced);
  const std::string inbox = connection_.NewInbox();
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Subscription> subscription,
                      connection_.Subscribe(
                          inbox, "", [gatherer](NatsMessage message) { gatherer->Add(std::move(message)); }));
  const Json request = {{"batch", wanted}, {"max_bytes", kMaxPageBytes}, {"no_wait", true}};
  const auto pull = [&] {
    return connection_.PublishRequest(fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream_, name_), inbox,
                                      DumpJson(request));
  };
  MW_RETURN_IF_ERROR(AwaitPage(connection_, *gatherer, timeout_, pull));
  return gatherer->Take();
}

// If it can't be deleted now, the next page tries again; after a while without readers the broker deletes it.
void HistoryReader::DeleteConsumer() {
  const absl::Status deleted = api_.DeleteConsumer(stream_, name_);
  cleared_ = deleted.ok() || absl::IsNotFound(deleted);
}

}  // namespace meshwarden
