#include "tests/support/attacker.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "base/json.h"
#include "base/status.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"

namespace meshwarden::testing {
namespace {

constexpr char kSpace[] = "main";

absl::Status MoveFilter(JetStreamApi& api, const std::string& id, const std::string& channel) {
  MW_ASSIGN_OR_RETURN(ConsumerInfo info, api.GetConsumer(ChatStream(kSpace), ChatDurable(id)));
  const std::vector<std::string> channels = {channel};
  MW_ASSIGN_OR_RETURN(const ConsumerConfig wanted, ChatDurableConfig(kSpace, id, channels));
  info.config.filter_subject = wanted.filter_subject;
  info.config.filter_subjects = wanted.filter_subjects;
  return api.UpdateConsumer(ChatStream(kSpace), info.config).status();
}

std::string NextSubject(const std::string& id) {
  return fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", ChatStream(kSpace), ChatDurable(id));
}

}  // namespace

absl::StatusOr<Attacker> Attacker::Enter(Mesh& mesh, const std::string& name, const std::string& channel) {
  MW_ASSIGN_OR_RETURN(TestAgent agent, mesh.Provision(name));
  MW_RETURN_IF_ERROR(MoveFilter(mesh.root_api(), agent.id, channel));
  return Attacker(std::move(agent), channel);
}

absl::Status Attacker::AimStatus(const std::string& target) {
  MW_RETURN_IF_ERROR(Receive(agent_, ChatStream(kSpace), ChatDurable(agent_.id)).status());
  return Pull(target, R"({"batch":1,"no_wait":true})");
}

absl::Status Attacker::AimPublishAnswer(const std::string& target) {
  MW_ASSIGN_OR_RETURN(const std::string own, ChatSubject(kSpace, agent_.id, channel_));
  MW_RETURN_IF_ERROR(agent_.connection->PublishRequest(own, target, "x"));
  return agent_.connection->Flush(kPatience);
}

absl::Status Attacker::AimMessages(const std::string& target, std::string_view text, int count) {
  for (int i = 0; i < count; ++i) MW_RETURN_IF_ERROR(Write(text));
  // What has just been stored may not have been counted for the durable yet, so that one waits for it.
  return Pull(target, fmt::format(R"({{"batch":{},"expires":20000000000}})", count));
}

absl::Status Attacker::AimByAcknowledgement(const std::string& target, std::string_view text) {
  Collector<std::string> acks;
  const std::string inbox = agent_.connection->NewInbox();
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Subscription> subscription,
                      agent_.connection->Subscribe(
                          inbox, "", [&acks](const NatsMessage& message) { acks.Add(message.reply); }));
  MW_RETURN_IF_ERROR(Write(text));
  MW_RETURN_IF_ERROR(Write(text));
  MW_RETURN_IF_ERROR(Pull(inbox, R"({"batch":1,"expires":20000000000})"));
  if (acks.Await(1).empty()) return absl::DeadlineExceededError("its own message did not come");
  MW_RETURN_IF_ERROR(agent_.connection->PublishRequest(acks.Await(1).front(), target, "+NXT"));
  return agent_.connection->Flush(kPatience);
}

absl::Status Attacker::AimByPush(const std::string& target, std::string_view text) {
  const std::string bucket = PresenceBucket(kSpace);
  const std::string key = BucketSubject(bucket, agent_.id);
  MW_RETURN_IF_ERROR(agent_.connection->Request(key, text, kPatience).status());
  const std::string stream = BucketStream(bucket);
  const Json config = {{"name", "aimed"},
                       {"deliver_policy", "all"},
                       {"ack_policy", "none"},
                       {"filter_subject", key},
                       {"deliver_subject", target}};
  const Json request = {{"stream_name", stream}, {"action", "create"}, {"config", config}};
  return agent_.connection
      ->Request(fmt::format("$JS.API.CONSUMER.CREATE.{}.aimed.{}", stream, key), DumpJson(request), kPatience)
      .status();
}

absl::Status Attacker::Write(std::string_view text) {
  MW_ASSIGN_OR_RETURN(const std::string own, ChatSubject(kSpace, agent_.id, channel_));
  return agent_.connection->Request(own, text, kPatience).status();
}

absl::Status Attacker::Pull(const std::string& reply, const std::string& body) {
  MW_RETURN_IF_ERROR(agent_.connection->PublishRequest(NextSubject(agent_.id), reply, body));
  return agent_.connection->Flush(kPatience);
}

}  // namespace meshwarden::testing
