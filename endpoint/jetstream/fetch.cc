#include "endpoint/jetstream/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace meshwarden {
namespace {

// How long past the server's own limit we wait for it to say that there is nothing.
constexpr std::chrono::milliseconds kGrace{2000};

// A message that the server makes up itself: no messages (404), time is up (408), or a reason to stop (409).
// The stream's own messages have a reply subject, which acknowledges them; their headers are their senders'.
bool IsStatus(const NatsMessage& message) {
  return message.reply.empty() && message.payload.empty() &&
         std::any_of(message.headers.begin(), message.headers.end(),
                     [](const auto& header) { return header.first == "Status"; });
}

// Gathers what one pull request brings.
class Gatherer {
 public:
  explicit Gatherer(std::size_t wanted) : wanted_(wanted) {}

  void Add(NatsMessage message) MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (done_) return;
    if (IsStatus(message)) {
      done_ = true;
    } else {
      messages_.push_back(std::move(message));
      done_ = messages_.size() >= wanted_;
    }
    if (done_) finished_.NotifyAll();
  }

  // False if the deadline passed before the server had said all.
  bool WaitUntil(std::chrono::steady_clock::time_point deadline) MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (!done_) {
      if (!finished_.WaitUntil(mutex_, deadline)) break;
    }
    return done_;
  }

  std::vector<NatsMessage> Take() MW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::move(messages_);
  }

 private:
  const std::size_t wanted_;
  Mutex mutex_;
  CondVar finished_;
  bool done_ MW_GUARDED_BY(mutex_) = false;
  std::vector<NatsMessage> messages_ MW_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::vector<NatsMessage>> Fetch(Connection& connection, std::string_view stream,
                                               std::string_view consumer, const FetchOptions& options) {
  const auto gatherer = std::make_shared<Gatherer>(options.max_messages);
  const std::string inbox = connection.NewInbox();
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Subscription> subscription,
                      connection.Subscribe(
                          inbox, "", [gatherer](NatsMessage message) { gatherer->Add(std::move(message)); }));
  const std::string limits =
      options.wait.count() == 0
          ? std::string("\"no_wait\":true")
          : fmt::format("\"expires\":{}", std::chrono::nanoseconds(options.wait).count());
  MW_RETURN_IF_ERROR(
      connection.PublishRequest(fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream, consumer), inbox,
                                fmt::format("{{\"batch\":{},{}}}", options.max_messages, limits)));
  const bool answered = gatherer->WaitUntil(std::chrono::steady_clock::now() + options.wait + kGrace);
  std::vector<NatsMessage> messages = gatherer->Take();
  if (!answered && messages.empty()) {
    return absl::DeadlineExceededError(
        fmt::format("consumer {} of stream {} did not answer a pull: check that it exists and that these "
                    "credentials may pull from it",
                    consumer, stream));
  }
  return messages;
}

absl::Status Ack(Connection& connection, const NatsMessage& message) {
  return connection.Publish(message.reply, "+ACK");
}

}  // namespace meshwarden
