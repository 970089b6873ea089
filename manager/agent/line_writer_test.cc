#include "manager/agent/line_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "manager/agent/test_pipe.h"

namespace meshwarden::line_writer_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestPipe;

constexpr std::chrono::milliseconds kLong{60'000};
constexpr std::chrono::milliseconds kShort{20};
constexpr auto kGone = absl::StatusCode::kUnavailable;
constexpr auto kGivenUp = absl::StatusCode::kDeadlineExceeded;

class LineWriterTest : public ::testing::TestWithParam<TestPipe::Kind> {
 protected:
  TestPipe pipe_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(PipesAndSockets, LineWriterTest,
                         ::testing::Values(TestPipe::Kind::kPipe, TestPipe::Kind::kSockets));

TEST_P(LineWriterTest, ALineIsWrittenWithItsBreak) {
  LineWriter writer(pipe_.in(), -1, kLong);
  EXPECT_THAT(writer.Write("one"), IsOk());
  EXPECT_THAT(writer.Write("two"), IsOk());
  EXPECT_EQ(pipe_.Take(8), "one\ntwo\n");
}

TEST_P(LineWriterTest, ALineLongerThanTheBufferArrivesWhole) {
  LineWriter writer(pipe_.in(), -1, kLong);
  const std::string line(3'000'000, 'x');
  std::string taken;
  std::thread reader([&] { taken = pipe_.Take(line.size() + 1); });
  EXPECT_THAT(writer.Write(line), IsOk());
  reader.join();
  EXPECT_EQ(taken, line + "\n");
}

TEST_P(LineWriterTest, LinesOfManyThreadsDoNotMix) {
  LineWriter writer(pipe_.in(), -1, kLong);
  constexpr std::size_t kLength = 100'000;
  std::vector<std::thread> threads;
  for (const char letter : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back(
        [&writer, letter] { EXPECT_THAT(writer.Write(std::string(kLength, letter)), IsOk()); });
  }
  for (int i = 0; i < 4; ++i) {
    const std::string line = pipe_.Take(kLength + 1);
    EXPECT_EQ(std::count(line.begin(), line.end(), line[0]), static_cast<std::ptrdiff_t>(kLength));
    EXPECT_EQ(line.back(), '\n');
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(LineWriterTest, AReaderThatIsGoneIsTold) {
  LineWriter writer(pipe_.in(), -1, kLong);
  pipe_.CloseOut();
  EXPECT_THAT(writer.Write("one"), StatusIs(kGone));
  EXPECT_THAT(writer.Write("two"), StatusIs(kGone));
}

TEST_P(LineWriterTest, AReaderThatGoesEndsTheWaitOfAllWriters) {
  LineWriter writer(pipe_.in(), -1, kLong);
  pipe_.Fill();
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] { EXPECT_THAT(writer.Write("one"), StatusIs(kGone)); });
  }
  pipe_.CloseOut();
  for (std::thread& thread : writers) thread.join();
}

TEST_P(LineWriterTest, AStuckLineIsGivenUpOnceFinishing) {
  LineWriter writer(pipe_.in(), -1, kShort);
  pipe_.Fill();
  std::thread other([&] { EXPECT_THAT(writer.Write("one"), StatusIs(kGivenUp)); });
  writer.Finish();
  other.join();
  EXPECT_THAT(writer.Write("two"), StatusIs(kGivenUp));
}

TEST_P(LineWriterTest, FinishingLetsTheGraceBeUsed) {
  LineWriter writer(pipe_.in(), -1, kLong);
  writer.Finish();
  writer.Finish();
  EXPECT_THAT(writer.Write("one"), IsOk());
  EXPECT_EQ(pipe_.Take(4), "one\n");
}

TEST_P(LineWriterTest, NothingFollowsHalfALine) {
  TestPipe input(GetParam());
  input.CloseIn();
  LineWriter writer(pipe_.in(), input.out(), kShort);
  EXPECT_THAT(writer.Write(std::string(3'000'000, 'x')), StatusIs(kGivenUp));
  pipe_.Take(60'000);
  EXPECT_THAT(writer.Write("two"), StatusIs(kGivenUp));
}

TEST_P(LineWriterTest, AStuckLineIsGivenUpOnceTheInputHasHungUp) {
  TestPipe input(GetParam());
  LineWriter writer(pipe_.in(), input.out(), kShort);
  pipe_.Fill();
  std::thread other([&] { EXPECT_THAT(writer.Write("one"), StatusIs(kGivenUp)); });
  input.CloseIn();
  other.join();
}

TEST_P(LineWriterTest, AReaderThatReadsIsServedAfterTheInputHasHungUp) {
  TestPipe input(GetParam());
  input.CloseIn();
  LineWriter writer(pipe_.in(), input.out(), kLong);
  EXPECT_THAT(writer.Write("one"), IsOk());
  EXPECT_EQ(pipe_.Take(4), "one\n");
}

TEST_P(LineWriterTest, TheDescriptorKeepsItsFlags) {
  const int before = ::fcntl(pipe_.in(), F_GETFL);
  LineWriter writer(pipe_.in(), -1, kLong);
  EXPECT_THAT(writer.Write("one"), IsOk());
  EXPECT_EQ(::fcntl(pipe_.in(), F_GETFL), before);
}

}  // namespace
}  // namespace meshwarden::line_writer_test
