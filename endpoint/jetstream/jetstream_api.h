// The JetStream API ($JS.API), typed: consumers, streams and stored messages.
//
// cnats has an API of its own, but it sends no `action` (so an update of a missing consumer silently creates
// one), reads buckets by direct get, and hides the server's error codes. This layer sends the whole
// configuration with an explicit action, compares the answer with what was asked, and keeps the codes.
//
// Every call exists once, asynchronous; the blocking form is a thin wrapper. Callbacks run on the
// connection's threads. Thread-safe. Nothing here retries: a DeadlineExceeded means that the outcome is
// unknown.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/nats/connection.h"

namespace meshwarden {

// Codes of the server that we tell apart (its "err_code").
enum class JsError : int {
  kNoLeader = 10008,  // the cluster can't tell or do it now
  kConsumerNotFound = 10014,
  kStreamNotFound = 10059,
  kMessageNotFound = 10037,
  kConsumerFilterMismatch = 10131,
  kConsumerExists = 10148,   // create, and one with another configuration is there
  kConsumerMissing = 10149,  // update, and there is none
  kImmutableField = 10012,   // update of a field that cannot change (generic consumer create error)
  kFilterOverlap = 10138,
  kMaximumConsumers = 10026,
  kStreamNameInUse = 10058,
  kWrongLastSequence = 10071,
  kDuplicateInProcess = 10158,  // a message of that id is being stored
  kResetNotAllowed = 10204,     // to a place that the consumer's deliver policy rules out
};

// The server's error code of a status made by this layer; nothing if the status has none. Not-found codes are
// also NotFound, "exists" codes AlreadyExists, 503 Unavailable, other refusals FailedPrecondition.
std::optional<int> JsErrorCode(const absl::Status& status);
bool HasJsError(const absl::Status& status, JsError code);

struct ConsumerInfo {
  std::string stream;
  std::string name;
  ConsumerConfig config;
  std::uint64_t delivered_consumer_seq = 0;
  std::uint64_t delivered_stream_seq = 0;
  std::uint64_t ack_floor_consumer_seq = 0;
  std::uint64_t ack_floor_stream_seq = 0;
  std::uint64_t num_ack_pending = 0;  // messages that were delivered and are not acknowledged
  std::uint64_t num_pending = 0;
  std::uint64_t num_waiting = 0;  // pulls that wait for messages, whoever made them
  // When, as the broker wrote it; another one for a consumer that was made anew. See IsMadeWith.
  std::string created;
  bool in_cluster =
      false;           // the answer names the cluster that has it; one that nobody leads has none to say so
  std::string leader;  // the server that leads it in a cluster; empty outside one
};

// Whether `info` is of the consumer that was made at `created`, as an earlier answer had it. The servers of a
// cluster may tell times that differ by as much as they were apart in making it.
bool IsMadeWith(const ConsumerInfo& info, std::string_view created);

// A part of the list of a stream's consumers. One that cannot be read is left out, and so is what a consumer
// says of itself beyond all that is usual: whoever may make one must not keep the others from being read.
struct ConsumerPage {
  std::vector<ConsumerInfo> consumers;
  std::size_t listed = 0;               // by the broker, with those that cannot be read
  std::uint64_t total = 0;              // what the broker says there is in all pages
  std::vector<std::string> unreadable;  // the names of those that were left out, where they have one
  // In a cluster: of this part, those of which nobody could be asked. They are there.
  std::vector<std::string> missing;
  std::size_t passed() const { return listed + missing.size(); }
};

struct StreamInfo {
  Json config;
  std::uint64_t messages = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::uint64_t consumers = 0;
  std::string created;  // when, as the broker wrote it; another one for a stream that was made anew
  // In a cluster: the servers that had all of it, as far as its leader knew; none where nobody leads it. A
  // server that stands alone names itself.
  std::vector<std::string> complete_on;
};

struct StoredMessage {
  std::string subject;
  std::uint64_t seq = 0;
  std::string payload;
  bool deleted = false;  // a bucket's delete or purge marker
};

// What the broker answers to a message that it stored.
struct PublishAck {
  std::uint64_t seq = 0;
  bool duplicate = false;  // it had been stored before, as `seq`
};

// What one list may have at most; more is ResourceExhausted.
inline constexpr std::size_t kMaxListed = 1'000'000;

class JetStreamApi {
 public:
  // `connection` must outlive this object and every call in flight. `delete_token`: the word behind
  // "$JS.API." by which consumers are deleted and streams purged where the plain subjects are closed (see
  // space/api_guard.h), which is tried first; empty: there is none.
  JetStreamApi(Connection& connection, std::chrono::milliseconds timeout, std::string delete_token = {});

  template <typename T>
  using Callback = std::function<void(absl::StatusOr<T>)>;

  // `action` "create": fine if an equal one exists, AlreadyExists if a different one does.
  // `action` "update": NotFound if there is none. Both refuse a configuration without a filter, and answer
  // with Internal if the server reports filters other than those asked for.
  void CreateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                           Callback<ConsumerInfo> done);
  void UpdateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                           Callback<ConsumerInfo> done);
  void ConsumerInfoAsync(std::string_view stream, std::string_view consumer, Callback<ConsumerInfo> done);
  absl::StatusOr<ConsumerInfo> CreateConsumer(std::string_view stream, const ConsumerConfig& config);
  absl::StatusOr<ConsumerInfo> UpdateConsumer(std::string_view stream, const ConsumerConfig& config);
  absl::StatusOr<ConsumerInfo> GetConsumer(std::string_view stream, std::string_view consumer);
  absl::Status DeleteConsumer(std::string_view stream, std::string_view consumer);
  // All of them that can be read, page by page: one that is made or deleted meanwhile may be missing or
  // listed twice. One whose state nobody can tell makes it Unavailable: a list without it would be taken for
  // the whole. The names of those that are there and can't be read are added to `unreadable`, if it is not
  // null.
  absl::StatusOr<std::vector<ConsumerInfo>> ListConsumers(std::string_view stream,
                                                          std::vector<std::string>* unreadable = nullptr);
  // One page, which leaves out the first `offset` of them, for whoever has something else to do in between.
  absl::StatusOr<ConsumerPage> ListConsumersFrom(std::string_view stream, std::size_t offset);
  // Moves a consumer's place: the message at `next_seq` is its next one or, if that is absent, the one behind
  // its acknowledgement floor. What it has delivered beyond that comes again, and its deliveries are counted
  // anew. Unimplemented: the server is older than 2.14. FailedPrecondition with kResetNotAllowed: not there,
  // for its deliver policy. A consumer that does not exist has no answer (DeadlineExceeded).
  absl::Status ResetConsumer(std::string_view stream, std::string_view consumer,
                             std::optional<std::uint64_t> next_seq);

  absl::StatusOr<StreamInfo> GetStream(std::string_view stream);
  absl::StatusOr<StreamInfo> CreateStream(const StreamConfig& config);
  absl::StatusOr<StreamInfo> UpdateStream(const StreamConfig& config);
  // The subjects that `filter` matches, each with the number of its messages, page by page.
  absl::StatusOr<std::map<std::string, std::uint64_t>> GetStreamSubjects(std::string_view stream,
                                                                         std::string_view filter);
  // Deletes all messages, or those that `filter` matches, and returns how many there were.
  absl::StatusOr<std::uint64_t> PurgeStream(std::string_view stream,
                                            const std::optional<std::string>& filter);

  // The last message on `subject` (STREAM.MSG.GET, answered by the leader); NotFound if there is none.
  void LastMessageAsync(std::string_view stream, std::string_view subject, Callback<StoredMessage> done);
  absl::StatusOr<StoredMessage> LastMessage(std::string_view stream, std::string_view subject);
  // The oldest message that `filter` matches, from the sequence `from` on; NotFound if there is none.
  absl::StatusOr<StoredMessage> NextMessage(std::string_view stream, std::string_view filter,
                                            std::uint64_t from);
  absl::StatusOr<StoredMessage> FirstMessage(std::string_view stream, std::string_view filter);
  // Stores a message and returns its sequence. With `expected_last_seq` (of the subject; 0: none yet), fails
  // with WrongLastSequence (FailedPrecondition) if somebody else wrote meanwhile.
  void PublishStoredAsync(std::string_view subject, std::string_view payload,
                          std::optional<std::uint64_t> expected_last_seq, Callback<std::uint64_t> done);
  absl::StatusOr<std::uint64_t> PublishStored(std::string_view subject, std::string_view payload,
                                              std::optional<std::uint64_t> expected_last_seq);
  // Stores a message under an id (Nats-Msg-Id): sent again within the stream's window, it is stored once.
  // Unavailable with IsNoResponders: no stream stores this subject.
  void PublishMessageAsync(std::string_view subject, std::string_view payload, std::string_view msg_id,
                           Callback<PublishAck> done);
  absl::StatusOr<PublishAck> PublishMessage(std::string_view subject, std::string_view payload,
                                            std::string_view msg_id);

  // Writes a bucket's record and returns its sequence; puts a delete marker in its place, also if there is
  // none. `expected_last_seq` as in PublishStored.
  absl::StatusOr<std::uint64_t> PutKey(std::string_view bucket, std::string_view key, std::string_view value);
  absl::Status DeleteStoredKey(std::string_view bucket, std::string_view key,
                               std::optional<std::uint64_t> expected_last_seq = std::nullopt);

 private:
  // Of a verb that destroys, `tail` being the verb and what it names.
  absl::StatusOr<NatsMessage> Destroy(const std::string& tail, const std::string& body);

  // Whether a consumer whose answer names no leader has none, as far as is known.
  struct Surroundings;
  Callback<ConsumerInfo> Learning(Callback<ConsumerInfo> done) const;

  Connection& connection_;
  const std::chrono::milliseconds timeout_;
  const std::string delete_token_;
  const std::shared_ptr<Surroundings> surroundings_;  // calls in flight may outlive this object
};

}  // namespace meshwarden
