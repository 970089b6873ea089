// The example in README.md: it is the program's code, and the program does what it says, on a real broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/endpoint.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"
#include "tests/support/process.h"

namespace meshwarden::testing::example_agent_test {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  echo: { subscribe: [general], allowPublish: [general] }
  ada: { subscribe: [general], allowPublish: [general] }
)";

std::string TextOf(const MeshMessage& message) {
  return message.parts.empty() ? "" : message.parts.front().text;
}

// Someone who talks to the example.
struct Partner {
  absl::Status Enter(EndpointOptions options) {
    options.card.name = "ada";
    EndpointHandlers handlers;
    handlers.on_message = [this](ReceivedMessage message) {
      (void)message.settle.Ack();
      messages.Add(std::move(message));
    };
    auto made = Endpoint::Make(std::move(options), std::move(handlers));
    if (!made.ok()) return made.status();
    endpoint = *std::move(made);
    return endpoint->Start();
  }
  bool AwaitAnswerTo(const MeshMessage& question) {
    return messages.AwaitAny([&](const ReceivedMessage& received) {
      return received.message.reply_to == question.id && TextOf(received.message) == "Hello, ada";
    });
  }
  bool AwaitGreeting() {
    return messages.AwaitAny(
        [](const ReceivedMessage& received) { return TextOf(received.message) == "I am here; mention me"; });
  }

  Collector<ReceivedMessage> messages;
  std::unique_ptr<Endpoint> endpoint;
};

std::string Example() { return Runfile("endpoint/example_agent"); }

// Speaks to the example in both ways and ends it.
void Converse(Partner& ada, Process& example) {
  ASSERT_TRUE(ada.AwaitGreeting()) << example.Output();
  const std::string id = ada.messages.Await(1).front().message.from.id;
  MW_ASSERT_OK_AND_ASSIGN(
      const MeshMessage mention,
      ada.endpoint->Multicast({.parts = {Part::Text("who is there?")}, .mentions = {"Echo"}}));
  EXPECT_TRUE(ada.AwaitAnswerTo(mention)) << example.Output();
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage direct,
                          ada.endpoint->Unicast(id, {.parts = {Part::Text("and between us?")}}));
  EXPECT_TRUE(ada.AwaitAnswerTo(direct)) << example.Output();
  EXPECT_EQ(ada.messages.Await(3).back().kind, Delivery::kDm);
  example.Signal(SIGTERM);
  MW_ASSERT_OK_AND_ASSIGN(const int code, example.Wait(kPatience));
  EXPECT_EQ(code, 0);
  EXPECT_EQ(example.Output(), "");
}

TEST(ExampleAgent, ReadmeShowsItsCodeInFull) {
  MW_ASSERT_OK_AND_ASSIGN(const std::string readme, ReadFile(Runfile("endpoint/README.md"), kMaxFile));
  MW_ASSERT_OK_AND_ASSIGN(const std::string code, ReadFile(Runfile("endpoint/example_agent.cc"), kMaxFile));
  const std::string open = "```cpp\n";
  const std::size_t begin = readme.find(open);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = readme.find("```\n", begin + open.size());
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(readme.substr(begin + open.size(), end - begin - open.size()), code);
  EXPECT_LT(std::count(code.begin(), code.end(), '\n'), 60);
}

TEST(ExampleAgent, AnswersOnAServerWithoutAuthentication) {
  MW_ASSERT_OK_AND_ASSIGN(const auto broker, TestBroker::Start({}));
  Partner ada;
  EndpointOptions options;
  options.servers = {broker->url()};
  ASSERT_THAT(ada.Enter(options), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto example, Process::Start({.argv = {Example(), broker->url(), "echo"}}));
  Converse(ada, *example);
}

TEST(ExampleAgent, AnswersWithCreds) {
  MW_ASSERT_OK_AND_ASSIGN(const auto mesh, Mesh::Start(kPolicy));
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent echo, mesh->Provision("echo"));
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent partner, mesh->Provision("ada"));
  const std::string creds = mesh->directory() + "/echo.creds";
  ASSERT_THAT(echo.creds->Save(creds, IfExists::kFail), IsOk());
  Partner ada;
  EndpointOptions options;
  options.servers = {mesh->url()};
  options.creds = partner.creds;
  ASSERT_THAT(ada.Enter(options), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto example,
                          Process::Start({.argv = {Example(), mesh->url(), "echo", creds}}));
  Converse(ada, *example);
}

TEST(ExampleAgent, OnceItGoesAfterItsFirstAnswer) {
  MW_ASSERT_OK_AND_ASSIGN(const auto broker, TestBroker::Start({}));
  Partner ada;
  EndpointOptions options;
  options.servers = {broker->url()};
  ASSERT_THAT(ada.Enter(options), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto example,
                          Process::Start({.argv = {Example(), broker->url(), "echo", "--once"}}));
  ASSERT_TRUE(ada.AwaitGreeting()) << example->Output();
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage mention,
                          ada.endpoint->Multicast({.parts = {Part::Text("hi")}, .mentions = {"echo"}}));
  EXPECT_TRUE(ada.AwaitAnswerTo(mention));
  MW_ASSERT_OK_AND_ASSIGN(const int code, example->Wait(kPatience));
  EXPECT_EQ(code, 0);
}

TEST(ExampleAgent, SaysWhyItCannotStart) {
  MW_ASSERT_OK_AND_ASSIGN(const Finished bare, RunProgram({.argv = {Example()}}, kPatience));
  EXPECT_EQ(bare.exit_code, 2);
  MW_ASSERT_OK_AND_ASSIGN(const Finished nowhere,
                          RunProgram({.argv = {Example(), "nats://127.0.0.1:1", "echo"}}, kPatience));
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_NE(nowhere.output, "");
}

}  // namespace
}  // namespace meshwarden::testing::example_agent_test
