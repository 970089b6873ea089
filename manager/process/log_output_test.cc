#include "manager/process/log_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/support/collector.h"

namespace meshwarden::log_output_test {
namespace {

using ::meshwarden::testing::Collector;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::size_t kRoom = 64 * 1024;
constexpr int kPipe = 4096;

// A pipe by name, so that its reader can go and come back.
class LogOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    path_ = fmt::format("{}/log_output.{}", ::testing::TempDir(), ::getpid());
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    OpenReader();
    writer_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(writer_, 0);
    ASSERT_EQ(::fcntl(writer_, F_SETPIPE_SZ, kPipe), kPipe);
    Start(writer_, milliseconds(10'000));
  }
  void TearDown() override {
    if (reader_ >= 0) CloseReader();
    output_.reset();
    ::close(writer_);
    ::unlink(path_.c_str());
  }
  void Start(int fd, milliseconds grace) {
    output_.emplace(
        fd,
        LogOutput::Options{.max_bytes = kRoom, .grace = grace, .tell_dropped = [this](std::uint64_t dropped) {
                             told_.Add(dropped);
                             return fmt::format("dropped {}\n", dropped);
                           }});
  }

  void OpenReader() {
    reader_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader_, 0);
    ASSERT_EQ(::fcntl(reader_, F_SETFL, 0), 0);
  }
  void CloseReader() { ::close(std::exchange(reader_, -1)); }
  // Reads until it has seen `text`.
  std::string ReadUntil(const std::string& text) {
    std::string all;
    std::array<char, 4096> buffer{};
    while (all.find(text) == std::string::npos) {
      const ssize_t count = ::read(reader_, buffer.data(), buffer.size());
      if (count <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  static std::vector<std::string> Lines(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // Lines of `size` bytes with their numbers.
  void Put(int count, std::size_t size) {
    for (int i = 0; i < count; ++i) {
      std::string line = fmt::format("line {}", i);
      line.resize(size, '.');
      output_->Put(line + "\n");
    }
  }

  // Puts lines until one of them is known to have failed; how many that took.
  int LoseSome() {
    int lost = 0;
    do {
      output_->Put("lost\n");
      ++lost;
    } while (told_.Await(1, milliseconds(10)).empty());
    return lost;
  }
  static std::uint64_t SumOfDropped(const std::vector<std::string>& lines) {
    std::uint64_t sum = 0;
    for (const std::string& line : lines) {
      if (line.rfind("dropped ", 0) == 0) sum += std::stoul(line.substr(8));
    }
    return sum;
  }

  Collector<std::uint64_t> told_;
  std::string path_;
  int reader_ = -1;
  int writer_ = -1;
  std::optional<LogOutput> output_;
};

TEST_F(LogOutputTest, WhatIsReadIsWhole) {
  output_->Put("one\n");
  output_->Put("two\n");
  EXPECT_EQ(ReadUntil("two\n"), "one\ntwo\n");
}

TEST_F(LogOutputTest, TheEndWritesWhatWaits) {
  Put(60, 1000);  // what the queue takes, and more than the pipe does
  const auto ended = std::async(std::launch::async, [this] { output_.reset(); });
  EXPECT_THAT(Lines(ReadUntil("line 59" + std::string(993, '.') + "\n")), SizeIs(60));
}

TEST_F(LogOutputTest, WhereNobodyReadsTheOldestAreDroppedAndCountedInTheirPlace) {
  constexpr int kLines = 10'000;
  Put(kLines, 1000);
  output_->Put("last\n");
  const std::vector<std::string> lines = Lines(ReadUntil("last\n"));
  EXPECT_LT(lines.size(), kLines / 10);
  EXPECT_GT(SumOfDropped(lines), 0u);
  std::uint64_t next = 0;
  for (const std::string& line : lines) {
    if (line.rfind("dropped ", 0) == 0) {
      next += SumOfDropped({line});
    } else {
      EXPECT_THAT(line, StartsWith(next == kLines ? "last" : fmt::format("line {}.", next)));
      ++next;
    }
  }
  EXPECT_EQ(next, kLines + 1u);
}

TEST_F(LogOutputTest, TheEndDoesNotWaitForAReaderThatStalls) {
  Start(writer_, milliseconds(50));
  Put(1000, 1000);
  const auto begun = steady_clock::now();
  output_.reset();
  EXPECT_LT(steady_clock::now() - begun, milliseconds(5'000));
}

TEST_F(LogOutputTest, WhatNobodyWasThereToReadIsCountedAndToldOnceSomebodyIs) {
  CloseReader();
  const int lost = LoseSome();
  OpenReader();
  output_->Put("next\n");
  const std::vector<std::string> lines = Lines(ReadUntil("next\n"));
  // One that was still to be tried when the reader came was read.
  EXPECT_GE(SumOfDropped(lines), 1u);
  EXPECT_EQ(SumOfDropped(lines) + static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), "lost")),
            static_cast<std::uint64_t>(lost));
}

TEST_F(LogOutputTest, BehindHalfALineTheNextBeginsOnItsOwn) {
  output_->Put(std::string(5 * kPipe, 'x') + "\n");
  char first = 0;
  ASSERT_EQ(::read(reader_, &first, 1), 1);
  CloseReader();
  LoseSome();
  OpenReader();
  output_->Put("next\n");
  const std::string text = ReadUntil("next\n");
  EXPECT_THAT(text, StartsWith("x"));
  EXPECT_THAT(text, HasSubstr("x\ndropped "));
}

// Others may share it: their descriptor goes on blocking, and ours does not, though they fill the pipe
// between our look for room and our writing.
TEST_F(LogOutputTest, TheDescriptorThatItWasGivenStaysAsItIsAndItsOwnNeverBlocks) {
  int own = 0;
  for (int fd = 0; fd < 256; ++fd) {
    std::error_code error;
    const auto file = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
    if (error || file != path_ || fd == reader_) continue;
    const bool blocks = (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
    EXPECT_EQ(blocks, fd == writer_) << fd;
    if (fd != writer_) ++own;
  }
  EXPECT_EQ(own, 1);
}

TEST_F(LogOutputTest, ALineThatIsLongerThanAllTheRoomIsDropped) {
  output_->Put(std::string(kRoom + 1, 'x') + "\n");
  output_->Put("next\n");
  EXPECT_EQ(ReadUntil("next\n"), "dropped 1\nnext\n");
}

TEST(LogOutput, ADiskThatIsFullHurtsNobody) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    LogOutput output(full, {.tell_dropped = [](std::uint64_t) { return std::string("dropped\n"); }});
    for (int i = 0; i < 1000; ++i) output.Put("line\n");
  }
  ::close(full);
}

}  // namespace
}  // namespace meshwarden::log_output_test
