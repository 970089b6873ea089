#include "endpoint/jetstream/jetstream_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/jetstream/ask_again.h"
#include "endpoint/jetstream/broker_time.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/nats/blocking.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

constexpr std::string_view kApi = "$JS.API.";

// A subject with wildcards would let one request speak of other consumers than the one named.
absl::Status CheckName(std::string_view what, std::string_view name) {
  if (!name.empty() && name.find_first_of(".*> \t\r\n") == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} is not a {} name", Quoted(name), what));
}

const std::string& NameOf(const ConsumerConfig& config) {
  return config.durable_name.empty() ? config.name : config.durable_name;
}

// The last look before the wire: no configuration without a filter leaves this process, because a broker
// takes it as every message of the stream.
absl::Status CheckConsumer(std::string_view stream, const ConsumerConfig& config) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  MW_RETURN_IF_ERROR(CheckName("consumer", NameOf(config)));
  const std::vector<std::string> filters = config.Filters();
  const bool complete = !filters.empty() && std::none_of(filters.begin(), filters.end(),
                                                         [](const std::string& f) { return f.empty(); });
  if (complete) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "consumer {} has no filter: that would select every message of {}", NameOf(config), stream));
}

// Several filters can only be told in the body, and only this subject takes any number of them. A single one
// goes into the subject too, where the broker pins it to the body.
std::string CreateSubject(std::string_view stream, const ConsumerConfig& config) {
  if (config.filter_subject.empty()) {
    return fmt::format("{}CONSUMER.DURABLE.CREATE.{}.{}", kApi, stream, NameOf(config));
  }
  return fmt::format("{}CONSUMER.CREATE.{}.{}.{}", kApi, stream, NameOf(config), config.filter_subject);
}

absl::StatusOr<ConsumerInfo> CheckFilters(absl::StatusOr<ConsumerInfo> info,
                                          std::vector<std::string> wanted) {
  if (!info.ok()) return info;
  std::vector<std::string> reported = info->config.Filters();
  std::sort(reported.begin(), reported.end());
  std::sort(wanted.begin(), wanted.end());
  if (reported == wanted) return info;
  return absl::InternalError(
      fmt::format("consumer {}: the broker reports other filters ({}) than were asked for ({}); is its "
                  "version 2.10 or newer?",
                  info->name, fmt::join(reported, ", "), fmt::join(wanted, ", ")));
}

void WriteConsumer(Connection& connection, std::chrono::milliseconds timeout, std::string_view stream,
                   const ConsumerConfig& config, const char* action,
                   JetStreamApi::Callback<ConsumerInfo> done) {
  if (const absl::Status status = CheckConsumer(stream, config); !status.ok()) return done(status);
  const Json body = {{"stream_name", stream}, {"config", ToJson(config)}, {"action", action}};
  connection.RequestAsync(
      CreateSubject(stream, config), DumpJson(body), timeout,
      [wanted = config.Filters(), done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
        done(CheckFilters(DecodeConsumerInfo(std::move(answer)), wanted));
      });
}

absl::StatusOr<StreamInfo> AskStream(Connection& connection, std::chrono::milliseconds timeout,
                                     std::string_view verb, std::string_view stream,
                                     const std::string& body) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  return DecodeStreamInfo(
      connection.Request(fmt::format("{}STREAM.{}.{}", kApi, verb, stream), body, timeout));
}

absl::Status CheckPage(std::string_view what, std::size_t listed, std::size_t more) {
  if (listed + more <= kMaxListed) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the broker lists more than {} {}; ask for less", kMaxListed, what));
}

// Of a consumer that nobody leads, the cluster's own leader answers with what was once asked for: the state
// is that of one which has never delivered anything, and the time of creation another.
bool MayBeUnled(const ConsumerInfo& info) {
  return !info.in_cluster && info.delivered_consumer_seq == 0 && info.delivered_stream_seq == 0 &&
         info.ack_floor_consumer_seq == 0 && info.ack_floor_stream_seq == 0 && info.num_ack_pending == 0 &&
         info.num_pending == 0 && info.num_waiting == 0;
}

// The API of older servers has no such verb. They can't be asked: where somebody watches its subject, they
// answer nothing instead of "no responders".
bool KnowsReset(std::string_view version) {
  int major = 0;
  int minor = 0;
  const char* const end = version.data() + version.size();
  const auto [dot, major_error] = std::from_chars(version.data(), end, major);
  if (major_error != std::errc() || dot == end || *dot != '.') return false;
  const auto [rest, minor_error] = std::from_chars(dot + 1, end, minor);
  return minor_error == std::errc() && (major > 2 || (major == 2 && minor >= 14));
}

absl::Status CannotReset(std::string_view version) {
  return absl::UnimplementedError(fmt::format(
      "the NATS server is version {}, and the place of a consumer can be moved from 2.14 on", version));
}

std::pair<std::string, std::string> ExpectedLast(std::uint64_t seq) {
  return {"Nats-Expected-Last-Subject-Sequence", std::to_string(seq)};
}

absl::StatusOr<NatsMessage> KeyMessage(std::string_view bucket, std::string_view key,
                                       std::string_view value) {
  MW_RETURN_IF_ERROR(CheckName("bucket", bucket));
  if (key.empty() || key.find_first_of("*> \t\r\n") != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("{} is not a key of a bucket", Quoted(key)));
  }
  NatsMessage message;
  message.subject = BucketSubject(bucket, key);
  message.payload = std::string(value);
  return message;
}

// By how much the servers of a cluster may be apart in making one consumer.
constexpr std::uint64_t kMadeTogether = 1'000'000'000;

}  // namespace

bool IsMadeWith(const ConsumerInfo& info, std::string_view created) {
  if (info.created == created) return true;
  const auto now = NanosecondsOf(info.created);
  const auto before = NanosecondsOf(created);
  if (info.leader.empty() || !now.has_value() || !before.has_value()) return false;
  return std::max(*now, *before) - std::min(*now, *before) < kMadeTogether;
}

// A server may be called one of a cluster and store all by itself: one that only has a cluster's name does,
// and one that is a leaf of another. What it says of consumers tells.
struct JetStreamApi::Surroundings {
  std::atomic<bool> stands_alone{false};

  // `by_leader`: nobody but the one who has the consumer answers so.
  void Learn(const ConsumerInfo& info, bool by_leader) {
    if (info.in_cluster) {
      stands_alone = false;
    } else if (by_leader || !MayBeUnled(info)) {
      stands_alone = true;
    }
  }
  absl::StatusOr<ConsumerInfo> CheckLed(absl::StatusOr<ConsumerInfo> info, bool in_cluster) {
    if (!info.ok()) return info;
    Learn(*info, false);
    const bool unled = info->in_cluster ? info->leader.empty() : MayBeUnled(*info) && !stands_alone;
    if (!in_cluster || !unled) return info;
    return NoLeaderError(fmt::format("consumer {} of {}", info->name, info->stream));
  }
};

JetStreamApi::JetStreamApi(Connection& connection, std::chrono::milliseconds timeout,
                           std::string delete_token)
    : connection_(connection),
      timeout_(timeout),
      delete_token_(std::move(delete_token)),
      surroundings_(std::make_shared<Surroundings>()) {}

JetStreamApi::Callback<ConsumerInfo> JetStreamApi::Learning(Callback<ConsumerInfo> done) const {
  return [surroundings = surroundings_, done = std::move(done)](absl::StatusOr<ConsumerInfo> info) {
    if (info.ok()) surroundings->Learn(*info, true);
    done(std::move(info));
  };
}

absl::StatusOr<NatsMessage> JetStreamApi::Destroy(const std::string& tail, const std::string& body) {
  // In this order: a broker that does not know the token does not answer at all.
  absl::StatusOr<NatsMessage> answer = connection_.Request(fmt::format("{}{}", kApi, tail), body, timeout_);
  if (delete_token_.empty() || !IsNoResponders(answer.status())) return answer;
  return connection_.Request(fmt::format("{}{}.{}", kApi, delete_token_, tail), body, timeout_);
}

void JetStreamApi::CreateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                                       Callback<ConsumerInfo> done) {
  WriteConsumer(connection_, timeout_, stream, config, "create", Learning(std::move(done)));
}

void JetStreamApi::UpdateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                                       Callback<ConsumerInfo> done) {
  WriteConsumer(connection_, timeout_, stream, config, "update", Learning(std::move(done)));
}

void JetStreamApi::ConsumerInfoAsync(std::string_view stream, std::string_view consumer,
                                     Callback<ConsumerInfo> done) {
  absl::Status status = CheckName("stream", stream);
  if (status.ok()) status = CheckName("consumer", consumer);
  if (!status.ok()) return done(status);
  connection_.RequestAsync(
      fmt::format("{}CONSUMER.INFO.{}.{}", kApi, stream, consumer), "", timeout_,
      [&connection = connection_, surroundings = surroundings_,
       done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
        done(surroundings->CheckLed(DecodeConsumerInfo(std::move(answer)), connection.in_cluster()));
      });
}

absl::StatusOr<ConsumerInfo> JetStreamApi::CreateConsumer(std::string_view stream,
                                                          const ConsumerConfig& config) {
  return Await<ConsumerInfo>([&](auto done) { CreateConsumerAsync(stream, config, std::move(done)); });
}

absl::StatusOr<ConsumerInfo> JetStreamApi::UpdateConsumer(std::string_view stream,
                                                          const ConsumerConfig& config) {
  return Await<ConsumerInfo>([&](auto done) { UpdateConsumerAsync(stream, config, std::move(done)); });
}

absl::StatusOr<ConsumerInfo> JetStreamApi::GetConsumer(std::string_view stream, std::string_view consumer) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  MW_RETURN_IF_ERROR(CheckName("consumer", consumer));
  const auto decode = [this](absl::StatusOr<NatsMessage> answer) {
    return surroundings_->CheckLed(DecodeConsumerInfo(std::move(answer)), connection_.in_cluster());
  };
  return decode(AskAgain(connection_, fmt::format("{}CONSUMER.INFO.{}.{}", kApi, stream, consumer), "",
                         timeout_, [&](const NatsMessage& answer) { return decode(answer).status(); }));
}

absl::Status JetStreamApi::DeleteConsumer(std::string_view stream, std::string_view consumer) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  MW_RETURN_IF_ERROR(CheckName("consumer", consumer));
  return DecodeAnswer(Destroy(fmt::format("CONSUMER.DELETE.{}.{}", stream, consumer), "")).status();
}

absl::StatusOr<StreamInfo> JetStreamApi::GetStream(std::string_view stream) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  // One that nobody leads the cluster's leader calls empty.
  const auto decode = [this, stream](absl::StatusOr<NatsMessage> answer) -> absl::StatusOr<StreamInfo> {
    absl::StatusOr<StreamInfo> info = DecodeStreamInfo(std::move(answer));
    if (!info.ok() || !connection_.in_cluster() || !info->complete_on.empty()) return info;
    return NoLeaderError(fmt::format("stream {}", stream));
  };
  return decode(AskAgain(connection_, fmt::format("{}STREAM.INFO.{}", kApi, stream), "", timeout_,
                         [&](const NatsMessage& answer) { return decode(answer).status(); }));
}

absl::StatusOr<StreamInfo> JetStreamApi::CreateStream(const StreamConfig& config) {
  return AskStream(connection_, timeout_, "CREATE", config.name, DumpJson(config.json));
}

absl::StatusOr<StreamInfo> JetStreamApi::UpdateStream(const StreamConfig& config) {
  return AskStream(connection_, timeout_, "UPDATE", config.name, DumpJson(config.json));
}

absl::StatusOr<std::vector<ConsumerInfo>> JetStreamApi::ListConsumers(std::string_view stream,
                                                                      std::vector<std::string>* unreadable) {
  std::vector<ConsumerInfo> consumers;
  for (std::size_t listed = 0;;) {
    MW_ASSIGN_OR_RETURN(ConsumerPage page, ListConsumersFrom(stream, listed));
    MW_RETURN_IF_ERROR(CheckPage("consumers", listed, page.passed()));
    listed += page.passed();
    std::move(page.consumers.begin(), page.consumers.end(), std::back_inserter(consumers));
    if (unreadable != nullptr) {
      std::move(page.unreadable.begin(), page.unreadable.end(), std::back_inserter(*unreadable));
    }
    for (const std::string& missing : page.missing) {
      absl::StatusOr<ConsumerInfo> info = GetConsumer(stream, missing);
      if (absl::IsNotFound(info.status())) continue;  // deleted since
      MW_RETURN_IF_ERROR(info.status());
      consumers.push_back(*std::move(info));
    }
    if (page.passed() == 0 || listed >= page.total) return consumers;
  }
}

absl::StatusOr<ConsumerPage> JetStreamApi::ListConsumersFrom(std::string_view stream, std::size_t offset) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  const Json body = {{"offset", offset}};
  return DecodeConsumerPage(
      connection_.Request(fmt::format("{}CONSUMER.LIST.{}", kApi, stream), DumpJson(body), timeout_));
}

absl::Status JetStreamApi::ResetConsumer(std::string_view stream, std::string_view consumer,
                                         std::optional<std::uint64_t> next_seq) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  MW_RETURN_IF_ERROR(CheckName("consumer", consumer));
  const std::string version = connection_.server_version();
  if (!KnowsReset(version)) return CannotReset(version);
  const Json body = next_seq.has_value() ? Json{{"seq", *next_seq}} : Json::object();
  absl::StatusOr<std::uint64_t> reset_to = DecodeConsumerReset(connection_.Request(
      fmt::format("{}CONSUMER.RESET.{}.{}", kApi, stream, consumer), DumpJson(body), timeout_));
  // Another server than the one that was asked for its version.
  if (IsNoResponders(reset_to.status())) return CannotReset(version);
  MW_RETURN_IF_ERROR(reset_to.status());
  if (!next_seq.has_value() || *reset_to == *next_seq) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("consumer {}: the broker set it to {}, not to {}", consumer, *reset_to, *next_seq));
}

absl::StatusOr<std::map<std::string, std::uint64_t>> JetStreamApi::GetStreamSubjects(
    std::string_view stream, std::string_view filter) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  if (filter.empty()) return absl::InvalidArgumentError("no filter to list subjects by");
  const std::string subject = fmt::format("{}STREAM.INFO.{}", kApi, stream);
  std::map<std::string, std::uint64_t> listed;
  std::size_t offset = 0;
  while (true) {
    const Json body = {{"subjects_filter", filter}, {"offset", offset}};
    MW_ASSIGN_OR_RETURN(SubjectPage page,
                        DecodeSubjectPage(connection_.Request(subject, DumpJson(body), timeout_)));
    MW_RETURN_IF_ERROR(CheckPage("subjects", offset, page.subjects.size()));
    const bool last = page.subjects.empty();
    offset += page.subjects.size();
    listed.insert(std::make_move_iterator(page.subjects.begin()),
                  std::make_move_iterator(page.subjects.end()));
    if (last || offset >= page.total) return listed;
  }
}

absl::StatusOr<std::uint64_t> JetStreamApi::PurgeStream(std::string_view stream,
                                                        const std::optional<std::string>& filter) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  // The broker takes an empty filter for none.
  if (filter.has_value() && filter->empty()) return absl::InvalidArgumentError("an empty filter to purge by");
  Json body = Json::object();
  if (filter.has_value()) body["filter"] = *filter;
  return DecodePurge(Destroy(fmt::format("STREAM.PURGE.{}", stream), DumpJson(body)));
}

void JetStreamApi::LastMessageAsync(std::string_view stream, std::string_view subject,
                                    Callback<StoredMessage> done) {
  if (const absl::Status status = CheckName("stream", stream); !status.ok()) return done(status);
  const Json body = {{"last_by_subj", subject}};
  connection_.RequestAsync(fmt::format("{}STREAM.MSG.GET.{}", kApi, stream), DumpJson(body), timeout_,
                           [done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
                             done(DecodeStoredMessage(std::move(answer)));
                           });
}

absl::StatusOr<StoredMessage> JetStreamApi::LastMessage(std::string_view stream, std::string_view subject) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  const Json body = {{"last_by_subj", subject}};
  return DecodeStoredMessage(
      AskAgain(connection_, fmt::format("{}STREAM.MSG.GET.{}", kApi, stream), DumpJson(body), timeout_,
               [](const NatsMessage& answer) { return DecodeStoredMessage(answer).status(); }));
}

absl::StatusOr<StoredMessage> JetStreamApi::FirstMessage(std::string_view stream, std::string_view filter) {
  return NextMessage(stream, filter, 1);
}

absl::StatusOr<StoredMessage> JetStreamApi::NextMessage(std::string_view stream, std::string_view filter,
                                                        std::uint64_t from) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  // The broker takes a filter that is missing for a question about the sequence alone.
  if (filter.empty()) return absl::InvalidArgumentError("no filter to find the oldest message by");
  const Json body = {{"seq", std::max<std::uint64_t>(from, 1)}, {"next_by_subj", filter}};
  return DecodeStoredMessage(
      connection_.Request(fmt::format("{}STREAM.MSG.GET.{}", kApi, stream), DumpJson(body), timeout_));
}

void JetStreamApi::PublishStoredAsync(std::string_view subject, std::string_view payload,
                                      std::optional<std::uint64_t> expected_last_seq,
                                      Callback<std::uint64_t> done) {
  NatsMessage message;
  message.subject = std::string(subject);
  message.payload = std::string(payload);
  if (expected_last_seq.has_value()) {
    message.headers = {ExpectedLast(*expected_last_seq)};
  }
  connection_.RequestMessageAsync(std::move(message), timeout_,
                                  [done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
                                    absl::StatusOr<PublishAck> ack = DecodePublishAck(std::move(answer));
                                    if (!ack.ok()) return done(std::move(ack).status());
                                    done(ack->seq);
                                  });
}

absl::StatusOr<std::uint64_t> JetStreamApi::PublishStored(std::string_view subject, std::string_view payload,
                                                          std::optional<std::uint64_t> expected_last_seq) {
  return Await<std::uint64_t>(
      [&](auto done) { PublishStoredAsync(subject, payload, expected_last_seq, std::move(done)); });
}

void JetStreamApi::PublishMessageAsync(std::string_view subject, std::string_view payload,
                                       std::string_view msg_id, Callback<PublishAck> done) {
  if (msg_id.empty()) return done(absl::InvalidArgumentError("a message without an id"));
  NatsMessage message;
  message.subject = std::string(subject);
  message.payload = std::string(payload);
  message.headers = {{"Nats-Msg-Id", std::string(msg_id)}};
  connection_.RequestMessageAsync(std::move(message), timeout_,
                                  [done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
                                    done(DecodePublishAck(std::move(answer)));
                                  });
}

absl::StatusOr<PublishAck> JetStreamApi::PublishMessage(std::string_view subject, std::string_view payload,
                                                        std::string_view msg_id) {
  return Await<PublishAck>(
      [&](auto done) { PublishMessageAsync(subject, payload, msg_id, std::move(done)); });
}

absl::StatusOr<std::uint64_t> JetStreamApi::PutKey(std::string_view bucket, std::string_view key,
                                                   std::string_view value) {
  MW_ASSIGN_OR_RETURN(NatsMessage message, KeyMessage(bucket, key, value));
  MW_ASSIGN_OR_RETURN(const PublishAck ack,
                      DecodePublishAck(connection_.RequestMessage(std::move(message), timeout_)));
  return ack.seq;
}

absl::Status JetStreamApi::DeleteStoredKey(std::string_view bucket, std::string_view key,
                                           std::optional<std::uint64_t> expected_last_seq) {
  MW_ASSIGN_OR_RETURN(NatsMessage message, KeyMessage(bucket, key, ""));
  message.headers = {{"KV-Operation", "DEL"}};
  if (expected_last_seq.has_value()) message.headers.push_back(ExpectedLast(*expected_last_seq));
  return DecodePublishAck(connection_.RequestMessage(std::move(message), timeout_)).status();
}

}  // namespace meshwarden
