#include "manager/service/set_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshwarden::set_channels_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kNoList[] = "setChannels: channels must be a non-empty list of non-blank strings";

AgentPolicy AgentThatMayRead(const std::vector<std::string>& patterns) {
  AgentPolicy agent;
  agent.name = "planner";
  for (const std::string& pattern : patterns) {
    agent.allow_subscribe.push_back({ChannelPattern::Parse(pattern).value(), {}, "agent"});
  }
  return agent;
}

SetChannelsDecision Ask(const std::vector<std::string>& channels, const std::vector<std::string>& allowed) {
  const SetChannelsDecision list = ReadChannelList(Json{{"channels", channels}});
  return list.granted() ? DecideSetChannels(list.channels(), AgentThatMayRead(allowed)) : list;
}

std::vector<std::string> NumberedChannels(std::size_t count) {
  std::vector<std::string> channels;
  for (std::size_t i = 0; i < count; ++i) {
    channels.push_back("team.c" + std::to_string(i));
  }
  return channels;
}

class ListsThatAreNone : public ::testing::TestWithParam<const char*> {};

TEST_P(ListsThatAreNone, AreRefusedInThePeersWords) {
  const SetChannelsDecision decision = ReadChannelList(Json::parse(GetParam()));
  EXPECT_FALSE(decision.granted());
  EXPECT_EQ(decision.error(), kNoList);
  EXPECT_EQ(decision.code(), "bad_request");
  EXPECT_THAT(decision.channels(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, ListsThatAreNone,
                         ::testing::Values(R"({})", R"({"channels":null})", R"({"channels":"general"})",
                                           R"({"channels":[]})", R"({"channels":{"0":"general"}})",
                                           R"({"channels":["general",1]})", R"({"channels":[["general"]]})",
                                           R"({"channels":["general",""]})", R"({"channels":[" \t\n"]})",
                                           R"({"channels":["\u00a0\u2003\ufeff"]})",
                                           R"({"Channels":["general"]})", R"([])", R"(null)", R"("x")"));

TEST(ReadChannelList, ChannelsAreTrimmedAsJavaScriptTrims) {
  const SetChannelsDecision list = ReadChannelList(Json{{"channels", {" general\n", "\u00a0team.a\u2003"}}});
  EXPECT_THAT(list.channels(), ElementsAre("general", "team.a"));
}

TEST(ReadChannelList, UnknownArgumentsAreIgnored) {
  EXPECT_TRUE(ReadChannelList(Json{{"channels", {"general"}}, {"filter_subjects", {">"}}}).granted());
}

TEST(ReadChannelList, SixtyFourChannelsAreRead) {
  EXPECT_THAT(ReadChannelList(Json{{"channels", NumberedChannels(64)}}).channels(), SizeIs(64));
}

TEST(ReadChannelList, SixtyFiveAreTooMany) {
  const SetChannelsDecision list = ReadChannelList(Json{{"channels", NumberedChannels(65)}});
  EXPECT_EQ(list.error(), "setChannels: too many channels (max 64)");
  EXPECT_EQ(list.code(), "too_many_channels");
}

TEST(ReadChannelList, ABlankBeyondTheLimitIsNamedBeforeTheCount) {
  std::vector<std::string> channels = NumberedChannels(70);
  channels.back() = " ";
  EXPECT_EQ(ReadChannelList(Json{{"channels", channels}}).error(), kNoList);
}

TEST(DecideSetChannels, WhatIsCoveredIsGrantedAsAsked) {
  const SetChannelsDecision decision = Ask({"general", "team.a", "team.>"}, {"general", "team.>"});
  EXPECT_TRUE(decision.granted()) << decision.error();
  EXPECT_THAT(decision.channels(), ElementsAre("general", "team.a", "team.>"));
}

TEST(DecideSetChannels, AnEmptyListIsNeverGranted) {
  const SetChannelsDecision decision = DecideSetChannels({}, AgentThatMayRead({">"}));
  EXPECT_FALSE(decision.granted());
  EXPECT_EQ(decision.error(), kNoList);
}

TEST(DecideSetChannels, AForeignChannelIsNamedTogetherWithTheRights) {
  const SetChannelsDecision decision = Ask({"general", "ops"}, {"general", "team.>"});
  EXPECT_EQ(decision.error(), "channel \"ops\" is not within allowSubscribe [general, team.>]");
  EXPECT_EQ(decision.code(), "not_allowed");
  EXPECT_THAT(decision.channels(), IsEmpty());
}

TEST(DecideSetChannels, WithoutRightsNothingIsGranted) {
  EXPECT_EQ(Ask({"general"}, {}).error(), "channel \"general\" is not within allowSubscribe []");
}

TEST(DecideSetChannels, TheFirstOffendingChannelIsTheOneNamed) {
  EXPECT_EQ(Ask({"ops", "foo/bar"}, {"general"}).code(), "not_allowed");
  EXPECT_EQ(Ask({"foo/bar", "ops"}, {"general"}).code(), "bad_channel");
}

struct Widening {
  const char* asked;
  const char* allowed;
};
class PatternsThatWiden : public ::testing::TestWithParam<Widening> {};

TEST_P(PatternsThatWiden, AreRefused) {
  const SetChannelsDecision decision = Ask({GetParam().asked}, {GetParam().allowed});
  EXPECT_FALSE(decision.granted()) << GetParam().asked << " within " << GetParam().allowed;
  EXPECT_EQ(decision.code(), "not_allowed");
}

INSTANTIATE_TEST_SUITE_P(All, PatternsThatWiden,
                         ::testing::Values(Widening{"team.>", "team.*"}, Widening{">", "*"},
                                           Widening{">", "*.>"}, Widening{"a.*.c", "a.b.c"},
                                           Widening{"a.*.c", "a.b.>"}, Widening{"*.b", "a.b"},
                                           Widening{"a.>", "a.*.>"}, Widening{"team", "team.>"},
                                           Widening{"team.a.b", "team.*"}, Widening{"*", "general"}));

TEST(DecideSetChannels, TwoRightsTogetherDoNotMakeAWiderOne) {
  // {*, *.>} together read everything, but no single right covers ">".
  EXPECT_EQ(Ask({">"}, {"*", "*.>"}).code(), "not_allowed");
}

class NamesThatRewritingWouldAlias : public ::testing::TestWithParam<std::string> {};

TEST_P(NamesThatRewritingWouldAlias, AreRefusedEvenToOneWhoMayReadAll) {
  const SetChannelsDecision decision = Ask({GetParam()}, {">"});
  EXPECT_FALSE(decision.granted());
  EXPECT_EQ(decision.code(), "bad_channel");
  EXPECT_LE(decision.error().size(), 600U);
  EXPECT_THAT(decision.error(), Not(HasSubstr("\r")));
}

INSTANTIATE_TEST_SUITE_P(All, NamesThatRewritingWouldAlias,
                         ::testing::Values("foo/bar", "f\u00fcr", "\U0001F600", "a b", "a..b", ".a", "a.",
                                           std::string(10'000, 'a'), std::string("a\0b", 3), "a\r\nPUB x",
                                           "a.>.b", "a*", "$JS", "a.\u00a0b", "team.>>", "a\u202eb"));

TEST(DecideSetChannels, AChannelOfTheGreatestLengthIsGranted) {
  EXPECT_TRUE(Ask({std::string(kMaxChannelBytes, 'a')}, {">"}).granted());
  EXPECT_EQ(Ask({std::string(kMaxChannelBytes + 1, 'a')}, {">"}).code(), "bad_channel");
}

TEST(DecideSetChannels, ALongForeignChannelIsCutInTheAnswer) {
  const SetChannelsDecision decision = Ask({std::string(200, 'a')}, {"general"});
  EXPECT_EQ(decision.error(),
            "channel \"" + std::string(128, 'a') + "…\" is not within allowSubscribe [general]");
}

TEST(DecideSetChannels, ManyRightsAreCutInTheAnswer) {
  const SetChannelsDecision decision = Ask({"ops"}, NumberedChannels(70));
  EXPECT_THAT(decision.error(), HasSubstr("team.c63, … 6 more]"));
  EXPECT_THAT(decision.error(), Not(HasSubstr("team.c64")));
}

TEST(DecideSetChannels, WhatCollapsesIsGranted) {
  EXPECT_THAT(Ask({"team.*", "team.>"}, {"team.>"}).channels(), ElementsAre("team.*", "team.>"));
  EXPECT_THAT(Ask({">", "*.>"}, {">"}).channels(), ElementsAre(">", "*.>"));
  EXPECT_THAT(Ask({"general", "general"}, {"general"}).channels(), ElementsAre("general", "general"));
}

TEST(DecideSetChannels, ANameAndWhatLiesBelowItAreDisjoint) {
  EXPECT_TRUE(Ask({"review", "review.>"}, {"review", "review.>"}).granted());
}

TEST(DecideSetChannels, AnOverlapThatCollapsingCannotResolveIsRefused) {
  const SetChannelsDecision decision = Ask({"a.*.c", "a.b.>"}, {"a.>"});
  EXPECT_EQ(decision.code(), "overlap");
  EXPECT_THAT(decision.error(), StartsWith("setChannels: channels \"a.*.c\" and \"a.b.>\" overlap"));
  EXPECT_THAT(decision.channels(), IsEmpty());
}

TEST(DecideSetChannels, AnOverlapThatAThirdPatternSwallowsIsGranted) {
  EXPECT_TRUE(Ask({"a.*.c", "a.b.>", "a.>"}, {"a.>"}).granted());
}

}  // namespace
}  // namespace meshwarden::set_channels_test
