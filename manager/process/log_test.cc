#include "manager/process/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"

namespace meshwarden::log_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  std::string Written(LogFormat format, LogLevel level, std::string_view message,
                      std::initializer_list<LogField> fields = {}) {
    std::ostringstream out;
    Log log({.format = format, .level = LogLevel::kInfo},
            std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    log.Write(level, message, fields);
    return out.str();
  }
  std::string Text(std::string_view message, std::initializer_list<LogField> fields) {
    return Written(LogFormat::kText, LogLevel::kInfo, message, fields);
  }
  Json Parsed(std::string_view message, std::initializer_list<LogField> fields) {
    return Json::parse(Written(LogFormat::kJson, LogLevel::kWarn, message, fields));
  }
};

TEST_F(LogTest, ATextLineIsTimeLevelMessageAndFields) {
  const std::vector<std::string> channels = {"general", "team.a"};
  EXPECT_THAT(
      Text("decision", {{"op", "setChannels"}, {"channels", channels}, {"ms", 1.25}, {"n", std::int64_t{3}}}),
      MatchesRegex("....-..-..T..:..:..\\....Z info decision op=setChannels "
                   "channels=\\[general, team\\.a\\] ms=1\\.250 n=3\n"));
}

TEST_F(LogTest, AJsonLineParsesAndKeepsTypes) {
  const std::vector<std::string> channels = {"general", "team.a"};
  const Json line = Parsed("decision", {{"channels", channels}, {"ms", 1.25}, {"n", std::int64_t{3}}});
  EXPECT_EQ(line["msg"], "decision");
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["channels"], Json(channels));
  EXPECT_EQ(line["ms"], 1.25);
  EXPECT_EQ(line["n"], 3);
}

TEST_F(LogTest, ATextValueCannotForgeAFieldOrALine) {
  EXPECT_THAT(Text("decision", {{"op", "x verdict=granted"}}), HasSubstr("op=\"x verdict=granted\"\n"));
  EXPECT_THAT(Text("decision", {{"op", "x\ny"}}), HasSubstr("op=\"x\\ny\"\n"));
  EXPECT_THAT(Text("decision", {{"op", "x\"y"}}), HasSubstr(R"(op="x\"y")"));
  const std::vector<std::string> channels = {"a, b]", ""};
  EXPECT_THAT(Text("decision", {{"channels", channels}}), HasSubstr(R"(channels=["a, b]", ""])"));
}

TEST_F(LogTest, WhatSteersATerminalIsEscapedInBothFormats) {
  EXPECT_THAT(Text("decision", {{"op", "\x1b[2J\u202e\u0085"}}), HasSubstr(R"(op="\u001b[2J\u202e\u0085")"));
  const std::string json = Written(LogFormat::kJson, LogLevel::kInfo, "m", {{"op", "\u202e\x1b"}});
  EXPECT_THAT(json, HasSubstr(R"("op":"\u202e\u001b")"));
}

TEST_F(LogTest, InvalidUtf8IsReplaced) {
  EXPECT_THAT(Text("decision", {{"op", "a\xff"}}), HasSubstr("op=\"a\\ufffd\""));
  EXPECT_EQ(Parsed("decision", {{"op", "a\xff"}})["op"], "a\ufffd");
}

TEST_F(LogTest, ALongValueIsCut) {
  const std::string longest(kMaxLogValueBytes, 'a');
  EXPECT_THAT(Text("m", {{"op", longest}}), EndsWith("op=" + longest + "\n"));
  EXPECT_THAT(Text("m", {{"op", longest + "b"}}), EndsWith("op=\"" + longest + "...\"\n"));
  const std::string one_less = longest.substr(1);
  EXPECT_THAT(Text("m", {{"op", one_less + "é"}}), EndsWith("op=\"" + one_less + "...\"\n"));
}

TEST_F(LogTest, BelowTheLevelNothingIsWritten) {
  EXPECT_EQ(Written(LogFormat::kText, LogLevel::kDebug, "details"), "");
  EXPECT_THAT(Written(LogFormat::kText, LogLevel::kError, "trouble"), Not(""));
}

TEST(LogNames, AreThoseOfTheConfiguration) {
  EXPECT_THAT(LogFormatByName("json"), IsOkAndHolds(LogFormat::kJson));
  EXPECT_THAT(LogLevelByName("warn"), IsOkAndHolds(LogLevel::kWarn));
  EXPECT_THAT(LogLevelByName("warning"), IsOkAndHolds(LogLevel::kWarn));
}

TEST(LogNames, OthersAreRefusedWithTheChoices) {
  EXPECT_THAT(LogFormatByName("xml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("text or json")));
  EXPECT_THAT(LogLevelByName("INFO"), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("debug, info, warn (or warning) or error")));
}

}  // namespace
}  // namespace meshwarden::log_test
