// The log of a manager, where nobody reads it or it can't be written, and agents that go on asking: row T32
// of the threat model.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/support/mesh.h"
#include "tests/support/sanitizer.h"

namespace meshwarden::testing::threats_log_test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  worker: { subscribe: [general], allowSubscribe: [general] }
)";
constexpr char kDropped[] = "lines of the log were dropped";
// The time that a manager gives to requests, that it gives to its log, and some for a busy machine.
constexpr milliseconds kStopsWithin{5'000 + 1'000 + 4'000};

class LogThreats : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy));
    MW_ASSERT_OK_AND_ASSIGN(worker_, mesh_->Provision("worker"));
    // What each refusal writes is about 2 KB long.
    for (int i = 0; i < 32; ++i) channels_.push_back(fmt::format("{:x>56}{}", "", i));
  }
  // Its log goes to the file at `path`.
  void StartManagerWithLogTo(const std::string& path) {
    MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->LaunchManager({}, path));
    ASSERT_TRUE(Eventually([this] { return SetChannels(worker_, {"general"}).ok(); }));
  }
  void ExpectRefused(int count) {
    for (int i = 0; i < count; ++i) {
      MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(worker_, channels_));
      ASSERT_EQ(reply.code, "not_allowed") << reply.error;
    }
  }
  void ExpectStops() {
    manager_->Signal(SIGTERM);
    EXPECT_THAT(manager_->Wait(kStopsWithin), IsOkAndHolds(0));
  }
  struct Told {
    int decisions = 0;
    int dropped = 0;
  };
  // What of the requests made it into the log, and how many lines it says are missing.
  Told ReadLog() const {
    Told told;
    std::istringstream log(manager_->Output());
    for (std::string line; std::getline(log, line);) {
      if (line.find(" decision op=setChannels") != std::string::npos) ++told.decisions;
      const std::size_t count = line.find("dropped=");
      if (count != std::string::npos) told.dropped += std::stoi(line.substr(count + 8));
    }
    return told;
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent worker_;
  std::vector<std::string> channels_;
  std::unique_ptr<Process> manager_;
};

TEST_F(LogThreats, T32_AReaderThatStallsHoldsUpNobody) {
  constexpr int kRequests = 1000;
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  const std::size_t before = manager_->ResidentBytes();
  manager_->StallOutput(true);
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(kRequests));
  EXPECT_LT(manager_->ResidentBytes(), before + MemoryAllowance(16 << 20));
  EXPECT_THAT(manager_->Output(), Not(HasSubstr(kDropped)));
  manager_->StallOutput(false);
  // Whoever comes back is told what is missing, and all the rest.
  ASSERT_THAT(manager_->WaitForOutput(kDropped, kPatience), IsOk());
  ASSERT_NO_FATAL_FAILURE(ExpectStops());
  ASSERT_THAT(manager_->WaitForOutput("stopped", kPatience), IsOk());
  const Told told = ReadLog();
  EXPECT_GT(told.dropped, 0);
  EXPECT_LE(told.decisions, kRequests);
  // Among what was dropped may be a few lines that tell of no decision.
  EXPECT_GE(told.decisions + told.dropped, kRequests);
  EXPECT_LE(told.decisions + told.dropped, kRequests + 20);
}

TEST_F(LogThreats, T32_AReaderThatStallsDoesNotHoldUpTheEnd) {
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  manager_->StallOutput(true);
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(100));
  ExpectStops();
}

TEST_F(LogThreats, T32_Control_WhereItIsReadTheLogIsWhole) {
  constexpr int kRequests = 1000;
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh_->StartManager());
  // No faster than it is read, which on a busy machine may be slow.
  for (int so_far = 100; so_far <= kRequests; so_far += 100) {
    ASSERT_NO_FATAL_FAILURE(ExpectRefused(100));
    ASSERT_TRUE(Eventually([&] { return ReadLog().decisions == so_far; }));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectStops());
  ASSERT_THAT(manager_->WaitForOutput("stopped", kPatience), IsOk());
  const Told told = ReadLog();
  EXPECT_EQ(told.decisions, kRequests);
  EXPECT_EQ(told.dropped, 0);
}

TEST_F(LogThreats, T32_ADiskThatIsFullHurtsNobody) {
  ASSERT_NO_FATAL_FAILURE(StartManagerWithLogTo("/dev/full"));
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(100));
  ExpectStops();
}

TEST_F(LogThreats, T32_AReaderThatIsGoneHurtsNobody) {
  const std::string path = mesh_->directory() + "/log.pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_NO_FATAL_FAILURE(StartManagerWithLogTo(path));
  ::close(reader);
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(100));
  ExpectStops();
}

}  // namespace
}  // namespace meshwarden::testing::threats_log_test
