#include "tests/integration/agent_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>
#include <utility>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/identity/creds.h"
#include "proto/message.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden::testing {
namespace {

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  alice: { role: planner, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general, team.>] }
  bob: { role: reviewer, subscribe: [general], allowSubscribe: [general, team.>], allowPublish: [general] }
  reader: { subscribe: [team.>], allowSubscribe: [general, team.>], allowPublish: [general] }
)";

}  // namespace

std::function<bool(const Json&)> IsEvent(const std::string& name) {
  return [name](const Json& line) { return line.is_object() && line.value("event", "") == name; };
}

std::function<bool(const Json&)> IsMessage(const std::string& id) {
  return [id](const Json& line) {
    return line.is_object() && line.value("event", "") == "message" && line.at("message").at("id") == id;
  };
}

void AgentCommandTest::SetUp() {
  MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
}

TestAgent AgentCommandTest::Provision(const std::string& name) {
  absl::StatusOr<TestAgent> agent = mesh_->Provision(name);
  EXPECT_THAT(agent, IsOk());
  return *std::move(agent);
}

std::vector<std::string> AgentCommandTest::Arguments(const TestAgent& agent,
                                                     const std::vector<std::string>& more) {
  const std::string creds = fmt::format("{}/{}.creds", mesh_->directory(), agent.id);
  EXPECT_THAT(agent.creds->Save(creds, IfExists::kReplace), IsOk());
  std::vector<std::string> arguments = {"--space", "main",     "--server", mesh_->url(),
                                        "--name",  agent.name, "--creds",  creds};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::unique_ptr<AgentChild> AgentCommandTest::Launch(const std::vector<std::string>& arguments) {
  absl::StatusOr<std::unique_ptr<AgentChild>> child = AgentChild::Start(arguments);
  EXPECT_THAT(child, IsOk());
  return *std::move(child);
}

std::unique_ptr<AgentChild> AgentCommandTest::Drive(const TestAgent& agent,
                                                    const std::vector<std::string>& more) {
  std::unique_ptr<AgentChild> child = Launch(Arguments(agent, more));
  const absl::StatusOr<Json> first = child->NextLine(kPatience);
  EXPECT_THAT(first, IsOk());
  if (first.ok()) {
    EXPECT_EQ(*first, Json({{"event", "ready"}, {"id", agent.id}, {"space", "main"}}));
  }
  return child;
}

Json AgentCommandTest::Call(AgentChild& child, Json line) {
  line["ref"] = ++last_ref_;
  const absl::StatusOr<Json> reply = child.Call(line, kPatience);
  EXPECT_THAT(reply, IsOk()) << DumpJson(line);
  return reply.ok() ? *reply : Json();
}

Json AgentCommandTest::Ask(AgentChild& child, const Json& line) {
  const Json reply = Call(child, line);
  EXPECT_EQ(reply.value("ok", false), true) << DumpJson(line) << " -> " << DumpJson(reply);
  return reply.value("data", Json());
}

std::string AgentCommandTest::AskInVain(AgentChild& child, const Json& line) {
  const Json reply = Call(child, line);
  EXPECT_EQ(reply.value("ok", true), false) << DumpJson(line) << " -> " << DumpJson(reply);
  EXPECT_FALSE(reply.contains("data"));
  return reply.value("error", "");
}

std::string AgentCommandTest::Post(const TestAgent& sender, const std::string& channel,
                                   const std::string& text) {
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

void AgentCommandTest::Flush(const TestAgent& sender) {
  ASSERT_THAT(sender.connection->Flush(kPatience), IsOk());
}

void AgentCommandTest::ShortenAckWait(const TestAgent& agent, const std::vector<std::string>& channels) {
  MW_ASSERT_OK_AND_ASSIGN(ConsumerConfig config, ChatDurableConfig("main", agent.id, channels));
  config.ack_wait = std::chrono::seconds(1);
  ASSERT_THAT(mesh_->root_api().UpdateConsumer(ChatStream("main"), config), IsOk());
}

ConsumerInfo AgentCommandTest::ChatConsumer(const TestAgent& agent) {
  absl::StatusOr<ConsumerInfo> info =
      mesh_->root_api().GetConsumer(ChatStream("main"), ChatDurable(agent.id));
  EXPECT_THAT(info, IsOk());
  return info.ok() ? *info : ConsumerInfo{};
}

void AgentCommandTest::AwaitAcknowledged(const TestAgent& agent, std::uint64_t seq) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  ConsumerInfo info = ChatConsumer(agent);
  for (; info.ack_floor_stream_seq < seq; info = ChatConsumer(agent)) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline)
        << "acknowledged up to " << info.ack_floor_stream_seq << ", delivered up to "
        << info.delivered_stream_seq;
    std::this_thread::yield();
  }
}

}  // namespace meshwarden::testing
