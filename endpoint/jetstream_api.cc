#include "endpoint/jetstream_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "endpoint/blocking.h"
#include "endpoint/jetstream_answer.h"

namespace meshwarden {
namespace {

constexpr std::string_view kApi = "$JS.API.";

// A subject with wildcards would let one request speak of other consumers than the one named.
absl::Status CheckName(std::string_view what, std::string_view name) {
  if (!name.empty() && name.find_first_of(".*> \t\r\n") == std::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not a {} name", name, what));
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

// Publishes with headers, which a plain request does not have, and returns the stream's acknowledgement.
absl::StatusOr<NatsMessage> PublishAndWait(Connection& connection, NatsMessage message,
                                           std::chrono::milliseconds timeout) {
  const auto answer = std::make_shared<std::promise<NatsMessage>>();
  const auto answered = std::make_shared<std::atomic<bool>>(false);
  std::future<NatsMessage> future = answer->get_future();
  message.reply = connection.NewInbox();
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Subscription> subscription,
                      connection.Subscribe(message.reply, "", [answer, answered](NatsMessage ack) {
                        if (!answered->exchange(true)) answer->set_value(std::move(ack));
                      }));
  MW_RETURN_IF_ERROR(connection.PublishMessage(message));
  if (future.wait_for(timeout) == std::future_status::ready) return future.get();
  return absl::DeadlineExceededError(fmt::format(
      "no acknowledgement for {}: check that these credentials may publish there and that a stream "
      "stores it",
      message.subject));
}

}  // namespace

JetStreamApi::JetStreamApi(Connection& connection, std::chrono::milliseconds timeout)
    : connection_(connection), timeout_(timeout) {}

void JetStreamApi::CreateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                                       Callback<ConsumerInfo> done) {
  WriteConsumer(connection_, timeout_, stream, config, "create", std::move(done));
}

void JetStreamApi::UpdateConsumerAsync(std::string_view stream, const ConsumerConfig& config,
                                       Callback<ConsumerInfo> done) {
  WriteConsumer(connection_, timeout_, stream, config, "update", std::move(done));
}

void JetStreamApi::ConsumerInfoAsync(std::string_view stream, std::string_view consumer,
                                     Callback<ConsumerInfo> done) {
  absl::Status status = CheckName("stream", stream);
  if (status.ok()) status = CheckName("consumer", consumer);
  if (!status.ok()) return done(status);
  connection_.RequestAsync(fmt::format("{}CONSUMER.INFO.{}.{}", kApi, stream, consumer), "", timeout_,
                           [done = std::move(done)](absl::StatusOr<NatsMessage> answer) {
                             done(DecodeConsumerInfo(std::move(answer)));
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
  return Await<ConsumerInfo>([&](auto done) { ConsumerInfoAsync(stream, consumer, std::move(done)); });
}

absl::Status JetStreamApi::DeleteConsumer(std::string_view stream, std::string_view consumer) {
  MW_RETURN_IF_ERROR(CheckName("stream", stream));
  MW_RETURN_IF_ERROR(CheckName("consumer", consumer));
  return DecodeAnswer(connection_.Request(fmt::format("{}CONSUMER.DELETE.{}.{}", kApi, stream, consumer), "",
                                          timeout_))
      .status();
}

absl::StatusOr<StreamInfo> JetStreamApi::GetStream(std::string_view stream) {
  return AskStream(connection_, timeout_, "INFO", stream, "");
}

absl::StatusOr<StreamInfo> JetStreamApi::CreateStream(const StreamConfig& config) {
  return AskStream(connection_, timeout_, "CREATE", config.name, DumpJson(config.json));
}

absl::StatusOr<StreamInfo> JetStreamApi::UpdateStream(const StreamConfig& config) {
  return AskStream(connection_, timeout_, "UPDATE", config.name, DumpJson(config.json));
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
  return Await<StoredMessage>([&](auto done) { LastMessageAsync(stream, subject, std::move(done)); });
}

absl::StatusOr<std::uint64_t> JetStreamApi::PublishStored(std::string_view subject, std::string_view payload,
                                                          std::optional<std::uint64_t> expected_last_seq) {
  NatsMessage message;
  message.subject = std::string(subject);
  message.payload = std::string(payload);
  if (expected_last_seq.has_value()) {
    message.headers = {{"Nats-Expected-Last-Subject-Sequence", std::to_string(*expected_last_seq)}};
  }
  return DecodePublishAck(PublishAndWait(connection_, std::move(message), timeout_));
}

}  // namespace meshwarden
