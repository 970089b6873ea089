// What an agent with a valid credential must not get out of the broker itself: rows T1 to T3, T9 to T11 and
// T20 of the threat model. Each test also runs its control case: the same attempt, by someone who may, works.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "provisioning/records/record_keys.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::threats_broker_test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  mallory: { role: helper, subscribe: [general], allowSubscribe: [general, team.*], allowPublish: [general] }
  victim: { role: reviewer, subscribe: [general], allowSubscribe: [general, secret], allowPublish: [general, secret] }
)";

// Collects what a subscription brings.
class Inbox {
 public:
  Connection::Handler Handler() {
    return [this](NatsMessage message) {
      const MutexLock lock(mutex_);
      messages_.push_back(std::move(message));
      arrived_.NotifyAll();
    };
  }
  std::vector<NatsMessage> Messages() {
    const MutexLock lock(mutex_);
    return messages_;
  }
  bool WaitForOne() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const MutexLock lock(mutex_);
    while (messages_.empty()) {
      if (!arrived_.WaitUntil(mutex_, deadline)) return !messages_.empty();
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::vector<NatsMessage> messages_ MW_GUARDED_BY(mutex_);
};

class BrokerThreats : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(mallory_, mesh_->Provision("mallory"));
    MW_ASSERT_OK_AND_ASSIGN(victim_, mesh_->Provision("victim"));
  }

  absl::StatusOr<NatsMessage> Try(std::string_view subject, std::string_view payload) {
    return mallory_.connection->Request(subject, payload, std::chrono::milliseconds(5000));
  }
  void ExpectDenied(std::string_view subject, std::string_view payload = "") {
    EXPECT_THAT(Try(subject, payload), StatusIs(absl::StatusCode::kPermissionDenied)) << subject;
  }
  // The control case: for someone without restriction the broker carries the same request out, or at least
  // answers it on its merits.
  void ExpectServed(std::string_view subject, std::string_view payload = "") {
    EXPECT_THAT(mesh_->root().Request(subject, payload, std::chrono::milliseconds(5000)), IsOk()) << subject;
  }
  static int ErrorCode(const absl::StatusOr<NatsMessage>& answer) {
    if (!answer.ok()) return -1;
    const absl::StatusOr<Json> json = ParseJsonObject(answer->payload, {});
    if (!json.ok() || !json->contains("error")) return 0;
    return json->at("error").at("err_code").get<int>();
  }
  // Messages that reach `connection` on `subject` when someone who may publishes there.
  std::vector<NatsMessage> Overheard(Connection& connection, const std::string& subject,
                                     const std::string& probe, const std::string& queue = "") {
    Inbox inbox;
    const auto subscription = connection.Subscribe(subject, queue, inbox.Handler());
    EXPECT_THAT(connection.Flush(kPatience), IsOk());
    EXPECT_THAT(mesh_->root().Publish(probe, "probe"), IsOk());
    EXPECT_THAT(mesh_->root().Flush(kPatience), IsOk());
    EXPECT_THAT(connection.Flush(kPatience), IsOk());  // what was on its way has arrived
    return inbox.Messages();
  }

  // The control case of Overheard: the same subscription, by one who may, does bring the message.
  void ExpectHeard(Connection& connection, const std::string& subject, const std::string& probe) {
    Inbox inbox;
    MW_ASSERT_OK_AND_ASSIGN(const auto subscription, connection.Subscribe(subject, "", inbox.Handler()));
    ASSERT_THAT(connection.Flush(kPatience), IsOk());
    ASSERT_THAT(mesh_->root().Publish(probe, "probe"), IsOk());
    EXPECT_TRUE(inbox.WaitForOne()) << subject;
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent mallory_;
  TestAgent victim_;
};

TEST_F(BrokerThreats, T1_OwnChatDurableCannotBeCreatedOrUpdated) {
  const std::string durable = ChatDurable(mallory_.id);
  const std::vector<std::string> subjects = {
      "$JS.API.CONSUMER.CREATE.CHAT_main",
      "$JS.API.CONSUMER.CREATE.CHAT_main." + durable,
      "$JS.API.CONSUMER.CREATE.CHAT_main." + durable + ".cotal.main.chat.*.secret",
      "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main." + durable,
  };
  for (const std::string& subject : subjects) {
    for (const std::string action : {R"(,"action":"create")", R"(,"action":"update")", ""}) {
      ExpectDenied(subject, fmt::format(R"({{"stream_name":"CHAT_main","config":{{"durable_name":"{}",)"
                                        R"("deliver_policy":"new","ack_policy":"explicit",)"
                                        R"("filter_subject":"cotal.main.chat.*.secret"}}{}}})",
                                        durable, action));
    }
  }
  EXPECT_EQ(*mesh_->FiltersOf(mallory_.id), FiltersFor({"general"}));
}

TEST_F(BrokerThreats, T1_Control_ThePrivilegedPartyMovesTheDurable) {
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig config,
                          ChatDurableConfig("main", mallory_.id, std::vector<std::string>{"secret"}));
  EXPECT_THAT(mesh_->root_api().UpdateConsumer("CHAT_main", config), IsOk());
  EXPECT_EQ(*mesh_->FiltersOf(mallory_.id), FiltersFor({"secret"}));
}

TEST_F(BrokerThreats, T2_HistoryReaderStaysOnItsChannel) {
  const std::string name = ChatHistoryConsumer(mallory_.id);
  const std::string create = "$JS.API.CONSUMER.CREATE.CHAT_main." + name;
  const auto body = [&](const std::string& filter) {
    return fmt::format(
        R"({{"stream_name":"CHAT_main","config":{{"name":"{}","ack_policy":"none","mem_storage":true,)"
        R"("inactive_threshold":30000000000{}}},"action":"create"}})",
        name, filter);
  };
  const std::string general = R"(,"filter_subject":"cotal.main.chat.*.general")";
  const std::string secret = R"(,"filter_subject":"cotal.main.chat.*.secret")";
  const std::string allowed = create + ".cotal.main.chat.*.general";
  ExpectDenied(create + ".cotal.main.chat.*.secret", body(secret));
  ExpectDenied(create + ".cotal.main.chat.*.team.>", body(R"(,"filter_subject":"cotal.main.chat.*.team.>")"));
  // A right that ends in '*' must not reach deeper by a '>' in its place, nor a '*' inside by one.
  ExpectDenied(create + ".cotal.main.chat.*.>", body(R"(,"filter_subject":"cotal.main.chat.*.>")"));
  ExpectDenied(create, body(general));
  ExpectDenied("$JS.API.CONSUMER.CREATE.CHAT_main", body(general));
  EXPECT_EQ(ErrorCode(Try(allowed, body(secret))), 10131);
  EXPECT_EQ(ErrorCode(Try(allowed, body(""))), 10131);
  EXPECT_THAT(ErrorCode(Try(allowed, body(R"(,"filter_subjects":["cotal.main.chat.*.secret"])"))),
              AnyOf(10131, 10137));
  EXPECT_THAT(ErrorCode(Try(allowed, body(general + R"(,"filter_subjects":["cotal.main.chat.*.secret"])"))),
              AnyOf(10131, 10136, 10137));
  // Control: its own channel, told the same in subject and body.
  EXPECT_EQ(ErrorCode(Try(allowed, body(general))), 0);
}

TEST_F(BrokerThreats, T3_StreamsAndOthersConsumersAreOutOfReach) {
  for (const std::string stream : {"CHAT_main", "DM_main", "TASK_main"}) {
    for (const std::string verb : {"STREAM.MSG.GET", "STREAM.PURGE", "STREAM.DELETE", "STREAM.UPDATE",
                                   "STREAM.MSG.DELETE", "CONSUMER.LIST", "CONSUMER.NAMES", "DIRECT.GET"}) {
      ExpectDenied("$JS.API." + verb + "." + stream, R"({"seq":1})");
    }
  }
  ExpectDenied("$JS.API.DIRECT.GET.CHAT_main.cotal.main.chat." + victim_.id + ".secret");
  ExpectDenied("$JS.API.DIRECT.GET.KV_cotal_channels_main.$KV.cotal_channels_main.general");
  ExpectDenied("$JS.API.STREAM.INFO.DM_main");
  ExpectDenied("$JS.API.STREAM.INFO.TASK_main");
  for (const auto& [stream, consumer] :
       {std::pair("CHAT_main", ChatDurable(victim_.id)), std::pair("DM_main", DmDurable(victim_.id)),
        std::pair("TASK_main", TaskDurable("reviewer"))}) {
    for (const std::string verb : {"INFO", "MSG.NEXT", "DELETE"}) {
      ExpectDenied(fmt::format("$JS.API.CONSUMER.{}.{}.{}", verb, stream, consumer));
    }
    ExpectDenied(fmt::format("$JS.ACK.{}.{}.1.1.1.1.0", stream, consumer), "+ACK");
  }
  ExpectDenied("$JS.API.CONSUMER.DELETE.CHAT_main." + ChatDurable(mallory_.id));
}

TEST_F(BrokerThreats, T3_Control_TheSameRequestsAreServedWhereGranted) {
  ExpectServed("$JS.API.STREAM.INFO.DM_main");
  ExpectServed("$JS.API.CONSUMER.INFO.CHAT_main." + ChatDurable(victim_.id));
  ExpectServed(mesh_->SecretApi("STREAM.PURGE.CHAT_main"));
  EXPECT_EQ(ErrorCode(Try("$JS.API.CONSUMER.INFO.CHAT_main." + ChatDurable(mallory_.id), "")), 0);
  EXPECT_EQ(ErrorCode(Try("$JS.API.STREAM.INFO.CHAT_main", "")), 0);
}

TEST_F(BrokerThreats, T9_OthersMailAndInboxesCannotBeRead) {
  const std::string mail = UnicastSubject("main", victim_.id, victim_.id);
  EXPECT_THAT(Overheard(*mallory_.connection, "cotal.main.inst." + victim_.id + ".*", mail), IsEmpty());
  EXPECT_THAT(Overheard(*mallory_.connection, "cotal.main.inst.>", mail), IsEmpty());
  EXPECT_THAT(Overheard(*mallory_.connection, "cotal.main.svc.*.*", "cotal.main.svc.reviewer.x"), IsEmpty());
  EXPECT_THAT(Overheard(*mallory_.connection, "cotal.main.chat.*.secret", "cotal.main.chat.x.secret"),
              IsEmpty());
  const std::string inbox = InboxPrefix(victim_.id);
  EXPECT_THAT(Overheard(*mallory_.connection, inbox + ".>", inbox + ".a.b"), IsEmpty());
  EXPECT_THAT(Overheard(*mallory_.connection, "_INBOX.>", "_INBOX.a.b"), IsEmpty());
  EXPECT_THAT(Overheard(*mallory_.connection, ">", inbox + ".a.b"), IsEmpty());
  // Control: its own inbox, and the victim's mail for one who may read it.
  const std::string own = InboxPrefix(mallory_.id);
  ExpectHeard(*mallory_.connection, own + ".mine.*", own + ".mine.b");
  ExpectHeard(mesh_->root(), "cotal.main.inst." + victim_.id + ".*", mail);
}

// The broker lets an agent make a push consumer on a bucket that it may read, delivering wherever it says. It
// delivers only where somebody holds a literal subscription, so nobody with authority may hold one.
TEST_F(BrokerThreats, T10_PushConsumersOnBucketsForgeNothing) {
  MW_ASSERT_OK_AND_ASSIGN(const auto manager, mesh_->StartManager());
  const std::string forged_request = SetChannelsPayload(victim_.id, {"secret"});
  const std::string key = BucketSubject(PresenceBucket("main"), mallory_.id);
  ASSERT_THAT(Try(key, forged_request), IsOk());
  const std::vector<std::string> targets = {
      ControlSubject("main", "self", victim_.id), "cotal.main.chat." + victim_.id + ".general",
      UnicastSubject("main", mallory_.id, victim_.id), "$JS.API.STREAM.PURGE.CHAT_main"};
  const auto create = [&](const std::string& name, const std::string& deliver_subject) {
    return Try("$JS.API.CONSUMER.CREATE.KV_cotal_presence_main." + name,
               fmt::format(R"({{"stream_name":"KV_cotal_presence_main","config":{{"name":"{}",)"
                           R"("deliver_policy":"all","ack_policy":"none","deliver_subject":"{}"}},)"
                           R"("action":"create"}})",
                           name, deliver_subject));
  };
  MW_ASSERT_OK_AND_ASSIGN(const StreamInfo chat_before, mesh_->root_api().GetStream("CHAT_main"));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    ASSERT_THAT(create(fmt::format("evil{}", i), targets[i]), IsOk());
  }
  // Control: where there is a literal subscription, the same trick does deliver.
  Inbox inbox;
  MW_ASSERT_OK_AND_ASSIGN(const auto literal, mallory_.connection->Subscribe(
                                                  InboxPrefix(mallory_.id) + ".forged", "", inbox.Handler()));
  ASSERT_THAT(create("control", InboxPrefix(mallory_.id) + ".forged"), IsOk());
  ASSERT_TRUE(inbox.WaitForOne());
  ASSERT_EQ(inbox.Messages().front().payload, forged_request);
  // A real request, after everything above: the manager is alive and has acted on this one only.
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(mallory_, {"team.*"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_EQ(*mesh_->FiltersOf(victim_.id), FiltersFor({"general"}));
  EXPECT_EQ(mesh_->root_api().GetStream("CHAT_main")->last_seq, chat_before.last_seq);
  EXPECT_EQ(mesh_->root_api().GetStream("DM_main")->messages, 0u);
}

// Also by one who had learnt the secret token of the records.
TEST_F(BrokerThreats, T11_OthersKeysAndTheRegistryCannotBeWritten) {
  const RecordKeys records(mesh_->secrets().records);
  const std::vector<std::string> keys = {BucketSubject(PresenceBucket("main"), victim_.id),
                                         BucketSubject(ChannelBucket("main"), "general"),
                                         BucketSubject(ChannelBucket("main"), "=defaults"),
                                         BucketSubject(AgentBucket("main"), mallory_.id),
                                         BucketSubject(AgentBucket("main"), records.Record(victim_.id)),
                                         BucketSubject(AgentBucket("main"), records.Record(mallory_.id))};
  for (const std::string& key : keys) ExpectDenied(key, R"({"replay":true})");
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage before,
                          mesh_->root_api().LastMessage(BucketStream(AgentBucket("main")), keys[4]));
  for (const auto& header : {std::pair("KV-Operation", "PURGE"), std::pair("KV-Operation", "DEL"),
                             std::pair("Nats-Rollup", "all"), std::pair("Nats-Rollup", "sub")}) {
    for (const std::string& key : keys) {
      NatsMessage message;
      message.subject = key;
      message.headers = {{header.first, header.second}};
      (void)mallory_.connection->PublishMessage(message);  // a publish has no answer; the broker drops it
    }
  }
  ASSERT_THAT(mallory_.connection->Flush(kPatience), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage after,
                          mesh_->root_api().LastMessage(BucketStream(AgentBucket("main")), keys[4]));
  EXPECT_EQ(after.seq, before.seq);
  EXPECT_EQ(after.payload, before.payload);
  EXPECT_EQ(mesh_->root_api().GetStream(BucketStream(ChannelBucket("main")))->messages, 0u);
  // Control: its own presence, and the registry for one who may.
  EXPECT_EQ(ErrorCode(Try(BucketSubject(PresenceBucket("main"), mallory_.id), "{}")), 0);
  ExpectServed(keys[1], R"({"replay":true})");
}

TEST_F(BrokerThreats, T20_ReadOnlyCredentialsCannotJoinAControlQueueGroup) {
  MW_ASSERT_OK_AND_ASSIGN(const auto manager, mesh_->StartManager());
  const std::string probe = ControlSubject("main", "self", mallory_.id);
  std::vector<std::unique_ptr<Connection>> readers;
  for (const std::string profile : {"admin", "observer"}) {
    MW_ASSERT_OK_AND_ASSIGN(auto reader, mesh_->ConnectAs(profile));
    for (const std::string subject : {"cotal.main.ctl.self.*", "cotal.main.ctl.>", "cotal.main.>", ">"}) {
      EXPECT_THAT(Overheard(*reader, subject, probe, "self"), IsEmpty()) << profile << " " << subject;
    }
    readers.push_back(std::move(reader));
  }
  Inbox swallowed;
  std::vector<std::unique_ptr<Subscription>> held;
  for (const auto& reader : readers) {
    absl::StatusOr<std::unique_ptr<Subscription>> subscription =
        reader->Subscribe("cotal.main.ctl.self.*", "self", swallowed.Handler());
    if (subscription.ok()) held.push_back(*std::move(subscription));
    ASSERT_THAT(reader->Flush(kPatience), IsOk());
  }
  for (int i = 0; i < 30; ++i) ASSERT_THAT(SetChannels(mallory_, {"general"}), IsOk());
  EXPECT_THAT(swallowed.Messages(), IsEmpty());
  // Control: the manager's own credential may join, and a reader may read chat.
  MW_ASSERT_OK_AND_ASSIGN(const auto second, mesh_->ConnectAs("manager"));
  Inbox joined;
  MW_ASSERT_OK_AND_ASSIGN(const auto member,
                          second->Subscribe("cotal.main.ctl.self.*", "self", joined.Handler()));
  ASSERT_THAT(second->Flush(kPatience), IsOk());
  for (int i = 0; i < 64 && joined.Messages().empty(); ++i) {
    (void)mallory_.connection->Request(probe, SetChannelsPayload(mallory_.id, {"general"}),
                                       std::chrono::milliseconds(300));
  }
  EXPECT_FALSE(joined.Messages().empty());
  ExpectHeard(*readers.front(), "cotal.main.chat.>", "cotal.main.chat.x.general");
}

}  // namespace
}  // namespace meshwarden::testing::threats_broker_test
