#include "base/yaml/problem.h"

#include <gtest/gtest.h>

#include "base/yaml/limits.h"

namespace meshwarden::problem_test {
namespace {

std::string FormatOne(std::string_view text, Place place) {
  const SourceText source("f", text, 0);
  ProblemList problems;
  problems.Add(source, place, "wrong", "do it right");
  return std::move(problems).Take().at(0).Format();
}

TEST(SourceProblem, ShowsPlaceLineAndCaret) {
  EXPECT_EQ(FormatOne("a\n  bad: x\n", {2, 3}), "f:2:3: wrong (do it right)\n  bad: x\n  ^");
}

TEST(SourceProblem, TheCaretStandsUnderTheCharacterNotTheByte) {
  EXPECT_EQ(FormatOne("éñ: x", {1, 7}), "f:1:7: wrong (do it right)\néñ: x\n    ^");
}

TEST(SourceProblem, TheCaretCountsColumnsOfATerminal) {
  EXPECT_EQ(FormatOne("日e\u0301: x", {1, 9}), "f:1:9: wrong (do it right)\n日e\u0301: x\n     ^");
}

TEST(SourceProblem, AColumnPastTheLineIsItsEnd) {
  EXPECT_EQ(FormatOne("ab", {1, 50}), "f:1:50: wrong (do it right)\nab\n  ^");
}

TEST(SourceProblem, WhatWouldMoveATerminalIsNotShown) {
  EXPECT_EQ(FormatOne("\x1b[2Jx", {1, 5}), "f:1:5: wrong (do it right)\n\\u001b[2Jx\n         ^");
}

TEST(SourceProblem, MessagesArePrintableAndBounded) {
  const SourceText source("f", "x", 0);
  ProblemList problems;
  problems.Add(source, {1, 1}, "key \x1b[2J", "write \n");
  problems.Add(source, {1, 1}, std::string(10'000, 'x'));
  const std::vector<SourceProblem> taken = std::move(problems).Take();
  EXPECT_EQ(taken[0].message, "key \\u001b[2J");
  EXPECT_EQ(taken[0].suggestion, "write \\n");
  EXPECT_EQ(taken[1].message, std::string(4'096, 'x') + "…");
}

TEST(SourceProblem, OfALongLineThePartAroundThePlaceIsShown) {
  const std::string line = std::string(1'000, 'a') + "X" + std::string(1'000, 'b');
  const std::string shown = FormatOne(line, {1, 1'001});
  EXPECT_EQ(shown, "f:1:1001: wrong (do it right)\n" + std::string(60, 'a') + "X" + std::string(59, 'b') +
                       "\n" + std::string(60, ' ') + "^");
}

TEST(SourceProblem, OfALongLineNoCharacterIsCut) {
  std::string line;
  for (int i = 0; i < 500; ++i) line += "é";
  line.insert(300, "x");
  const std::string shown = FormatOne(line, {1, 302});
  EXPECT_EQ(shown.find("\uFFFD"), std::string::npos) << shown;
}

TEST(SourceProblem, WithoutALineThereIsNoCaret) {
  ProblemList problems;
  problems.AddForFile("dir", 0, "cannot be read");
  EXPECT_EQ(std::move(problems).Take().at(0).Format(), "dir: cannot be read");
}

TEST(ProblemList, ComesInTheOrderOfFilesAndPlaces) {
  const SourceText first("first", "x\ny\n", 0);
  const SourceText second("second", "x\n", 1);
  ProblemList problems;
  problems.Add(second, {1, 1}, "d");
  problems.Add(first, {2, 1}, "c");
  problems.Add(first, {1, 9}, "b");
  problems.AddForFile("first", 0, "a");
  std::string order;
  for (const SourceProblem& problem : std::move(problems).Take()) order += problem.message;
  EXPECT_EQ(order, "abcd");
}

TEST(ProblemList, KeepsSoManyAndCountsTheRest) {
  const SourceText source("f", "x", 0);
  ProblemList problems;
  for (std::size_t i = 0; i < kMaxSourceProblems; ++i) {
    EXPECT_FALSE(problems.full());
    problems.Add(source, {1, 1}, "wrong");
  }
  EXPECT_TRUE(problems.full());
  problems.Add(source, {1, 1}, "one more");
  EXPECT_EQ(problems.count(), kMaxSourceProblems + 1);
  EXPECT_EQ(std::move(problems).Take().size(), kMaxSourceProblems);
}

}  // namespace
}  // namespace meshwarden::problem_test
