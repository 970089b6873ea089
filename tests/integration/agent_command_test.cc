// What `meshwarden agent` does on each command.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "tests/integration/agent_fixture.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::agent_command_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::function<bool(const Json&)> IsPresenceOf(const std::string& id, const std::string& status) {
  return [id, status](const Json& line) {
    return line.is_object() && line.value("event", "") == "presence" &&
           line.at("presence").at("card").at("id") == id && line.at("presence").at("status") == status;
  };
}

// The ids of a list of messages.
std::vector<std::string> IdsOf(const Json& messages) {
  std::vector<std::string> ids;
  for (const Json& message : messages) ids.push_back(message.at("id").get<std::string>());
  return ids;
}

TEST_F(AgentCommandTest, E22_MessagesGoToChannelsPeersAndRoles) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto sender = Drive(alice);
  const auto receiver = Drive(bob, {"--role", "reviewer"});
  ASSERT_THAT(sender->AwaitLine(IsPresenceOf(bob.id, "idle"), kPatience), IsOk());

  const auto expect_arrives = [&](const Json& sent, const std::string& kind, const std::string& key,
                                  const std::string& value) {
    EXPECT_EQ(sent.value(key, ""), value) << DumpJson(sent);
    EXPECT_TRUE(sent.contains("ts"));
    MW_ASSERT_OK_AND_ASSIGN(const Json event,
                            receiver->AwaitLine(IsMessage(sent.value("id", "")), kPatience));
    EXPECT_EQ(event.at("kind"), kind);
    EXPECT_EQ(event.at("historical"), false);
    EXPECT_FALSE(event.contains("delivery"));
    EXPECT_EQ(event.at("message").at("from").at("id"), alice.id);
    EXPECT_EQ(event.at("message").at(key), value);
  };
  expect_arrives(Ask(*sender, {{"do", "multicast"}, {"channel", "general"}, {"text", "one"}}), "channel",
                 "channel", "general");
  expect_arrives(Ask(*sender, {{"do", "multicast"}, {"text", "to the default"}}), "channel", "channel",
                 "general");
  expect_arrives(Ask(*sender, {{"do", "unicast"}, {"to", "bob"}, {"text", "by name"}}), "dm", "to", bob.id);
  expect_arrives(Ask(*sender, {{"do", "unicast"}, {"to", bob.id}, {"text", "by id"}}), "dm", "to", bob.id);
  expect_arrives(Ask(*sender, {{"do", "anycast"}, {"role", "reviewer"}, {"text", "task"}}), "anycast",
                 "toService", "reviewer");
  EXPECT_THAT(AskInVain(*sender, {{"do", "unicast"}, {"to", "carol"}, {"text", "x"}}), HasSubstr("carol"));
  EXPECT_THAT(AskInVain(*sender, {{"do", "multicast"}, {"channel", "team.>"}, {"text", "x"}}),
              Not(IsEmpty()));
}

TEST_F(AgentCommandTest, E22_AMessageCarriesAllThatItWasGiven) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto sender = Drive(alice);
  const auto receiver = Drive(bob);
  const Json parts = Json::parse(R"([{"kind":"text","text":"a\nb"},{"kind":"data","data":{"x":[1,null]}},)"
                                 R"({"kind":"com.example.image","url":"u"}])");
  const Json sent = Ask(*sender, {{"do", "multicast"},
                                  {"parts", parts},
                                  {"mentions", Json::array({"bob"})},
                                  {"replyTo", "m1"},
                                  {"contextId", "c1"}});
  MW_ASSERT_OK_AND_ASSIGN(const Json event, receiver->AwaitLine(IsMessage(sent.value("id", "")), kPatience));
  const Json& message = event.at("message");
  EXPECT_EQ(message.at("parts"), parts);
  EXPECT_EQ(message.at("mentions"), Json::array({"bob"}));
  EXPECT_EQ(message.at("replyTo"), "m1");
  EXPECT_EQ(message.at("contextId"), "c1");
}

TEST_F(AgentCommandTest, E22_AnIdThatNobodyHasSeenMayBeWrittenTo) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto sender = Drive(alice);
  const Json sent = Ask(*sender, {{"do", "unicast"}, {"to", bob.id}, {"text", "for later"}});
  const auto receiver = Drive(bob);
  EXPECT_THAT(receiver->AwaitLine(IsMessage(sent.value("id", "")), kPatience), IsOk());
}

TEST_F(AgentCommandTest, E22_ChannelsAreJoinedReadBackAndLeft) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto reader = Drive(bob);
  const std::string before = Post(alice, "team.a", "before");
  Flush(alice);
  EXPECT_EQ(Ask(*reader, {{"do", "join"}, {"channel", "team.a"}}),
            Json({{"joined", true}, {"backfilled", 1}}));
  MW_ASSERT_OK_AND_ASSIGN(const Json old, reader->AwaitLine(IsMessage(before), kPatience));
  EXPECT_EQ(old.at("historical"), true);
  const std::string after = Post(alice, "team.a", "after");
  MW_ASSERT_OK_AND_ASSIGN(const Json live, reader->AwaitLine(IsMessage(after), kPatience));
  EXPECT_EQ(live.at("historical"), false);

  EXPECT_EQ(Ask(*reader, {{"do", "join"}, {"channel", "team.a"}}),
            Json({{"joined", false}, {"backfilled", 0}}));
  EXPECT_EQ(Ask(*reader, {{"do", "joined"}}), Json({"general", "team.a"}));
  const Json history = Ask(*reader, {{"do", "history"}, {"channel", "team.a"}, {"limit", 1}});
  EXPECT_THAT(IdsOf(history.at("messages")), ElementsAre(after));
  const Json recalled = Ask(*reader, {{"do", "recall"}, {"channel", "team.a"}, {"since", 0}});
  EXPECT_THAT(IdsOf(recalled.at("messages")), ElementsAre(before, after));
  EXPECT_EQ(recalled.at("dropped"), false);
  EXPECT_EQ(Ask(*reader, {{"do", "frontier"}}), Json({{"seq", 2}}));
  EXPECT_EQ(Ask(*reader, {{"do", "channels"}}),
            Json::array({{{"channel", "team.a"}, {"messages", 2}, {"config", Json::object()}}}));

  EXPECT_EQ(Ask(*reader, {{"do", "leave"}, {"channel", "team.a"}}), Json({{"left", true}}));
  EXPECT_EQ(Ask(*reader, {{"do", "leave"}, {"channel", "team.a"}}), Json({{"left", false}}));
  EXPECT_EQ(Ask(*reader, {{"do", "joined"}}), Json::array({"general"}));
  EXPECT_THAT(AskInVain(*reader, {{"do", "leave"}, {"channel", "general"}}), Not(IsEmpty()));
  EXPECT_THAT(AskInVain(*reader, {{"do", "join"}, {"channel", "secret"}}), HasSubstr("secret"));
}

TEST_F(AgentCommandTest, E22_PresenceIsToldAndShown) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto watcher = Drive(alice);
  const auto watched = Drive(bob, {"--kind", "endpoint", "--role", "reviewer"});
  ASSERT_THAT(watcher->AwaitLine(IsPresenceOf(bob.id, "idle"), kPatience), IsOk());
  Ask(*watched, {{"do", "activity"}, {"activity", "reading"}});
  Ask(*watched, {{"do", "status"}, {"status", "working"}});
  MW_ASSERT_OK_AND_ASSIGN(const Json update, watcher->AwaitLine(IsPresenceOf(bob.id, "working"), kPatience));
  EXPECT_EQ(update.at("type"), "update");
  EXPECT_EQ(update.at("presence").at("activity"), "reading");
  EXPECT_EQ(update.at("presence").at("card").at("kind"), "endpoint");
  EXPECT_EQ(update.at("presence").at("card").at("role"), "reviewer");
  std::vector<std::string> names;
  for (const Json& presence : Ask(*watcher, {{"do", "roster"}}))
    names.push_back(presence.at("card").at("name"));
  EXPECT_THAT(names, ElementsAre("alice", "bob"));
  watched->CloseInput();
  EXPECT_THAT(watched->Wait(kStopsWithin), IsOkAndHolds(0));
  MW_ASSERT_OK_AND_ASSIGN(const Json gone, watcher->AwaitLine(IsPresenceOf(bob.id, "offline"), kPatience));
  EXPECT_EQ(gone.at("type"), "offline");
}

TEST_F(AgentCommandTest, E22_ControlGivesTheServicesAnswer) {
  const auto child = Drive(Provision("bob"));
  const Json self =
      Ask(*child, {{"do", "control"}, {"service", "self"}, {"op", "whoami"}, {"timeoutMs", 5000}});
  EXPECT_EQ(self.at("agent"), "bob");
  const Json refused = Call(*child, {{"do", "control"}, {"service", "self"}, {"op", "purge"}});
  EXPECT_EQ(refused.at("ok"), false);
  EXPECT_THAT(refused.at("error").get<std::string>(), HasSubstr("purge"));
  EXPECT_EQ(refused.at("code"), "op_not_allowed");
  EXPECT_THAT(AskInVain(*child, {{"do", "control"}, {"service", "admin"}, {"op", "x"}}), Not(IsEmpty()));
}

TEST_F(AgentCommandTest, E22_MembersAreForThePrivileged) {
  const TestAgent bob = Provision("bob");
  EXPECT_THAT(AskInVain(*Drive(bob), {{"do", "members"}, {"channel", "general"}}), Not(IsEmpty()));

  TestAgent root;
  root.name = "root";
  MW_ASSERT_OK_AND_ASSIGN(root.creds, mesh_->Mint(Profile::kUnrestricted));
  root.id = root.creds->id();
  Privileged privileged(mesh_->setup_api(), "main");
  ASSERT_THAT(privileged.ProvisionChatDurable(root.id, std::vector<std::string>{"general"}), IsOk());
  ASSERT_THAT(privileged.ProvisionDmInbox(root.id), IsOk());
  const auto child = Drive(root);
  const Json members = Ask(*child, {{"do", "members"}, {"channel", "general"}});
  ASSERT_EQ(members.size(), 1U);
  EXPECT_EQ(members.at(0).at("channel"), "general");
  EXPECT_THAT(members.at(0).at("ids").get<std::vector<std::string>>(), UnorderedElementsAre(bob.id, root.id));
  EXPECT_TRUE(members.at(0).at("present").is_array());
  EXPECT_TRUE(Ask(*child, {{"do", "members"}}).is_array());
}

TEST_F(AgentCommandTest, E22_AReconnectionIsToldAndWorks) {
  const TestAgent alice = Provision("alice");
  const auto child = Drive(Provision("bob"));
  ASSERT_THAT(child->AwaitLine(IsEvent("connection"), kPatience), IsOk());
  Ask(*child, {{"do", "reconnect"}});
  MW_ASSERT_OK_AND_ASSIGN(const Json lost, child->AwaitLine(IsEvent("connection"), kPatience));
  EXPECT_EQ(lost.at("connected"), false);
  MW_ASSERT_OK_AND_ASSIGN(const Json back, child->AwaitLine(IsEvent("connection"), kPatience));
  EXPECT_EQ(back.at("connected"), true);
  EXPECT_THAT(child->AwaitLine(IsMessage(Post(alice, "general", "x")), kPatience), IsOk());
}

TEST_F(AgentCommandTest, E22_BadLinesAreAnsweredAndTheProgramGoesOn) {
  const auto child = Drive(Provision("bob"));
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"hello", "JSON object"},
      {"", "JSON object"},
      {" \t", "JSON object"},
      {"\r", "JSON object"},
      {"[]", "JSON object"},
      {"{\"do\":", "JSON object"},
      {R"({"do":"fly"})", "unknown verb"},
      {R"({"do":"multicast","text":7})", "\"text\""},
      {R"({"do":"recall","channel":"general","since":"x"})", "\"since\""},
      {R"({"do":"ack","delivery":"channel:1"})", "no such delivery is open"},
      {std::string(2 << 20, 'x'), "longer than"},
      {"\xff\xfe", "JSON object"}};
  for (const auto& [line, why] : lines) {
    child->SendLine(line);
    MW_ASSERT_OK_AND_ASSIGN(const Json reply, child->AwaitLine(IsEvent("reply"), kPatience));
    EXPECT_EQ(reply.at("ok"), false);
    EXPECT_EQ(reply.at("ref"), Json());
    EXPECT_THAT(reply.at("error").get<std::string>(), HasSubstr(why));
  }
  EXPECT_EQ(Ask(*child, {{"do", "joined"}}), Json::array({"general"}));
}

TEST_F(AgentCommandTest, E22_RepliesComeInTheOrderOfTheCommands) {
  const auto child = Drive(Provision("bob"));
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) {
    child->SendLine(fmt::format(R"({{"do":"{}","ref":{}}})", i % 2 == 0 ? "frontier" : "joined", i));
  }
  for (int i = 0; i < kCount; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const Json reply, child->AwaitLine(IsEvent("reply"), kPatience));
    ASSERT_EQ(reply.at("ref"), i);
  }
}

// What a driver may decide by, whoever has refused.
TEST_F(AgentCommandTest, E22_RefusedRepliesCarryACode) {
  const auto child = Drive(Provision("bob"));
  const auto code_of = [&](const Json& line) {
    const Json reply = Call(*child, line);
    EXPECT_EQ(reply.value("ok", true), false) << DumpJson(reply);
    return reply.value("code", "");
  };
  // The manager's own, in its words.
  EXPECT_EQ(code_of({{"do", "join"}, {"channel", "secret"}}), "not_allowed");
  EXPECT_EQ(code_of({{"do", "control"}, {"service", "self"}, {"op", "purge"}}), "op_not_allowed");
  // Those of the program.
  EXPECT_EQ(code_of({{"do", "fly"}}), "bad_request");
  EXPECT_EQ(code_of({{"do", "join"}, {"channel", "a..b"}}), "bad_request");
  EXPECT_EQ(code_of({{"do", "unicast"}, {"to", "nobody"}, {"text", "x"}}), "not_found");
  EXPECT_EQ(code_of({{"do", "leave"}, {"channel", "general"}}), "not_possible");
  EXPECT_EQ(code_of({{"do", "multicast"}, {"channel", "secret"}, {"text", "x"}}), "not_allowed");
  EXPECT_EQ(code_of({{"do", "activity"}, {"activity", std::string(70'000, 'x')}}), "bad_request");
  manager_.reset();
  EXPECT_EQ(code_of({{"do", "join"}, {"channel", "team.a"}}), "not_possible");
}

}  // namespace
}  // namespace meshwarden::testing::agent_command_test
