#include "base/yaml/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/yaml/limits.h"
#include "base/yaml/yaml_input.h"
#include "base/yaml/yaml_words.h"

namespace meshwarden::yaml_document_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr YamlWords kWords = {
    .file = "policy", .when_empty = "fill it", .when_too_big = "split it", .when_deep = "make it flat"};

// A document written again in one line, without the places.
std::string Flat(YamlNode node) {
  std::string text;
  switch (node.kind()) {
    case YamlKind::kNull:
      return "null";
    case YamlKind::kRefused:
      return "refused";
    case YamlKind::kScalar:
      return "'" + std::string(node.text()) + "'";
    case YamlKind::kList:
      for (const YamlNode& element : node.Elements()) text += (text.empty() ? "" : " ") + Flat(element);
      return "[" + text + "]";
    case YamlKind::kMapping:
      for (const auto& [key, value] : node.Entries()) {
        text += (text.empty() ? "" : " ") + Flat(key) + ":" + Flat(value);
      }
      return "{" + text + "}";
  }
  return text;
}

struct Outcome {
  std::string document;  // empty if there is none
  std::vector<std::string> problems;
};

Outcome Read(std::string_view text) {
  const SourceText source("f", text, 0);
  ProblemList problems;
  Outcome outcome;
  if (const auto document = YamlDocument::Parse(source, kWords, problems))
    outcome.document = Flat(document->root());
  for (const SourceProblem& problem : std::move(problems).Take()) {
    outcome.problems.push_back(std::to_string(problem.location.line) + ":" +
                               std::to_string(problem.location.column) + " " + problem.message);
  }
  return outcome;
}

std::string Repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(YamlDocument, ReadsMappingsListsAndScalars) {
  const Outcome outcome = Read("a: b\nc: [d, {e: f}]\ng:\n- h\n- i: ~\n  j:\n");
  EXPECT_EQ(outcome.document, "{'a':'b' 'c':['d' {'e':'f'}] 'g':['h' {'i':null 'j':null}]}");
  EXPECT_THAT(outcome.problems, IsEmpty());
}

TEST(YamlDocument, ScalarsAreWhatTheyMean) {
  EXPECT_EQ(Read("[\"a\\tb\", 'it''s', \"\\u00e9\", plain é]").document, "['a\tb' 'it's' 'é' 'plain é']");
  EXPECT_EQ(Read("a\n b").document, "'a b'");
  EXPECT_EQ(Read("|\n  a\n  b\n").document, "'a\nb\n'");
}

TEST(YamlDocument, NodesKnowWhereTheyStandAndHowTheyAreWritten) {
  const SourceText source("f", "é: x\nlist:\n  - \"q\"\n  - |\n    b\n", 0);
  ProblemList problems;
  const auto document = YamlDocument::Parse(source, kWords, problems);
  ASSERT_TRUE(document.has_value());
  const auto entries = document->root().Entries();
  EXPECT_EQ(entries[0].second.place(), (Place{1, 5}));
  const std::vector<YamlNode> list = entries[1].second.Elements();
  EXPECT_EQ(list[0].place(), (Place{3, 5}));
  EXPECT_EQ(list[0].style(), YamlStyle::kQuoted);
  EXPECT_EQ(list[1].place(), (Place{4, 5}));
  EXPECT_EQ(list[1].style(), YamlStyle::kBlock);
}

TEST(YamlDocument, RepeatedKeysAreReportedWithTheFirst) {
  const Outcome outcome = Read("a: 1\nb: {c: 1, 'c': 2}\n\"\\x61\": 3\n");
  EXPECT_THAT(outcome.problems, ElementsAre("2:11 key \"c\" appears twice, first on line 2",
                                            "3:1 key \"a\" appears twice, first on line 1"));
}

TEST(YamlDocument, AnchorsAndAliasesAreReportedAndNotFollowed) {
  const Outcome outcome = Read("a: &x [1, 2]\nb: *x\n");
  EXPECT_EQ(outcome.document, "{'a':['1' '2'] 'b':refused}");
  EXPECT_THAT(outcome.problems, ElementsAre("1:4 anchors are not allowed in a policy",
                                            "2:4 aliases are not allowed in a policy"));
}

TEST(YamlDocument, AnAliasBombStopsAtTheFirstHundredProblems) {
  std::string bomb = "a0: &a0 x\n";
  for (int i = 1; i < 1'000; ++i) {
    const std::string before = std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + before + ", *a" + before + "]\n";
  }
  const Outcome outcome = Read(bomb);
  EXPECT_EQ(outcome.document, "");
  EXPECT_THAT(outcome.problems, SizeIs(kMaxSourceProblems));
}

TEST(YamlDocument, TagsAreReported) {
  const std::string message = " tags are not allowed in a policy";
  EXPECT_THAT(Read("!!map {a: b}").problems, ElementsAre("1:1" + message));
  EXPECT_THAT(Read("- !!str a\n- ! b\n").problems, ElementsAre("1:3" + message, "2:3" + message));
}

TEST(YamlDocument, OnlyOneDocumentIsRead) {
  const std::string message = " a second document, or text after the end of the first";
  EXPECT_THAT(Read("a: b\n---\nc: d\n").problems, ElementsAre("2:1" + message));
  EXPECT_THAT(Read("{a: b}\nc: d\n").problems, ElementsAre("2:1" + message));
  EXPECT_EQ(Read("---\na: b\n...\n").document, "{'a':'b'}");
}

TEST(YamlDocument, NothingIsNoDocument) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "%YAML 1.2\n"}) {
    EXPECT_THAT(Read(text).problems, ElementsAre("1:1 the policy is empty")) << text;
  }
}

TEST(YamlDocument, SyntaxIsReportedWhereItBreaks) {
  EXPECT_THAT(Read("a: b: c\n").problems, ElementsAre(HasSubstr("1:5 not valid YAML")));
  EXPECT_THAT(Read("a: [b\n").problems, ElementsAre(HasSubstr("not valid YAML: end of sequence flow")));
  EXPECT_THAT(Read("a: *nowhere\n").problems, ElementsAre(HasSubstr("1:4 not valid YAML")));
  EXPECT_THAT(Read("a: \"\\ud800\"\n").problems, ElementsAre(HasSubstr("not valid YAML")));
}

// yaml-cpp takes them for closed.
TEST(YamlDocument, AQuoteThatEndsWithTheFileIsNotClosed) {
  EXPECT_THAT(Read("a: \"b\n").problems, ElementsAre("1:4 a quote is not closed"));
  EXPECT_THAT(Read("a: 'b''\n").problems, ElementsAre("1:4 a quote is not closed"));
  EXPECT_THAT(Read("a: \"b\\\"\n").problems, ElementsAre("1:4 a quote is not closed"));
  EXPECT_EQ(Read("a: \"b\\\\\"").document, "{'a':'b\\'}");
  EXPECT_EQ(Read("a: 'b'''").document, "{'a':'b''}");
}

TEST(YamlDocument, DepthIsBounded) {
  EXPECT_THAT(Read(Repeated("[", kMaxYamlDepth) + Repeated("]", kMaxYamlDepth)).problems, IsEmpty());
  EXPECT_THAT(Read(Repeated("[", kMaxYamlDepth + 1) + Repeated("]", kMaxYamlDepth + 1)).problems,
              ElementsAre("1:17 nested deeper than 16 levels"));
  EXPECT_THAT(Read(Repeated("- ", 100'000) + "x").problems, ElementsAre("1:33 nested deeper than 16 levels"));
}

TEST(YamlDocument, TheNumberOfNodesIsBounded) {
  const std::string most = "x:\n" + Repeated("- x\n", kMaxYamlNodes - 3);
  const SourceText source("f", most, 0);
  ProblemList problems;
  EXPECT_TRUE(YamlDocument::Parse(source, kWords, problems).has_value());
  EXPECT_THAT(Read(most + "- x\n").problems, ElementsAre("999999:3 more than 1000000 values in one file"));
}

TEST(YamlDocument, WhatMakesTheParserReadFarAheadIsRefused) {
  const std::string message = "a list or mapping in brackets, or a text, that is too long to read";
  EXPECT_THAT(Read("[" + Repeated("a, ", YamlInput::kMaxTokensAhead + 4'096) + "b]").problems,
              Contains(HasSubstr(message)));
  EXPECT_THAT(Read("\"" + std::string(2 * YamlInput::kMaxBytesAhead, 'x') + "\"").problems,
              Contains(HasSubstr(message)));
  EXPECT_THAT(Read("[" + Repeated("a, ", YamlInput::kMaxTokensAhead - 4'096) + "b]").problems, IsEmpty());
}

}  // namespace
}  // namespace meshwarden::yaml_document_test
