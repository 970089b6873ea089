#include "manager/agent/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/status_matchers.h"

namespace meshwarden::command_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// The command of `line`, which must be a `Verb`.
template <typename Verb>
Verb Read(const std::string& line) {
  CommandLineRead read = ReadCommandLine(line);
  EXPECT_THAT(read.command, IsOk()) << line;
  if (!read.command.ok()) return {};
  Verb* verb = std::get_if<Verb>(&*read.command);
  EXPECT_NE(verb, nullptr) << line;
  return verb == nullptr ? Verb{} : std::move(*verb);
}

void ExpectRefused(const std::string& line, const std::string& why) {
  EXPECT_THAT(ReadCommandLine(line).command, StatusIs(kInvalid, HasSubstr(why))) << line;
}

TEST(ReadCommandLine, MulticastTakesAllThatAMessageHas) {
  const auto command = Read<verb::Multicast>(
      R"({"do":"multicast","channel":"team.a","parts":[{"kind":"text","text":"hi","x":1},{"kind":"data","data":[2]},)"
      R"({"kind":"com.example.image","url":"u"}],"mentions":["Bob"],"replyTo":"m1","contextId":"c1"})");
  EXPECT_EQ(command.channel, "team.a");
  ASSERT_EQ(command.words.parts.size(), 3U);
  EXPECT_EQ(command.words.parts[0].text, "hi");
  EXPECT_EQ(command.words.parts[0].unknown, Json({{"x", 1}}));
  EXPECT_EQ(command.words.parts[1], Part::Data(Json::array({2})));
  EXPECT_EQ(command.words.parts[2].kind, "com.example.image");
  EXPECT_EQ(command.words.parts[2].unknown, Json({{"url", "u"}}));
  EXPECT_THAT(command.words.mentions, ElementsAre("Bob"));
  EXPECT_EQ(command.words.reply_to, "m1");
  EXPECT_EQ(command.words.context_id, "c1");
}

TEST(ReadCommandLine, TextIsOneTextPart) {
  const auto command = Read<verb::Multicast>(R"({"do":"multicast","text":""})");
  EXPECT_EQ(command.channel, std::nullopt);
  EXPECT_THAT(command.words.parts, ElementsAre(Part::Text("")));
}

TEST(ReadCommandLine, UnicastAndAnycastNameTheirReceiver) {
  EXPECT_EQ(Read<verb::Unicast>(R"({"do":"unicast","to":"Bob","text":"x"})").to, "Bob");
  EXPECT_EQ(Read<verb::Anycast>(R"({"do":"anycast","role":"reviewer","text":"x"})").role, "reviewer");
}

TEST(ReadCommandLine, TheOtherVerbsTakeTheirFields) {
  EXPECT_EQ(Read<verb::Join>(R"({"do":"join","channel":"a"})").channel, "a");
  EXPECT_EQ(Read<verb::Leave>(R"({"do":"leave","channel":"a"})").channel, "a");
  const auto recall = Read<verb::Recall>(R"({"do":"recall","channel":"a","since":7})");
  EXPECT_EQ(recall.channel, "a");
  EXPECT_EQ(recall.since, 7U);
  EXPECT_EQ(Read<verb::History>(R"({"do":"history","channel":"a","limit":1000})").limit, 1000U);
  EXPECT_EQ(Read<verb::Members>(R"({"do":"members","channel":"a"})").channel, "a");
  EXPECT_EQ(Read<verb::Status>(R"({"do":"status","status":"working"})").status, PresenceStatus::kWorking);
  EXPECT_EQ(Read<verb::Activity>(R"({"do":"activity","activity":"x"})").activity, "x");
  EXPECT_EQ(Read<verb::Ack>(R"({"do":"ack","delivery":"channel:1"})").delivery, "channel:1");
  EXPECT_EQ(Read<verb::Nak>(R"({"do":"nak","delivery":"dm:1"})").delivery, "dm:1");
  Read<verb::Roster>(R"({"do":"roster"})");
  Read<verb::Channels>(R"({"do":"channels"})");
  Read<verb::Joined>(R"({"do":"joined"})");
  Read<verb::Frontier>(R"({"do":"frontier"})");
  Read<verb::Reconnect>(R"({"do":"reconnect"})");
  Read<verb::Stop>(R"({"do":"stop"})");
}

TEST(ReadCommandLine, ControlTakesArgumentsAndATimeOut) {
  const auto command = Read<verb::Control>(
      R"({"do":"control","service":"self","op":"whoami","args":{"a":1},"timeoutMs":250})");
  EXPECT_EQ(command.service, "self");
  EXPECT_EQ(command.op, "whoami");
  EXPECT_EQ(command.args, Json({{"a", 1}}));
  EXPECT_EQ(command.timeout, std::chrono::milliseconds(250));
  const auto bare = Read<verb::Control>(R"({"do":"control","service":"self","op":"whoami"})");
  EXPECT_TRUE(bare.args.is_null());
  EXPECT_EQ(Read<verb::Control>(R"({"do":"control","service":"self","op":"whoami","args":{}})").args,
            Json::object());
  EXPECT_EQ(bare.timeout, std::chrono::milliseconds(5000));
}

TEST(ReadCommandLine, AnOptionalFieldMayBeNull) {
  EXPECT_EQ(Read<verb::Multicast>(R"({"do":"multicast","channel":null,"text":"x","mentions":null})").channel,
            std::nullopt);
  EXPECT_EQ(Read<verb::Activity>(R"({"do":"activity","activity":null})").activity, std::nullopt);
  EXPECT_EQ(Read<verb::History>(R"({"do":"history","channel":"a","limit":null})").limit, 100U);
}

TEST(ReadCommandLine, RefComesBackWhateverItIs) {
  EXPECT_EQ(ReadCommandLine(R"({"do":"roster","ref":{"a":[1]}})").ref, Json::parse(R"({"a":[1]})"));
  EXPECT_EQ(ReadCommandLine(R"({"do":"roster"})").ref, Json());
}

TEST(ReadCommandLine, RefComesBackOfABadCommandToo) {
  for (const std::string line : {R"({"ref":7})", R"({"ref":7,"do":"fly"})", R"({"ref":7,"do":"join"})"}) {
    const CommandLineRead read = ReadCommandLine(line);
    EXPECT_FALSE(read.command.ok()) << line;
    EXPECT_EQ(read.ref, Json(7)) << line;
  }
}

TEST(ReadCommandLine, WhatIsNoObjectIsRefusedWithAnExample) {
  for (const std::string line :
       {"hello", "[]", "7", "\"do\"", "null", "{", "{\"do\":\"roster\"} x", "\xff"}) {
    ExpectRefused(line, "each line must be a JSON object such as {\"do\":\"roster\"}");
    EXPECT_EQ(ReadCommandLine(line).ref, Json()) << line;
  }
}

TEST(ReadCommandLine, AnUnknownVerbIsRefusedWithTheOnesThereAre) {
  EXPECT_THAT(ReadCommandLine(R"({"do":"fl\ny"})").command,
              StatusIs(kInvalid, AllOf(HasSubstr(R"(unknown verb "fl\ny")"), HasSubstr("multicast, unicast"),
                                       HasSubstr("reconnect, stop"))));
  ExpectRefused(R"({"do":7})", "field \"do\" must be a string");
  ExpectRefused(R"({})", "field \"do\" must be a string");
}

TEST(ReadCommandLine, AnUnknownFieldIsRefusedWithTheOnesThereAre) {
  ExpectRefused(R"({"do":"multicast","chanel":"a","text":"x"})",
                "multicast: there is no field \"chanel\"; apart from \"ref\" it takes channel, text, parts");
  ExpectRefused(R"({"do":"roster","x":null})", "it takes none");
  ExpectRefused(R"({"do":"join","channel":"a","chan":"b"})", "\"chan\"");
}

TEST(ReadCommandLine, AMissingOrMistypedFieldIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"do":"multicast"})", "multicast: give either \"text\" or \"parts\""},
      {R"({"do":"multicast","text":"x","parts":[]})", "give either"},
      {R"({"do":"multicast","text":1})", "field \"text\" must be a string"},
      {R"({"do":"multicast","parts":{}})", "field \"parts\" must be a list"},
      {R"({"do":"multicast","parts":["x"]})", "part 0: must be an object"},
      {R"({"do":"multicast","parts":[{}]})", "part 0: field \"kind\""},
      {R"({"do":"multicast","parts":[{"kind":""}]})", "field \"kind\" must not be empty"},
      {R"({"do":"multicast","parts":[{"kind":"text"}]})", "part 0: field \"text\""},
      {R"({"do":"multicast","parts":[{"kind":"data"}]})", "part 0: field \"data\" must be there"},
      {R"({"do":"multicast","text":"x","channel":1})", "field \"channel\""},
      {R"({"do":"multicast","text":"x","mentions":"bob"})", "field \"mentions\" must be a list of strings"},
      {R"({"do":"multicast","text":"x","replyTo":1})", "field \"replyTo\""},
      {R"({"do":"multicast","text":"x","contextId":1})", "field \"contextId\""},
      {R"({"do":"unicast","text":"x"})", "unicast: field \"to\" must be a string"},
      {R"({"do":"unicast","to":"","text":"x"})", "field \"to\" must not be empty"},
      {R"({"do":"anycast","text":"x"})", "field \"role\""},
      {R"({"do":"join"})", "field \"channel\""},
      {R"({"do":"leave","channel":null})", "field \"channel\""},
      {R"({"do":"recall","channel":"a"})", "field \"since\" must be a whole number"},
      {R"({"do":"recall","channel":"a","since":-1})", "field \"since\" must be a whole number from 0"},
      {R"({"do":"recall","channel":"a","since":1.5})", "field \"since\""},
      {R"({"do":"history","channel":"a","limit":0})",
       "field \"limit\" must be a whole number from 1 to 1000"},
      {R"({"do":"history","channel":"a","limit":10001})", "from 1 to 10000"},
      {R"({"do":"members","channel":1})", "field \"channel\""},
      {R"({"do":"status"})", "field \"status\""},
      {R"({"do":"status","status":"asleep"})", "must be idle, waiting, working or offline"},
      {R"({"do":"activity","activity":1})", "field \"activity\""},
      {R"({"do":"control","op":"x"})", "field \"service\""},
      {R"({"do":"control","service":"x"})", "field \"op\""},
      {R"({"do":"control","service":"x","op":"y","args":[]})", "field \"args\" must be an object"},
      {R"({"do":"control","service":"x","op":"y","timeoutMs":0})", "from 1 to 120000"},
      {R"({"do":"control","service":"x","op":"y","timeoutMs":120001})", "from 1 to 120000"},
      {R"({"do":"ack"})", "field \"delivery\""},
      {R"({"do":"nak","delivery":7})", "field \"delivery\""}};
  for (const auto& [line, why] : cases) ExpectRefused(line, why);
}

TEST(ReadCommandLine, SizeAndDepthAreBounded) {
  const std::string begin = R"({"do":"multicast","text":")";
  const std::string fits = begin + std::string(kMaxLineBytes - begin.size() - 2, 'x') + "\"}";
  ASSERT_EQ(fits.size(), kMaxLineBytes);
  EXPECT_THAT(ReadCommandLine(fits).command, IsOk());
  ExpectRefused(fits + " ", "longer than");
  const auto nested = [](std::size_t depth) {
    return R"({"do":"roster","ref":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_THAT(ReadCommandLine(nested(kMaxMessageDepth)).command, IsOk());
  ExpectRefused(nested(kMaxMessageDepth + 1), "nested deeper than 128 levels");
}

TEST(LineTooLong, NamesTheBound) {
  EXPECT_THAT(LineTooLong(), StatusIs(kInvalid, HasSubstr("1114112 bytes")));
}

}  // namespace
}  // namespace meshwarden::command_test
