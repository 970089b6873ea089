// The manager while its broker is killed, hung, or back with nothing in its store. How it starts without one
// is in ready_test.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/collector.h"
#include "tests/support/mesh.h"
#include "tests/support/sanitizer.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::broker_away_test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  bob: { subscribe: [general], allowSubscribe: [general, team.>] }
)";
constexpr std::chrono::seconds kRequestBound{5};

// Processor time that a process has used so far.
std::chrono::milliseconds ProcessorTime(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string field;
  long ticks = 0;
  for (int i = 1; i <= 15 && (stat >> field); ++i) {
    if (i == 14 || i == 15) ticks += std::stol(field);
  }
  return std::chrono::milliseconds(ticks * 1000 / ::sysconf(_SC_CLK_TCK));
}

std::size_t OpenFiles(pid_t pid) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    (void)entry;
    ++count;
  }
  return count;
}

class BrokerAway : public ::testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure() && manager_ != nullptr) ADD_FAILURE() << "the manager printed:\n" << manager_->Output();
  }
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
    MW_ASSERT_OK_AND_ASSIGN(bob_, mesh_->Provision("bob"));
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(bob_, {"general"}));
    ASSERT_TRUE(reply.ok) << reply.error;
  }

  // Asks until the manager grants, as an agent would while a broker comes back; each attempt is bounded by
  // its own time-out, so this does not spin.
  ::testing::AssertionResult GrantedAgain(const std::vector<std::string>& channels) {
    const auto deadline = std::chrono::steady_clock::now() + 2 * kPatience;
    std::string last = "never asked";
    while (std::chrono::steady_clock::now() < deadline) {
      const absl::StatusOr<ControlReply> reply = SetChannels(bob_, channels);
      if (reply.ok() && reply->ok) return ::testing::AssertionSuccess();
      last = reply.ok() ? reply->error : reply.status().ToString();
      std::this_thread::yield();
    }
    return ::testing::AssertionFailure() << last;
  }

  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Process> manager_;
  TestAgent bob_;
};

TEST_F(BrokerAway, KilledInMidRequestTheCallerHearsAndLaterIsServed) {
  ASSERT_THAT(mesh_->broker().Stop(), IsOk());  // the request is on its way and cannot be answered
  std::thread killer([this] { EXPECT_THAT(mesh_->broker().Kill(), IsOk()); });
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<ControlReply> reply = SetChannels(bob_, {"team.>"});
  EXPECT_LE(std::chrono::steady_clock::now() - start, kRequestBound + std::chrono::seconds(1));
  killer.join();
  EXPECT_THAT(reply.status(),
              AnyOf(StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kDeadlineExceeded)));
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_TRUE(GrantedAgain({"team.>"}));
  EXPECT_EQ(*mesh_->FiltersOf(bob_.id), FiltersFor({"team.>"}));
}

TEST_F(BrokerAway, HungTheCallerHearsInTimeAndIsServedWhenItGoesOn) {
  ASSERT_THAT(mesh_->broker().Stop(), IsOk());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(SetChannels(bob_, {"team.>"}).status(),
              AnyOf(StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kDeadlineExceeded)));
  EXPECT_LE(std::chrono::steady_clock::now() - start, kRequestBound + std::chrono::seconds(1));
  ASSERT_THAT(mesh_->broker().Continue(), IsOk());
  EXPECT_TRUE(GrantedAgain({"team.a"}));
  EXPECT_EQ(*mesh_->FiltersOf(bob_.id), FiltersFor({"team.a"}));
}

// The manager's connections are cut when it has begun what was asked, and come back when it has answered.
TEST_F(BrokerAway, AnAnswerThatTheManagersConnectionLostIsSentAgain) {
  manager_.reset();
  MW_ASSERT_OK_AND_ASSIGN(const auto proxy, TcpProxy::Start(mesh_->broker().port()));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->LaunchManager({"--server", proxy->url()}));
  ASSERT_THAT(manager_->WaitForOutput("ready", kPatience), IsOk());
  proxy->StrandFrom("CONSUMER.DURABLE.CREATE");
  MW_ASSERT_OK_AND_ASSIGN(
      Json request, ParseJson(SetChannelsPayload(bob_.id, {"team.>"}), {.max_bytes = 1000, .max_depth = 8}));
  const auto until = std::chrono::system_clock::now().time_since_epoch() + 2 * kPatience;
  request["until"] = std::chrono::floor<std::chrono::milliseconds>(until).count();
  Collector<std::string> heard;
  bob_.connection->RequestAsync(ControlSubject("main", kSelfService, bob_.id), DumpJson(request), kPatience,
                                [&](const absl::StatusOr<NatsMessage>& answer) {
                                  heard.Add(answer.ok() ? answer->payload : answer.status().ToString());
                                });
  ASSERT_THAT(proxy->AwaitStranded(kPatience), IsOk());
  proxy->Refuse(true);
  proxy->Cut();
  ASSERT_THAT(manager_->WaitForOutput("code=unavailable", kPatience), IsOk());
  proxy->Refuse(false);
  EXPECT_THAT(heard.Await(1), ElementsAre(HasSubstr("unavailable")));
}

TEST_F(BrokerAway, BackWithAnEmptyStoreNothingIsAnsweredDone) {
  ASSERT_THAT(mesh_->broker().RestartEmpty(), IsOk());
  absl::StatusOr<ControlReply> reply = absl::UnavailableError("not asked yet");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!reply.ok() && std::chrono::steady_clock::now() < deadline) {
    reply = SetChannels(bob_, {"team.>"});
    std::this_thread::yield();
  }
  ASSERT_THAT(reply, IsOk());
  EXPECT_FALSE(reply->ok);
  EXPECT_THAT(reply->code, AnyOf("not_provisioned", "unknown_agent", "unavailable"));
  // The operator sets the space up again and the launcher provisions the same identity again.
  absl::Status created = absl::UnavailableError("not tried yet");
  while (!created.ok() && std::chrono::steady_clock::now() < deadline) {
    created = Privileged(mesh_->setup_api(), "main").CreateSpaceStreams(1);
    std::this_thread::yield();
  }
  ASSERT_THAT(created, IsOk());
  ASSERT_THAT(mesh_->ProvisionId("bob", bob_.id), IsOk());
  // Also the managers' view of each other was lost.
  ASSERT_THAT(manager_->WaitForOutput("managers=0 among_them=no", kPatience), IsOk());
  EXPECT_TRUE(GrantedAgain({"team.>"}));
  EXPECT_EQ(*mesh_->FiltersOf(bob_.id), FiltersFor({"team.>"}));
}

TEST_F(BrokerAway, WhileItIsAwayTheManagerNeitherSpinsNorGrows) {
  ASSERT_THAT(mesh_->broker().Kill(), IsOk());
  const auto processor_before = ProcessorTime(manager_->pid());
  const std::size_t memory_before = manager_->ResidentBytes();
  // Four seconds without a broker; the wait ends early only if the manager dies, which fails the test.
  EXPECT_THAT(manager_->Wait(std::chrono::seconds(4)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_LT((ProcessorTime(manager_->pid()) - processor_before).count(), kSanitized ? 3000 : 800);
  EXPECT_LT(manager_->ResidentBytes(), memory_before + MemoryAllowance(4 * 1024 * 1024));
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  EXPECT_TRUE(GrantedAgain({"team.>"}));
}

TEST_F(BrokerAway, ManyRestartsLeaveNothingBehind) {
  ASSERT_THAT(mesh_->broker().Restart(), IsOk());
  ASSERT_TRUE(GrantedAgain({"team.>"}));
  const std::size_t files_before = OpenFiles(manager_->pid());
  const std::size_t memory_before = manager_->ResidentBytes();
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(mesh_->broker().Restart(), IsOk());
    ASSERT_TRUE(GrantedAgain({i % 2 == 0 ? "general" : "team.>"}));
  }
  EXPECT_LE(OpenFiles(manager_->pid()), files_before + 2);
  EXPECT_LT(manager_->ResidentBytes(), memory_before + MemoryAllowance(4 * 1024 * 1024));
  manager_->Signal(SIGTERM);
  EXPECT_THAT(manager_->Wait(kPatience), IsOkAndHolds(0));
}

TEST_F(BrokerAway, SigtermWhileTheBrokerIsHungStillEnds) {
  ASSERT_THAT(mesh_->broker().Stop(), IsOk());
  manager_->Signal(SIGTERM);
  EXPECT_THAT(manager_->Wait(kPatience), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::broker_away_test
