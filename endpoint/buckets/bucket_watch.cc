#include "endpoint/buckets/bucket_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"
#include "endpoint/delivery/ack_subject.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

using TimePoint = BucketWatch::TimePoint;
using OnEntry = std::function<void(const BucketEntry&)>;

std::string_view HeaderOf(const NatsMessage& message, std::string_view name) {
  const auto found = std::find_if(message.headers.begin(), message.headers.end(),
                                  [name](const auto& header) { return header.first == name; });
  return found == message.headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::uint64_t> NumberOf(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsDeleted(const NatsMessage& message) {
  const std::string_view operation = HeaderOf(message, "KV-Operation");
  // A marker that the broker itself left for a record whose time was up.
  const bool expired = !HeaderOf(message, "Nats-Marker-Reason").empty();
  return operation == "DEL" || operation == "PURGE" || expired;
}

// The last record that was handed over: its sequence, and when it was stored. Together they tell a record
// that came before it from one of a bucket that was made anew, whose sequences begin again.
struct Reached {
  std::uint64_t seq = 0;
  std::uint64_t time = 0;

  bool Includes(const AckSubject& ack) const { return ack.stream_seq <= seq && ack.time <= time; }
};

// One consumer and what it has brought: made once, given up for another one.
class Run {
 public:
  enum class Health {
    kFine,
    kMaking,  // the broker has not answered yet
    kRemake,  // it has fallen silent, or something is missing
    kFailed,
  };

  // `inbox` is fresh and so the consumer's name, which is made of it. What `reached` includes is not handed
  // over again.
  Run(const std::string& bucket, std::string inbox, Reached reached, std::shared_ptr<const OnEntry> on_entry)
      : prefix_(BucketSubject(bucket, "")),
        stream_(BucketStream(bucket)),
        inbox_(std::move(inbox)),
        name_(NameOf(inbox_)),
        on_entry_(std::move(on_entry)),
        before_(reached),
        reached_(reached) {}

  const std::string& inbox() const { return inbox_; }
  const std::string& name() const { return name_; }
  const std::string& stream() const { return stream_; }

  // What the broker said to the request to make the consumer.
  void Made(absl::StatusOr<ConsumerInfo> info) MW_EXCLUDES(mutex_) {
    const TimePoint now = std::chrono::steady_clock::now();
    const MutexLock lock(mutex_);
    last_heard_ = now;
    if (!info.ok()) {
      failure_ = std::move(info).status();
      health_ = Health::kFailed;
    } else {
      announced_ = info->delivered_consumer_seq + info->num_pending;
      health_ = Health::kFine;
    }
  }

  // For each message, one at a time. Returns the subject that asks for an empty answer, if any.
  std::string Take(NatsMessage message) MW_EXCLUDES(mutex_) {
    const std::optional<AckSubject> ack = ParseAckSubject(message.reply);
    if (!ack.has_value()) return TakeStatus(message);
    if (ack->stream != stream_ || ack->consumer != name_ || !Follows(*ack)) return "";
    if (message.subject.starts_with(prefix_) && !before_.Includes(*ack)) {
      const bool deleted = IsDeleted(message);
      (*on_entry_)({.key = message.subject.substr(prefix_.size()),
                    .payload = std::move(message.payload),
                    .seq = ack->stream_seq,
                    .deleted = deleted});
    }
    const MutexLock lock(mutex_);
    handled_ = ack->consumer_seq;
    caught_up_ = caught_up_ || ack->pending == 0;
    progress_.NotifyAll();
    return "";
  }

  // After Made: until all that was there then has been handled, or `deadline`.
  void AwaitSnapshot(TimePoint deadline) MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!caught_up_ && handled_ < announced_ && !gap_) {
      if (!progress_.WaitUntil(mutex_, deadline)) return;
    }
  }

  Health Judge(TimePoint now, std::chrono::milliseconds heartbeat) const MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (health_ != Health::kFine) return health_;
    return gap_ || now - last_heard_ > 2 * heartbeat ? Health::kRemake : Health::kFine;
  }
  // What the next one need not hand over.
  Reached reached() const MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return reached_;
  }
  absl::Status TakeFailure() MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::exchange(failure_, absl::OkStatus());
  }

 private:
  static std::string NameOf(const std::string& inbox) {
    // Behind the prefix that all of this identity's inboxes have.
    std::string name = "oc_" + inbox.substr(inbox.find('.') + 1);
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
  }

  bool Follows(const AckSubject& ack) MW_EXCLUDES(mutex_) {
    const TimePoint now = std::chrono::steady_clock::now();
    const MutexLock lock(mutex_);
    gap_ = gap_ || ack.consumer_seq != consumer_seq_ + 1;
    if (gap_) return false;
    consumer_seq_ = ack.consumer_seq;
    if (!before_.Includes(ack)) reached_ = {.seq = ack.stream_seq, .time = ack.time};
    last_heard_ = now;
    return true;
  }

  // An idle heartbeat, or the broker asking how far we are; it asks on subjects of its own only.
  std::string TakeStatus(const NatsMessage& message) MW_EXCLUDES(mutex_) {
    if (HeaderOf(message, "Status") != "100") return "";
    const std::optional<std::uint64_t> sent = NumberOf(HeaderOf(message, "Nats-Last-Consumer"));
    const TimePoint now = std::chrono::steady_clock::now();
    {
      const MutexLock lock(mutex_);
      gap_ = gap_ || (sent.has_value() && *sent > consumer_seq_);
      last_heard_ = now;
    }
    const std::string_view asked =
        message.reply.empty() ? HeaderOf(message, "Nats-Consumer-Stalled") : std::string_view(message.reply);
    return asked.starts_with("$JS.FC.") ? std::string(asked) : "";
  }

  const std::string prefix_;
  const std::string stream_;
  const std::string inbox_;
  const std::string name_;
  const std::shared_ptr<const OnEntry> on_entry_;
  const Reached before_;

  mutable Mutex mutex_;
  CondVar progress_;
  std::uint64_t announced_ MW_GUARDED_BY(mutex_) = 0;  // by their consumer sequence
  std::uint64_t handled_ MW_GUARDED_BY(mutex_) = 0;
  bool caught_up_ MW_GUARDED_BY(mutex_) = false;
  Health health_ MW_GUARDED_BY(mutex_) = Health::kMaking;
  absl::Status failure_ MW_GUARDED_BY(mutex_);
  bool gap_ MW_GUARDED_BY(mutex_) = false;
  std::uint64_t consumer_seq_ MW_GUARDED_BY(mutex_) = 0;
  Reached reached_ MW_GUARDED_BY(mutex_);
  TimePoint last_heard_ MW_GUARDED_BY(mutex_);
};

class ConsumerWatch final : public BucketWatch {
 public:
  ConsumerWatch(Connection& connection, JetStreamApi& api, Options options)
      : connection_(connection),
        api_(api),
        options_(std::move(options)),
        on_entry_(std::make_shared<const OnEntry>(options_.on_entry)) {}

  absl::Status Begin() {
    MW_ASSIGN_OR_RETURN(Attempt attempt, Subscribe({}));
    JetStreamApi hurried(connection_, options_.first_timeout);
    JetStreamApi& api = options_.first_timeout.count() == 0 ? api_ : hurried;
    MW_ASSIGN_OR_RETURN(ConsumerInfo info, api.CreateConsumer(attempt.run->stream(), ConfigOf(attempt.run)));
    attempt.run->Made(std::move(info));
    attempt.run->AwaitSnapshot(std::chrono::steady_clock::now() + options_.snapshot_timeout);
    const MutexLock lock(mutex_);
    current_ = std::move(attempt);
    return absl::OkStatus();
  }

  void Check(TimePoint now) override {
    Attempt old;
    {
      const MutexLock lock(mutex_);
      if (current_.run == nullptr) return;  // another thread is at it
      const Run::Health health = current_.run->Judge(now, options_.heartbeat);
      if (health == Run::Health::kFine || health == Run::Health::kMaking) return;
      old = std::move(current_);
    }
    // Its handler is not running any more afterwards, so that the next one's is the only one.
    old.subscription.reset();
    const absl::Status failure = old.run->TakeFailure();
    if (!failure.ok() && options_.on_error != nullptr) options_.on_error(failure);
    Remake(old.run->reached());
  }

 private:
  struct Attempt {
    std::shared_ptr<Run> run;
    std::unique_ptr<Subscription> subscription;
  };

  // The subscription comes first: the broker delivers only where somebody listens.
  absl::StatusOr<Attempt> Subscribe(Reached reached) {
    Attempt attempt;
    attempt.run = std::make_shared<Run>(options_.bucket, connection_.NewInbox(), reached, on_entry_);
    MW_ASSIGN_OR_RETURN(
        attempt.subscription,
        connection_.Subscribe(attempt.run->inbox(), "",
                              [run = attempt.run, &connection = connection_](NatsMessage message) {
                                const std::string asked = run->Take(std::move(message));
                                // If this can't be sent, the broker falls silent, which is seen.
                                if (!asked.empty()) static_cast<void>(connection.Publish(asked, ""));
                              }));
    return attempt;
  }

  ConsumerConfig ConfigOf(const std::shared_ptr<Run>& run) const {
    return BucketWatchConsumerConfig({.bucket = options_.bucket,
                                      .name = run->name(),
                                      .deliver_subject = run->inbox(),
                                      .heartbeat = options_.heartbeat,
                                      .inactive_threshold = options_.inactive_threshold});
  }

  void Remake(Reached reached) MW_EXCLUDES(mutex_) {
    absl::StatusOr<Attempt> subscribed = Subscribe(reached);
    Attempt attempt;
    const bool subscribed_ok = subscribed.ok();
    if (subscribed_ok) {
      attempt = *std::move(subscribed);
    } else {
      attempt.run = std::make_shared<Run>(options_.bucket, connection_.NewInbox(), reached, on_entry_);
      attempt.run->Made(std::move(subscribed).status());
    }
    const std::shared_ptr<Run> run = attempt.run;
    {
      const MutexLock lock(mutex_);
      current_ = std::move(attempt);
    }
    if (!subscribed_ok) return;
    api_.CreateConsumerAsync(run->stream(), ConfigOf(run),
                             [run](absl::StatusOr<ConsumerInfo> info) { run->Made(std::move(info)); });
  }

  Connection& connection_;
  JetStreamApi& api_;
  const Options options_;
  const std::shared_ptr<const OnEntry> on_entry_;

  Mutex mutex_;
  Attempt current_ MW_GUARDED_BY(mutex_);  // empty while it is being replaced
};

}  // namespace

absl::StatusOr<std::unique_ptr<BucketWatch>> BucketWatch::Start(Connection& connection, JetStreamApi& api,
                                                                Options options) {
  auto watch = std::make_unique<ConsumerWatch>(connection, api, std::move(options));
  MW_RETURN_IF_ERROR(watch->Begin());
  return watch;
}

}  // namespace meshwarden
