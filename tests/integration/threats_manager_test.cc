// What an agent with a valid credential must not get out of the manager: rows T4 to T7, T13 and T21 of the
// threat model. Each test also runs its control case: the allowed form of the attempt works.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
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
#include "tests/support/mesh.h"
#include "tests/support/sanitizer.h"

namespace meshwarden::testing::threats_manager_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  team: { subscribe: [general], allowSubscribe: [general, "team.*"] }
  star: { subscribe: [general], allowSubscribe: ["*"] }
  shape: { subscribe: [general], allowSubscribe: [general, "a.*.c"] }
  both: { subscribe: [general], allowSubscribe: [general, "team.*", "team.>"] }
  all: { subscribe: [general], allowSubscribe: [general, ">", "*.>"], allowPublish: [">"] }
  boss: { subscribe: [general], capabilities: [spawn] }
)";

// Counts what arrives on another thread.
class Counter {
 public:
  void Add() {
    const MutexLock lock(mutex_);
    ++count_;
    changed_.NotifyAll();
  }
  // The count, once it has reached `least` or patience has ended.
  int AtLeast(int least) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const MutexLock lock(mutex_);
    while (count_ < least && changed_.WaitUntil(mutex_, deadline)) {
    }
    return count_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ MW_GUARDED_BY(mutex_) = 0;
};

class ManagerThreats : public ::testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
    MW_ASSERT_OK_AND_ASSIGN(spy_, mesh_->root().Subscribe("$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.*", "",
                                                          [this](const NatsMessage&) { updates_.Add(); }));
    ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  }

  TestAgent Agent(const std::string& name) {
    absl::StatusOr<TestAgent> agent = mesh_->Provision(name);
    EXPECT_THAT(agent, IsOk());
    // Provisioning has made the durable by the same subject; from here on only the manager uses it.
    updates_.AtLeast(++provisioned_);
    return *std::move(agent);
  }
  void ExpectGranted(TestAgent& agent, const std::vector<std::string>& channels,
                     const std::vector<std::string>& filters) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(agent, channels));
    EXPECT_TRUE(reply.ok) << channels.front() << ": " << reply.error;
    EXPECT_EQ(*mesh_->FiltersOf(agent.id), FiltersFor(filters));
  }
  void ExpectRefusedUnchanged(TestAgent& agent, const std::string& payload) {
    const auto before = mesh_->FiltersOf(agent.id);
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(agent, payload));
    EXPECT_FALSE(reply.ok) << payload.substr(0, 200);
    EXPECT_FALSE(reply.error.empty());
    EXPECT_FALSE(reply.code.empty());
    EXPECT_EQ(*mesh_->FiltersOf(agent.id), *before);
  }
  void ExpectRefusedSet(TestAgent& agent, const std::vector<std::string>& channels) {
    ExpectRefusedUnchanged(agent, SetChannelsPayload(agent.id, channels));
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  Counter updates_;      // of consumers, whoever sent them
  int provisioned_ = 0;  // updates that are the test's own
  std::unique_ptr<Subscription> spy_;
};

TEST_F(ManagerThreats, T4_APatternWiderThanTheGrantIsRefused) {
  TestAgent team = Agent("team");
  for (const std::string channel : {"team.>", "team", "*.a", "team.*.*", ">", "*", "team.a.b"}) {
    ExpectRefusedSet(team, {channel});
  }
  ExpectGranted(team, {"team.*"}, {"team.*"});
  TestAgent star = Agent("star");
  for (const std::string channel : {">", "*.>", "*.*", "a.b"}) ExpectRefusedSet(star, {channel});
  ExpectGranted(star, {"*"}, {"*"});
  TestAgent shape = Agent("shape");
  for (const std::string channel : {"a.>", "a.*.*", "*.b.c", "a.b.>", "a.*", "a.*.c.>", "*.*.c"}) {
    ExpectRefusedSet(shape, {channel});
  }
  ExpectGranted(shape, {"a.*.c"}, {"a.*.c"});
  ExpectGranted(shape, {"a.b.c"}, {"a.b.c"});
}

TEST_F(ManagerThreats, T5_NamesThatRewritingWouldAliasAreRefused) {
  TestAgent all = Agent("all");
  const std::vector<std::string> names = {"foo/bar",
                                          "na\xC3\xAFve",
                                          "\xF0\x9F\x98\x80",
                                          "foo bar",
                                          "a..b",
                                          ".a",
                                          "a.",
                                          "*x",
                                          "x>",
                                          ">.a",
                                          "a.>.b",
                                          "$JS",
                                          "=defaults",
                                          std::string("gen\0eral", 8),
                                          "a\r\nb",
                                          "a\tb",
                                          "gen\xE2\x80\x83"
                                          "eral",
                                          std::string(10'000, 'a'),
                                          "a." + std::string(300, 'b')};
  for (const std::string& name : names) {
    ExpectRefusedSet(all, {name});
    ExpectRefusedSet(all, {"general", name});
  }
  EXPECT_EQ(updates_.AtLeast(0), provisioned_);
  ExpectGranted(all, {"foo_bar"}, {"foo_bar"});
}

TEST_F(ManagerThreats, T6_NobodySpeaksForAnother) {
  TestAgent team = Agent("team");
  TestAgent other = Agent("team");
  ExpectRefusedUnchanged(team, SetChannelsPayload(other.id, {"team.*"}));
  // Another's sender token, or a longer subject, does not leave the agent's own connection.
  const std::string payload = SetChannelsPayload(other.id, {"team.*"});
  for (const std::string& subject :
       {ControlSubject("main", "self", other.id), ControlSubject("main", "self", team.id) + ".x",
        std::string("cotal.main.ctl.self")}) {
    EXPECT_THAT(team.connection->Request(subject, payload, kPatience),
                StatusIs(absl::StatusCode::kPermissionDenied));
  }
  const std::string from = fmt::format(R"({{"id":"{}"}})", team.id);
  for (const std::string& odd :
       {R"({"op":"setChannels","args":{"channels":["team.*"]}})" + std::string(),
        R"({"op":"setChannels","args":{"channels":["team.*"]},"from":null})" + std::string(),
        fmt::format(R"({{"op":"setChannels","args":{{"channels":["team.*"]}},"from":"{}"}})", team.id),
        fmt::format(R"({{"op":"setChannels","args":{{"channels":["team.*"]}},"from":[{}]}})", from),
        fmt::format(R"({{"op":"setChannels","args":{{"channels":["team.*"]}},"from":{{"id":["{}"]}}}})",
                    team.id),
        fmt::format(R"({{"op":"setChannels","args":{{"channels":["team.*"]}},"from":{{"id":"{} "}}}})",
                    team.id),
        fmt::format(R"({{"op":["setChannels"],"args":{{"channels":["team.*"]}},"from":{}}})", from),
        fmt::format(R"({{"args":{{"channels":["team.*"]}},"from":{}}})", from),
        fmt::format(R"({{"op":"setChannels","args":["team.*"],"from":{}}})", from),
        fmt::format(R"({{"op":"setChannels","args":"team.*","from":{}}})", from),
        fmt::format(R"({{"op":"setChannels","args":{{"channels":{{"0":"team.*"}}}},"from":{}}})", from)}) {
    ExpectRefusedUnchanged(team, odd);
  }
  EXPECT_EQ(updates_.AtLeast(0), provisioned_);
  ExpectGranted(team, {"team.*"}, {"team.*"});
  EXPECT_EQ(*mesh_->FiltersOf(other.id), FiltersFor({"general"}));
}

TEST_F(ManagerThreats, T7_NothingIsPublishedToAReplySubjectThatIsNotTheSendersInbox) {
  TestAgent all = Agent("all");
  TestAgent other = Agent("team");
  ASSERT_THAT(all.connection->Request("cotal.main.chat." + all.id + ".general", "kept", kPatience), IsOk());
  const std::string own = InboxPrefix(all.id);
  const std::vector<std::string> replies = {"$JS.API.STREAM.PURGE.CHAT_main",
                                            "$JS.API.STREAM.DELETE.CHAT_main",
                                            InboxPrefix(other.id) + ".x.1",
                                            "_INBOX.x.1",
                                            "cotal.main.chat." + other.id + ".general",
                                            "cotal.main.inst." + all.id + "." + other.id,
                                            "cotal.main.ctl.self." + other.id,
                                            "$KV.cotal_presence_main." + other.id,
                                            "$SYS.REQ.SERVER.PING",
                                            own,
                                            own + "x.y.1",
                                            own + ".x.y.1",
                                            "a.b",
                                            "a.b.c",
                                            "_R_.x.1"};
  std::atomic<int> published = 0;
  std::vector<std::unique_ptr<Subscription>> taps;
  // The tap sees what any connection publishes on these subjects; the agent itself publishes none of them.
  for (const std::string& reply : replies) {
    MW_ASSERT_OK_AND_ASSIGN(auto tap, mesh_->root().Subscribe(reply, "", [&](NatsMessage) { ++published; }));
    taps.push_back(std::move(tap));
  }
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  const std::string subject = ControlSubject("main", "self", all.id);
  const std::string payload = SetChannelsPayload(all.id, {"stolen"});
  for (const std::string& reply : replies) {
    ASSERT_THAT(all.connection->PublishRequest(subject, reply, payload), IsOk());
  }
  ASSERT_THAT(all.connection->Publish(subject, payload), IsOk());  // no reply subject at all
  // Control: a proper reply subject, behind all of those in the same queue.
  ExpectGranted(all, {"general", "fine"}, {"general", "fine"});
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  EXPECT_EQ(updates_.AtLeast(provisioned_ + 1), provisioned_ + 1);
  EXPECT_EQ(published, 0);
  EXPECT_EQ(mesh_->root_api().GetStream("CHAT_main")->messages, 1u);
  // The operator hears of it, once.
  EXPECT_THAT(manager_->Output(), HasSubstr("request refused why=foreign_reply id=" + all.id +
                                            " detail=$JS.API.STREAM.PURGE.CHAT_main\n"));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("STREAM.DELETE")));
}

TEST_F(ManagerThreats, T8_OperationsOfAnotherDoorAreRefused) {
  TestAgent team = Agent("team");
  TestAgent boss = Agent("boss");
  for (const std::string op :
       {"provision", "deprovision", "ps", "status", "reload", "audit", "purge", "stop"}) {
    const std::string payload =
        fmt::format(R"({{"op":"{}","args":{{"id":"{}"}},"from":{{"id":"{}"}}}})", op, boss.id, team.id);
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SendRaw(team, payload));
    EXPECT_EQ(reply.error, fmt::format("op \"{}\" not allowed on self-service control subject", op));
    for (const std::string service : {"manager", "admin"}) {
      EXPECT_THAT(team.connection->Request(ControlSubject("main", service, team.id), payload, kPatience),
                  StatusIs(absl::StatusCode::kPermissionDenied));
    }
  }
  EXPECT_THAT(mesh_->FiltersOf(boss.id), IsOk());
  // Control: its own door is open to each, and the manager's to whoever may spawn (nobody serves it yet).
  ExpectGranted(team, {"team.*"}, {"team.*"});
  const auto asked = boss.connection->Request(ControlSubject("main", "manager", boss.id),
                                              SetChannelsPayload(boss.id, {"general"}), kPatience);
  EXPECT_TRUE(IsNoResponders(asked.status())) << asked.status();
}

TEST_F(ManagerThreats, T13_BrokenAndHugeJsonGetsAnErrorAndCostsNothing) {
  TestAgent team = Agent("team");
  ExpectRefusedSet(team, {"outside"});
  const std::size_t before = manager_->ResidentBytes();
  std::string many = R"({"op":"setChannels","args":{"channels":[)";
  for (int i = 0; i < 50'000; ++i) many += "\"general\",";
  many += R"("general"]},"from":{"id":")" + team.id + "\"}}";
  const std::string from = fmt::format(R"("from":{{"id":"{}"}})", team.id);
  const std::vector<std::string> bombs = {
      "",
      " ",
      "null",
      "[]",
      "1",
      "\"x\"",
      "{",
      "{}{}",
      std::string(100'000, '['),
      std::string(900'000, ' '),
      std::string(50'000, '[') + std::string(50'000, ']'),
      many,
      R"({"a":)" + std::string(20'000, '[') + std::string(20'000, ']') + "," + from + "}",
      R"({"op":"whoami","op":"setChannels",)" + from + "}",
      R"({"op":"setChannels","args":{"channels":["general"]},"n":1e99999,)" + from + "}",
      R"({"op":"setChannels","args":{"channels":["general"]},"n":)" + std::string(30'000, '9') + "," + from +
          "}",
      "{\"op\":\"set\xff\"," + from + "}",
      R"({"op":"\ud800",)" + from + "}",
      R"({"op":")" + std::string(60'000, 'x') + "\"," + from + "}",
      R"({"op":"setChannels","args":{"channels":["\udc00general"]},)" + from + "}"};
  for (int round = 0; round < 20; ++round) {
    for (const std::string& bomb : bombs) ExpectRefusedUnchanged(team, bomb);
  }
  EXPECT_EQ(updates_.AtLeast(0), provisioned_);
  EXPECT_LT(manager_->ResidentBytes(), before + MemoryAllowance(8 * 1024 * 1024));
  ExpectGranted(team, {"team.*"}, {"team.*"});
}

TEST_F(ManagerThreats, T21_SetsThatCollapseBadlyKeepTheWiderFilter) {
  TestAgent all = Agent("all");
  TestAgent both = Agent("both");
  ExpectGranted(both, {"team.*", "team.>"}, {"team.>"});
  ExpectGranted(both, {"team.>", "team.*"}, {"team.>"});
  ExpectGranted(both, {"team.a", "team.a", "team.a"}, {"team.a"});
  ASSERT_THAT(all.connection->Request("cotal.main.chat." + all.id + ".secret", "foreign", kPatience), IsOk());
  ASSERT_THAT(all.connection->Request("cotal.main.chat." + all.id + ".team.a", "ours", kPatience), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto received, Receive(both, ChatStream("main"), ChatDurable(both.id)));
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received.front().payload, "ours");
  // Control: with the right to everything, the widest of the set stays.
  ExpectGranted(all, {">", "*.>"}, {">"});
  ExpectGranted(all, {"*.>", ">"}, {">"});
  EXPECT_EQ(updates_.AtLeast(provisioned_ + 5), provisioned_ + 5);
}

}  // namespace
}  // namespace meshwarden::testing::threats_manager_test
