#include "manager/agent/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "manager/agent/test_pipe.h"

namespace meshwarden::line_reader_test {
namespace {

using ::meshwarden::testing::TestPipe;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kMax = 100;

// All lines up to the end; "!" for one that was too long.
std::vector<std::string> All(LineReader& reader) {
  std::vector<std::string> lines;
  while (const auto line = reader.Next()) lines.push_back(line->too_long ? "!" : line->text);
  return lines;
}

std::vector<std::string> LinesOf(const std::string& text) {
  TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  std::thread writer([&] {
    pipe.Put(text);
    pipe.CloseIn();
  });
  std::vector<std::string> lines = All(reader);
  writer.join();
  return lines;
}

TEST(LineReaderTest, LinesComeInOrderWithoutTheirBreaks) {
  EXPECT_THAT(LinesOf("one\ntwo\n three \n"), ElementsAre("one", "two", " three "));
}

TEST(LineReaderTest, ALineIsThereBeforeTheNextOneBegins) {
  const TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  pipe.Put("on");
  pipe.Put("e\n");
  EXPECT_EQ(reader.Next()->text, "one");
  pipe.Put("two\n");
  EXPECT_EQ(reader.Next()->text, "two");
}

TEST(LineReaderTest, TheEndEndsTheLastLine) { EXPECT_THAT(LinesOf("one\ntwo"), ElementsAre("one", "two")); }

TEST(LineReaderTest, AfterTheEndThereIsNothing) {
  TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  pipe.Put("one");
  pipe.CloseIn();
  EXPECT_EQ(reader.Next()->text, "one");
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_FALSE(reader.Next().has_value());
}

TEST(LineReaderTest, ABlankLineIsALine) {
  EXPECT_THAT(LinesOf("\n\r\n \t\none\n\n"), ElementsAre("", "\r", " \t", "one", ""));
  EXPECT_THAT(LinesOf("one\n "), ElementsAre("one", " "));
}

TEST(LineReaderTest, NothingBeforeTheEndIsNoLine) {
  EXPECT_THAT(LinesOf(""), IsEmpty());
  EXPECT_THAT(LinesOf("\n"), ElementsAre(""));
}

TEST(LineReaderTest, ALineThatIsTooLongIsSkippedToItsEnd) {
  const std::string fits(kMax, 'a');
  EXPECT_THAT(LinesOf("one\n" + fits + "x\n" + fits + "\n"), ElementsAre("one", "!", fits));
  EXPECT_THAT(LinesOf(std::string(1'000'000, 'x') + "\ntwo\n"), ElementsAre("!", "two"));
  EXPECT_THAT(LinesOf(std::string(1'000'000, 'x')), ElementsAre("!"));
}

TEST(LineReaderTest, ManyLinesInOneGoAllCome) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 100'000; ++i) {
    expected.push_back(std::to_string(i));
    text += expected.back() + "\n";
  }
  EXPECT_EQ(LinesOf(text), expected);
}

TEST(LineReaderTest, AStopEndsAWait) {
  const TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  std::thread stopper([&] { reader.Stop(); });
  EXPECT_FALSE(reader.Next().has_value());
  stopper.join();
}

TEST(LineReaderTest, AfterAStopNoLineComesEvenIfItIsThere) {
  const TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  pipe.Put("one\ntwo\n");
  EXPECT_EQ(reader.Next()->text, "one");
  reader.Stop();
  EXPECT_FALSE(reader.Next().has_value());
}

TEST(LineReaderTest, AClosedDescriptorIsAnEnd) {
  TestPipe pipe;
  LineReader reader(pipe.out(), kMax);
  pipe.CloseOut();
  EXPECT_FALSE(reader.Next().has_value());
}

}  // namespace
}  // namespace meshwarden::line_reader_test
