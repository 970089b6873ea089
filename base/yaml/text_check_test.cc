#include "base/yaml/text_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/yaml/limits.h"
#include "base/yaml/yaml_words.h"

namespace meshwarden::text_check_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr YamlWords kWords = {
    .file = "policy", .when_empty = "fill it", .when_too_big = "split it", .when_deep = "make it flat"};

// "LINE:COLUMN MESSAGE" of what is wrong with `text`.
std::vector<std::string> ProblemsOf(std::string_view text) {
  const SourceText source("f", text, 0);
  ProblemList problems;
  const bool passed = CheckText(source, kWords, problems);
  EXPECT_EQ(passed, problems.count() == 0);
  std::vector<std::string> found;
  for (const SourceProblem& problem : std::move(problems).Take()) {
    found.push_back(std::to_string(problem.location.line) + ":" + std::to_string(problem.location.column) +
                    " " + problem.message);
  }
  return found;
}

TEST(CheckText, TextPasses) {
  EXPECT_THAT(ProblemsOf(""), IsEmpty());
  EXPECT_THAT(ProblemsOf("a: b # é 日 😀\r\nc: d\t# tab within a line\n"), IsEmpty());
}

TEST(CheckText, EveryTabInTheIndentationIsReported) {
  EXPECT_THAT(ProblemsOf("a:\n\tb: c\n  \td: e\n"),
              ElementsAre("2:1 tab in the indentation", "3:3 tab in the indentation"));
}

TEST(CheckText, WhatIsNotUtf8IsRefused) {
  EXPECT_THAT(ProblemsOf("a: \xE9\n"), ElementsAre("1:4 byte 0xE9 is not UTF-8"));
  EXPECT_THAT(ProblemsOf("\xFF\xFE"
                         "a"),
              ElementsAre("1:1 byte 0xFF is not UTF-8"));
  EXPECT_THAT(ProblemsOf("# \xED\xA0\x80"), ElementsAre("1:3 byte 0xED is not UTF-8"));
}

TEST(CheckText, ControlCharactersAreRefused) {
  const std::string message = " is invisible or changes how the text looks";
  EXPECT_THAT(ProblemsOf(std::string("a\0b", 3)), ElementsAre("1:2 character U+0000" + message));
  EXPECT_THAT(ProblemsOf("a\rb"), ElementsAre("1:2 character U+000D" + message));
  EXPECT_THAT(ProblemsOf("a\x7F"), ElementsAre("1:2 character U+007F" + message));
  EXPECT_THAT(ProblemsOf("a: b # \u202E\n"), ElementsAre("1:8 character U+202E" + message));
  EXPECT_THAT(ProblemsOf("a\uFEFF"), ElementsAre("1:2 character U+FEFF" + message));
}

TEST(CheckText, SizeIsBounded) {
  EXPECT_THAT(ProblemsOf(std::string(kMaxYamlFileBytes, '#')), IsEmpty());
  EXPECT_THAT(ProblemsOf(std::string(kMaxYamlFileBytes + 1, '#')),
              ElementsAre("0:0 8388609 bytes are more than the 8388608 allowed"));
}

}  // namespace
}  // namespace meshwarden::text_check_test
