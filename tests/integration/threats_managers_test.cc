// Several managers of one space: rows T30 and T31 of the threat model, and what becomes of requests when one
// of them comes, goes, or stands still.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "proto/control.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::threats_managers_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;
using Channels = std::vector<std::string>;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  ada: { subscribe: [general], allowSubscribe: [">"] }
)";

class ManagersThreats : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const auto& manager : {first_.get(), second_.get()}) {
      if (HasFailure() && manager != nullptr) ADD_FAILURE() << "a manager printed:\n" << manager->Output();
    }
  }
  void Start(int agents) {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    for (int i = 0; i < agents; ++i) {
      MW_ASSERT_OK_AND_ASSIGN(TestAgent agent, mesh_->Provision("ada"));
      agents_.push_back(std::move(agent));
    }
    MW_ASSERT_OK_AND_ASSIGN(first_, mesh_->StartManager());
    MW_ASSERT_OK_AND_ASSIGN(second_, mesh_->StartManager());
    ASSERT_THAT(first_->WaitForOutput("managers=2", kPatience), IsOk());
  }
  // Sends a request and does not wait for its answer, which is counted in `answers`.
  void Send(TestAgent& agent, const Channels& channels, const std::string& reply) {
    ASSERT_THAT(agent.connection->PublishRequest(ControlSubject("main", "self", agent.id), reply,
                                                 SetChannelsPayload(agent.id, channels)),
                IsOk());
  }
  // Asks until it is granted, several times at once: a request that went to a manager that stands still has
  // no answer.
  bool Settles(TestAgent& agent, const Channels& channels) {
    Collector<bool> granted;
    const std::string inbox = InboxPrefix(agent.id) + ".settles";
    const auto answers = agent.connection->Subscribe(inbox, "", [&](const NatsMessage& message) {
      const auto reply = DecodeControlReply(message.payload);
      granted.Add(reply.ok() && reply->ok);
    });
    EXPECT_THAT(answers, IsOk());
    return Eventually([&] {
      for (int i = 0; i < 4; ++i) Send(agent, channels, inbox);
      return granted.AwaitAny([](bool ok) { return ok; }, std::chrono::seconds(2));
    });
  }
  Channels FiltersOf(const TestAgent& agent) {
    return mesh_->FiltersOf(agent.id).value_or(Channels{"unknown"});
  }

  std::unique_ptr<Mesh> mesh_;
  std::vector<TestAgent> agents_;
  std::unique_ptr<Process> first_;
  std::unique_ptr<Process> second_;
};

TEST_F(ManagersThreats, T31_TheBrokerEndsWithTheSetThatWasAnsweredLast) {
  Start(4);
  for (TestAgent& agent : agents_) {
    Collector<std::string> answered;
    const std::string inbox = InboxPrefix(agent.id) + ".t31.";
    MW_ASSERT_OK_AND_ASSIGN(const auto answers,
                            agent.connection->Subscribe(inbox + "*", "", [&](const NatsMessage& message) {
                              const auto reply = DecodeControlReply(message.payload);
                              const bool ok = reply.ok() && reply->ok;
                              answered.Add(ok ? message.subject.substr(inbox.size()) : message.payload);
                            }));
    ASSERT_THAT(agent.connection->Flush(kPatience), IsOk());
    for (int round = 0; round < 15; ++round) {
      const std::string one = fmt::format("a{}", round);
      const std::string other = fmt::format("b{}", round);
      Send(agent, {one}, inbox + one);
      Send(agent, {other}, inbox + other);
      const std::vector<std::string> so_far = answered.Await(static_cast<std::size_t>(2 * (round + 1)));
      ASSERT_EQ(so_far.size(), static_cast<std::size_t>(2 * (round + 1)));
      EXPECT_EQ(FiltersOf(agent), FiltersFor({so_far.back()}));
    }
  }
}

TEST_F(ManagersThreats, T30_WhatWaitedForAManagerThatStoodStillIsDropped) {
  Start(8);
  first_->Signal(SIGSTOP);
  for (TestAgent& agent : agents_) {
    Send(agent, {"old"}, InboxPrefix(agent.id) + ".t30");
    ASSERT_THAT(agent.connection->Flush(kPatience), IsOk());
  }
  // Those that went to the second are carried out, once it knows the first for gone; the others wait in the
  // first.
  ASSERT_THAT(second_->WaitForOutput("managers=1 among_them=yes", kPatience), IsOk());
  // Twice: what the second had passed on to the first comes back to it about then.
  for (int i = 0; i < 2; ++i) {
    for (TestAgent& agent : agents_) EXPECT_TRUE(Settles(agent, {"new"}));
  }
  for (const TestAgent& agent : agents_) EXPECT_EQ(FiltersOf(agent), FiltersFor({"new"}));
  first_->Signal(SIGCONT);
  EXPECT_TRUE(Eventually([this] {
    const std::string output = first_->Output();
    const std::size_t went_on = output.find("the process stood still");
    return went_on != std::string::npos &&
           output.find("managers=2 among_them=yes", went_on) != std::string::npos;
  }));
  for (const TestAgent& agent : agents_) EXPECT_EQ(FiltersOf(agent), FiltersFor({"new"}));
  // It takes its part again; what it does now comes after all that it could have done about the old ones.
  for (TestAgent& agent : agents_) EXPECT_TRUE(Settles(agent, {"newer"}));
  for (const TestAgent& agent : agents_) EXPECT_EQ(FiltersOf(agent), FiltersFor({"newer"}));
  EXPECT_THAT(first_->Output(), Not(HasSubstr("verdict=granted channels=[old]")));
}

TEST_F(ManagersThreats, T30_WithoutThatTheyAreCarriedOut) {
  Start(4);
  for (TestAgent& agent : agents_) Send(agent, {"old"}, InboxPrefix(agent.id) + ".t30");
  for (const TestAgent& agent : agents_) {
    EXPECT_TRUE(Eventually([&] { return FiltersOf(agent) == FiltersFor({"old"}); }));
  }
}

TEST_F(ManagersThreats, AManagerThatWasKilledIsReplaced) {
  Start(8);
  for (TestAgent& agent : agents_) EXPECT_TRUE(Settles(agent, {"one"}));
  first_->Signal(SIGKILL);
  for (TestAgent& agent : agents_) {
    EXPECT_TRUE(Settles(agent, {"two"}));
    EXPECT_EQ(FiltersOf(agent), FiltersFor({"two"}));
  }
}

TEST_F(ManagersThreats, WhoeverIsAskedEachRequestIsAnswered) {
  Start(8);
  for (int round = 0; round < 5; ++round) {
    for (TestAgent& agent : agents_) {
      MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(agent, {fmt::format("c{}", round)}));
      EXPECT_TRUE(reply.ok) << reply.error;
    }
  }
  // One that goes hands over what is its own.
  first_->Signal(SIGTERM);
  for (TestAgent& agent : agents_) EXPECT_TRUE(Settles(agent, {"last"}));
  EXPECT_TRUE(first_->Wait(kPatience).ok());
  EXPECT_THAT(second_->WaitForOutput("managers=1", kPatience), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::threats_managers_test
