// `meshwarden agent` as a driver in any language uses it: real processes, real credentials, a real broker.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/collector.h"
#include "endpoint/privileged.h"
#include "proto/identity/creds.h"
#include "proto/message.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/agent_child.h"
#include "tests/support/mesh.h"
#include "tests/support/sanitizer.h"

namespace meshwarden::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  alice: { role: planner, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general, team.>] }
  bob: { role: reviewer, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general] }
  reader: { subscribe: [team.>], allowSubscribe: [general, team.>], allowPublish: [general] }
)";

// A program that has been told to stop is gone within this, with some to spare for a loaded machine.
constexpr std::chrono::milliseconds kStopsWithin{10'000};

std::function<bool(const Json&)> IsEvent(const std::string& name) {
  return [name](const Json& line) { return line.is_object() && line.value("event", "") == name; };
}

std::function<bool(const Json&)> IsMessage(const std::string& id) {
  return [id](const Json& line) {
    return line.is_object() && line.value("event", "") == "message" && line.at("message").at("id") == id;
  };
}

std::function<bool(const Json&)> IsPresenceOf(const std::string& id, const std::string& status) {
  return [id, status](const Json& line) {
    return line.is_object() && line.value("event", "") == "presence" &&
           line.at("presence").at("card").at("id") == id && line.at("presence").at("status") == status;
  };
}

// The ids of a list of messages, or of presence records' cards.
std::vector<std::string> IdsOf(const Json& messages) {
  std::vector<std::string> ids;
  for (const Json& message : messages) ids.push_back(message.at("id").get<std::string>());
  return ids;
}

class AgentCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  }

  TestAgent Provision(const std::string& name) {
    absl::StatusOr<TestAgent> agent = mesh_->Provision(name);
    EXPECT_THAT(agent, IsOk());
    return *std::move(agent);
  }
  std::vector<std::string> Arguments(const TestAgent& agent, const std::vector<std::string>& more) {
    const std::string creds = fmt::format("{}/{}.creds", mesh_->directory(), agent.id);
    EXPECT_THAT(agent.creds->Save(creds, IfExists::kReplace), IsOk());
    std::vector<std::string> arguments = {"--space", "main",     "--server", mesh_->url(),
                                          "--name",  agent.name, "--creds",  creds};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::unique_ptr<AgentChild> Launch(const std::vector<std::string>& arguments) {
    absl::StatusOr<std::unique_ptr<AgentChild>> child = AgentChild::Start(arguments);
    EXPECT_THAT(child, IsOk());
    return *std::move(child);
  }
  // Started, and its first line read, which must be `ready`.
  std::unique_ptr<AgentChild> Drive(const TestAgent& agent, const std::vector<std::string>& more = {}) {
    std::unique_ptr<AgentChild> child = Launch(Arguments(agent, more));
    const absl::StatusOr<Json> first = child->NextLine(kPatience);
    EXPECT_THAT(first, IsOk());
    if (first.ok()) {
      EXPECT_EQ(*first, Json({{"event", "ready"}, {"id", agent.id}, {"space", "main"}}));
    }
    return child;
  }
  // The reply to a command; null if none came.
  Json Call(AgentChild& child, Json line) {
    line["ref"] = ++last_ref_;
    const absl::StatusOr<Json> reply = child.Call(line, kPatience);
    EXPECT_THAT(reply, IsOk()) << DumpJson(line);
    return reply.ok() ? *reply : Json();
  }
  // The data of a reply, which must be ok.
  Json Ask(AgentChild& child, const Json& line) {
    const Json reply = Call(child, line);
    EXPECT_EQ(reply.value("ok", false), true) << DumpJson(line) << " -> " << DumpJson(reply);
    return reply.value("data", Json());
  }
  // The error of a reply, which must not be ok.
  std::string AskInVain(AgentChild& child, const Json& line) {
    const Json reply = Call(child, line);
    EXPECT_EQ(reply.value("ok", true), false) << DumpJson(line) << " -> " << DumpJson(reply);
    EXPECT_FALSE(reply.contains("data"));
    return reply.value("error", "");
  }

  // Publishes a message of `sender` without the program, and returns its id.
  std::string Post(const TestAgent& sender, const std::string& channel, const std::string& text) {
    MeshMessage message;
    message.id = fmt::format("00000000-0000-4000-8000-{:012}", ++last_message_);
    message.ts = Timestamp(std::chrono::milliseconds(1'700'000'000'000));
    message.space = "main";
    message.from.id = sender.id;
    message.from.name = sender.name;
    message.destination = {.delivery = Delivery::kChannel, .name = channel};
    message.parts = {Part::Text(text)};
    const auto subject = ChatSubject("main", sender.id, channel);
    EXPECT_THAT(sender.connection->Publish(*subject, EncodeMessage(message)), IsOk());
    return message.id;
  }
  static void Flush(const TestAgent& sender) { ASSERT_THAT(sender.connection->Flush(kPatience), IsOk()); }

  // So that what is not acknowledged comes again soon.
  void ShortenAckWait(const TestAgent& agent, const std::vector<std::string>& channels) {
    MW_ASSERT_OK_AND_ASSIGN(ConsumerConfig config, ChatDurableConfig("main", agent.id, channels));
    config.ack_wait = std::chrono::seconds(1);
    ASSERT_THAT(mesh_->root_api().UpdateConsumer(ChatStream("main"), config), IsOk());
  }
  ConsumerInfo ChatConsumer(const TestAgent& agent) {
    absl::StatusOr<ConsumerInfo> info =
        mesh_->root_api().GetConsumer(ChatStream("main"), ChatDurable(agent.id));
    EXPECT_THAT(info, IsOk());
    return info.ok() ? *info : ConsumerInfo{};
  }
  // Waits until the broker has an acknowledgement of everything up to `seq`.
  void AwaitAcknowledged(const TestAgent& agent, std::uint64_t seq) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    ConsumerInfo info = ChatConsumer(agent);
    for (; info.ack_floor_stream_seq < seq; info = ChatConsumer(agent)) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline)
          << "acknowledged up to " << info.ack_floor_stream_seq << ", delivered up to "
          << info.delivered_stream_seq;
      std::this_thread::yield();
    }
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  int last_ref_ = 0;
  int last_message_ = 0;
};

TEST_F(AgentCommandTest, MessagesGoToChannelsPeersAndRoles) {
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

TEST_F(AgentCommandTest, AMessageCarriesAllThatItWasGiven) {
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

TEST_F(AgentCommandTest, AnIdThatNobodyHasSeenMayBeWrittenTo) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  const auto sender = Drive(alice);
  const Json sent = Ask(*sender, {{"do", "unicast"}, {"to", bob.id}, {"text", "for later"}});
  const auto receiver = Drive(bob);
  EXPECT_THAT(receiver->AwaitLine(IsMessage(sent.value("id", "")), kPatience), IsOk());
}

TEST_F(AgentCommandTest, ChannelsAreJoinedReadBackAndLeft) {
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

TEST_F(AgentCommandTest, PresenceIsToldAndShown) {
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

TEST_F(AgentCommandTest, ControlGivesTheServicesAnswer) {
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

TEST_F(AgentCommandTest, MembersAreForThePrivileged) {
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

TEST_F(AgentCommandTest, AReconnectionIsToldAndWorks) {
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

TEST_F(AgentCommandTest, BadLinesAreAnsweredAndTheProgramGoesOn) {
  const auto child = Drive(Provision("bob"));
  const std::vector<std::pair<std::string, std::string>> lines = {
      {"hello", "JSON object"},
      {"[]", "JSON object"},
      {"{\"do\":", "JSON object"},
      {R"({"do":"fly"})", "unknown verb"},
      {R"({"do":"multicast","text":7})", "\"text\""},
      {R"({"do":"recall","channel":"general","since":"x"})", "\"since\""},
      {R"({"do":"ack","delivery":"channel:1"})", "no such delivery is open"},
      {std::string(2 << 20, 'x'), "longer than"},
      {"\xff\xfe", "JSON object"}};
  for (const auto& [line, why] : lines) {
    child->SendLine("");
    child->SendLine(line);
    MW_ASSERT_OK_AND_ASSIGN(const Json reply, child->AwaitLine(IsEvent("reply"), kPatience));
    EXPECT_EQ(reply.at("ok"), false);
    EXPECT_EQ(reply.at("ref"), Json());
    EXPECT_THAT(reply.at("error").get<std::string>(), HasSubstr(why));
  }
  EXPECT_EQ(Ask(*child, {{"do", "joined"}}), Json::array({"general"}));
}

TEST_F(AgentCommandTest, RepliesComeInTheOrderOfTheCommands) {
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

TEST_F(AgentCommandTest, ReadyComesBeforeWhatWaitedForIt) {
  const TestAgent alice = Provision("alice");
  const TestAgent bob = Provision("bob");
  for (int i = 0; i < 50; ++i) Post(alice, "general", "before");
  Flush(alice);
  const auto child = Drive(bob);  // checks that the first line is `ready`
  for (int i = 0; i < 50; ++i) ASSERT_THAT(child->AwaitLine(IsEvent("message"), kPatience), IsOk());
}

TEST_F(AgentCommandTest, TheEndOfTheInputStopsAfterTheLastCommand) {
  const auto child = Drive(Provision("bob"));
  child->SendLine(R"({"do":"frontier","ref":1})");
  child->CloseInput();
  EXPECT_THAT(child->AwaitLine(IsEvent("reply"), kPatience), IsOk());
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  EXPECT_THAT(child->Errors(), IsEmpty());
}

TEST_F(AgentCommandTest, StopIsAnsweredAndStops) {
  const auto child = Drive(Provision("bob"));
  EXPECT_EQ(Call(*child, {{"do", "stop"}}).value("ok", false), true);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

TEST_F(AgentCommandTest, ASignalStopsGracefully) {
  const TestAgent bob = Provision("bob");
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto child = Drive(bob);
    child->Signal(signal);
    EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
    EXPECT_THAT(child->Errors(), IsEmpty());
  }
}

// A control service that takes its time: the request hangs until it is told to end.
TEST_F(AgentCommandTest, ASignalStopsWhileACommandBlocks) {
  const auto child = Drive(Provision("bob"));
  manager_->Signal(SIGSTOP);
  Collector<std::string> requests;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto tap, mesh_->root().Subscribe("cotal.main.ctl.>", "",
                                              [&](NatsMessage request) { requests.Add(request.payload); }));
  ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
  child->SendLine(R"({"do":"control","service":"self","op":"whoami","timeoutMs":120000})");
  ASSERT_EQ(requests.Await(1).size(), 1U);
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  manager_->Signal(SIGCONT);
}

TEST_F(AgentCommandTest, AReaderThatIsGoneStopsIt) {
  const TestAgent alice = Provision("alice");
  const auto child = Drive(Provision("bob"));
  child->CloseOutput();
  Post(alice, "general", "to nobody");
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

class StuckDriverTest : public AgentCommandTest {
 protected:
  // Drives an agent whose output is full and not read.
  std::unique_ptr<AgentChild> DriveStuck() {
    const TestAgent alice = Provision("alice");
    const TestAgent bob = Provision("bob");
    std::unique_ptr<AgentChild> child = Drive(bob);
    child->PauseReading();
    for (int i = 0; i < 200; ++i) Post(alice, "general", std::string(4096, 'x'));
    Flush(alice);
    AwaitAcknowledged(bob, 4);  // the pipe holds a few more
    return child;
  }
};

TEST_F(StuckDriverTest, ASignalStopsThough) {
  const auto child = DriveStuck();
  child->Signal(SIGTERM);
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

TEST_F(StuckDriverTest, TheEndOfTheInputStopsThough) {
  const auto child = DriveStuck();
  child->SendLine(R"({"do":"roster"})");  // whose reply is stuck too
  child->CloseInput();
  EXPECT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
}

// A driver that does not read holds the broker up, not the program's memory.
TEST_F(AgentCommandTest, AReaderThatStopsCostsNoMemoryAndLosesNothing) {
  constexpr int kChannels = 25;  // a sender's messages in one channel are kept up to 1000
  constexpr int kEach = 800;
  const TestAgent alice = Provision("alice");
  const TestAgent reader = Provision("reader");
  const auto child = Drive(reader, {"--channels", "team.>"});
  child->PauseReading();
  const std::size_t before = child->ResidentBytes();
  std::set<std::string> missing;
  const std::string text(2048, 'x');
  for (int i = 0; i < kEach; ++i) {
    for (int channel = 0; channel < kChannels; ++channel) {
      missing.insert(Post(alice, fmt::format("team.c{}", channel), text));
    }
    Flush(alice);
  }
  std::size_t most = 0;
  ConsumerInfo info;
  for (int look = 0; look < 500; ++look) {  // each is a round trip to the broker
    info = ChatConsumer(reader);
    most = std::max(most, child->ResidentBytes());
  }
  EXPECT_GT(info.num_pending, 10'000U);
  EXPECT_LT(most, before + MemoryAllowance(30UL << 20));

  child->ResumeReading();
  while (!missing.empty()) {
    MW_ASSERT_OK_AND_ASSIGN(const Json event, child->AwaitLine(IsEvent("message"), kPatience));
    ASSERT_EQ(missing.erase(event.at("message").at("id").get<std::string>()), 1U) << "twice, or never sent";
  }
  AwaitAcknowledged(reader, kChannels * kEach);
  // Nothing comes after: the reply is the next line but for presence.
  Ask(*child, {{"do", "joined"}});
  child->CloseInput();
  ASSERT_THAT(child->Wait(kStopsWithin), IsOkAndHolds(0));
  EXPECT_THAT(child->AwaitLine(IsEvent("message"), kPatience), StatusIs(absl::StatusCode::kAborted));
}

class ManualAckTest : public AgentCommandTest {
 protected:
  void SetUp() override {
    AgentCommandTest::SetUp();
    alice_ = Provision("alice");
    bob_ = Provision("bob");
    ShortenAckWait(bob_, {"general"});
  }
  // What the driver of `child` settles the message by.
  static std::string DeliveryOf(AgentChild& child, const std::string& id) {
    const absl::StatusOr<Json> event = child.AwaitLine(IsMessage(id), kPatience);
    EXPECT_THAT(event, IsOk());
    return event.ok() ? event->value("delivery", "") : "";
  }

  TestAgent alice_;
  TestAgent bob_;
};

TEST_F(ManualAckTest, OnlyWhatWasNotAcknowledgedComesAgainAfterACrash) {
  auto child = Drive(bob_, {"--manual-ack"});
  const std::string one = Post(alice_, "general", "one");
  const std::string two = Post(alice_, "general", "two");
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  EXPECT_EQ(DeliveryOf(*child, two), "channel:2");
  Ask(*child, {{"do", "ack"}, {"delivery", "channel:1"}});
  AwaitAcknowledged(bob_, 1);
  child->Signal(SIGKILL);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(128 + SIGKILL));

  child = Drive(bob_, {"--manual-ack"});
  const std::string three = Post(alice_, "general", "three");
  std::map<std::string, int> came;
  while (came[two] == 0 || came[three] == 0) {
    MW_ASSERT_OK_AND_ASSIGN(const Json event, child->AwaitLine(IsEvent("message"), kPatience));
    ++came[event.at("message").at("id").get<std::string>()];
  }
  EXPECT_EQ(came.count(one), 0U);
}

TEST_F(ManualAckTest, ANakBringsItAgainUnderTheSameName) {
  const auto child = Drive(bob_, {"--manual-ack"});
  const std::string one = Post(alice_, "general", "one");
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  Ask(*child, {{"do", "nak"}, {"delivery", "channel:1"}});
  EXPECT_EQ(DeliveryOf(*child, one), "channel:1");
  Ask(*child, {{"do", "ack"}, {"delivery", "channel:1"}});
  AwaitAcknowledged(bob_, 1);
  EXPECT_THAT(AskInVain(*child, {{"do", "ack"}, {"delivery", "channel:1"}}),
              HasSubstr("no such delivery is open: \"channel:1\""));
}

TEST_F(ManualAckTest, HistoryNeedsNoSettling) {
  const std::string old = Post(alice_, "team.a", "old");
  Flush(alice_);
  const auto child = Drive(bob_, {"--manual-ack"});
  Ask(*child, {{"do", "join"}, {"channel", "team.a"}});
  EXPECT_EQ(DeliveryOf(*child, old), "history:1");
  Ask(*child, {{"do", "ack"}, {"delivery", "history:1"}});
  Ask(*child, {{"do", "nak"}, {"delivery", "history:1"}});
}

TEST_F(ManualAckTest, WithoutItAMessageIsDoneOnceWrittenOut) {
  auto child = Drive(bob_);
  const std::string one = Post(alice_, "general", "one");
  ASSERT_THAT(child->AwaitLine(IsMessage(one), kPatience), IsOk());
  AwaitAcknowledged(bob_, 1);
}

TEST_F(AgentCommandTest, AStartThatFailsIsToldOnStandardError) {
  const TestAgent bob = Provision("bob");
  std::vector<std::string> arguments = Arguments(bob, {});
  *(std::find(arguments.begin(), arguments.end(), "--server") + 1) = "nats://127.0.0.1:1";
  const auto child = Launch(arguments);
  EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(1));
  EXPECT_THAT(child->NextLine(kPatience), StatusIs(absl::StatusCode::kAborted, HasSubstr("meshwarden: ")));

  const auto stranger = Launch(Arguments(bob, {"--id", "somebody"}));
  EXPECT_THAT(stranger->Wait(kPatience), IsOkAndHolds(1));
}

TEST_F(AgentCommandTest, WrongUsageIsTwo) {
  const TestAgent bob = Provision("bob");
  const auto expect_refused = [&](const std::vector<std::string>& arguments) {
    const auto child = Launch(arguments);
    EXPECT_THAT(child->Wait(kPatience), IsOkAndHolds(2));
    EXPECT_THAT(child->NextLine(kPatience),
                StatusIs(absl::StatusCode::kAborted, HasSubstr("meshwarden agent --help shows an example")));
  };
  expect_refused({});
  expect_refused({"--space", "main"});
  expect_refused({"--space", "main", "--name", " x"});
  expect_refused(Arguments(bob, {"--kind", "robot"}));
  expect_refused(Arguments(bob, {"--channels", "general,foo/bar"}));
  expect_refused(Arguments(bob, {"--colour"}));
}

}  // namespace
}  // namespace meshwarden::testing
