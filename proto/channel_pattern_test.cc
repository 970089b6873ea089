#include "proto/channel_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::channel_pattern_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ValidateChannelTest, StrictNamesPass) {
  for (std::string_view channel : {"general", "team.backend", "team.*", "team.>", ">", "*.>", "A_b-9.x"}) {
    EXPECT_THAT(ValidateChannel(channel), IsOk()) << channel;
  }
}

TEST(ValidateChannelTest, NamesThatTheWireWouldRewriteAreRefused) {
  for (std::string_view channel :
       {"foo/bar", "foo bar", " lead", "naïve", "*x", "x>", "$JS", "a\r\nb", "a\xFF"}) {
    EXPECT_THAT(ValidateChannel(channel), StatusIs(kInvalid, HasSubstr("must be a NATS-safe token")))
        << channel;
  }
  EXPECT_THAT(ValidateChannel(std::string_view("a\0b", 3)), StatusIs(kInvalid, HasSubstr("NATS-safe")));
}

TEST(ValidateChannelTest, MessageNamesTheSegment) {
  EXPECT_THAT(ValidateChannel("team.q q.x"), StatusIs(kInvalid, HasSubstr("segment \"q q\"")));
}

TEST(ValidateChannelTest, EmptySegmentsAreRefused) {
  for (std::string_view channel : {"", ".", ".a", "a.", "a..b"}) {
    EXPECT_THAT(ValidateChannel(channel), StatusIs(kInvalid, HasSubstr("empty segment"))) << channel;
  }
}

TEST(ValidateChannelTest, RestWildcardIsRefusedBeforeTheLastSegment) {
  EXPECT_THAT(ValidateChannel("a.>.b"), StatusIs(kInvalid, HasSubstr("only valid as the last segment")));
}

TEST(ValidateChannelTest, LengthIsBounded) {
  EXPECT_THAT(ValidateChannel(std::string(kMaxChannelBytes, 'a')), IsOk());
  EXPECT_THAT(ValidateChannel(std::string(kMaxChannelBytes + 1, 'a')),
              StatusIs(kInvalid, "invalid channel: 257 bytes are more than the 256 allowed"));
}

TEST(ChannelPatternTest, OnlyStrictNamesBecomePatterns) {
  MW_ASSERT_OK_AND_ASSIGN(const ChannelPattern pattern, ChannelPattern::Parse("team.>"));
  MW_ASSERT_OK_AND_ASSIGN(const ChannelPattern channel, ChannelPattern::Parse("team.a"));
  EXPECT_FALSE(pattern.is_concrete());
  EXPECT_TRUE(channel.is_concrete());
  EXPECT_TRUE(pattern.Covers(channel));
  EXPECT_FALSE(channel.Covers(pattern));
  EXPECT_TRUE(channel.Overlaps(pattern));
  EXPECT_THAT(ChannelPattern::Parse("team.a b"), StatusIs(kInvalid));
}

TEST(PatternCoversTest, PatternCoversWhatItContains) {
  EXPECT_TRUE(PatternCovers(">", "*.>"));
  EXPECT_TRUE(PatternCovers("a.>", "a.*.>"));
  EXPECT_TRUE(PatternCovers("a.*", "a.b"));
  EXPECT_TRUE(PatternCovers("*.>", "a.b.c"));
  EXPECT_TRUE(PatternCovers("a.*.c", "a.*.c"));
}

TEST(PatternCoversTest, WildcardInTheNarrowOneIsNoToken) {
  EXPECT_FALSE(PatternCovers("team.*", "team.>"));
  EXPECT_FALSE(PatternCovers("*", ">"));
  EXPECT_FALSE(PatternCovers("*.*", "a.>"));
  EXPECT_FALSE(PatternCovers("a.b", "a.*"));
  EXPECT_FALSE(PatternCovers("a.*.c", "a.>"));
}

TEST(PatternCoversTest, RestWildcardNeedsASegment) {
  EXPECT_FALSE(PatternCovers("*.>", ">"));
  EXPECT_FALSE(PatternCovers("a.>", "a"));
  EXPECT_FALSE(PatternCovers("a.*.>", "a.>"));
}

TEST(PatternsOverlapTest, SharedChannelIsAnOverlap) {
  EXPECT_TRUE(PatternsOverlap("a.*.c", "a.b.>"));
  EXPECT_TRUE(PatternsOverlap("*.b", "a.*"));
  EXPECT_TRUE(PatternsOverlap(">", "a"));
}

TEST(PatternsOverlapTest, DisjointPatternsDoNotOverlap) {
  EXPECT_FALSE(PatternsOverlap("review", "review.>"));
  EXPECT_FALSE(PatternsOverlap("a.*", "b.*"));
  EXPECT_FALSE(PatternsOverlap("*", "*.>"));
  EXPECT_FALSE(PatternsOverlap("a.b.>", "a.*"));
}

TEST(CollapsePatternsTest, CoveredPatternsAndDuplicatesGo) {
  EXPECT_THAT(CollapsePatterns(Strings{"team.a", "ops", "team.>", "ops", "team.b.c"}),
              ElementsAre("ops", "team.>"));
  EXPECT_THAT(CollapsePatterns(Strings{"review", "review.>"}), ElementsAre("review", "review.>"));
}

TEST(CollapsePatternsTest, WiderOfTwoStays) {
  EXPECT_THAT(CollapsePatterns(Strings{"team.*", "team.>"}), ElementsAre("team.>"));
  EXPECT_THAT(CollapsePatterns(Strings{">", "*.>"}), ElementsAre(">"));
  EXPECT_THAT(CollapsePatterns(Strings{"*.*", "a.>"}), ElementsAre("*.*", "a.>"));
}

TEST(CollapsePatternsTest, NonEmptyListStaysNonEmpty) {
  EXPECT_THAT(CollapsePatterns(Strings{"a", "a", "a"}), ElementsAre("a"));
  EXPECT_THAT(CollapsePatterns(Strings{">.x", ">", ">.y"}), ElementsAre(">.x"));
  EXPECT_THAT(CollapsePatterns(Strings{}), IsEmpty());
}

TEST(MeetOfPatternsTest, IsWhatBothMatch) {
  EXPECT_EQ(MeetOfPatterns("team.>", "team.backend"), "team.backend");
  EXPECT_EQ(MeetOfPatterns(">", "*.x"), "*.x");
  EXPECT_EQ(MeetOfPatterns("a.*.c", "a.b.>"), "a.b.c");
  EXPECT_EQ(MeetOfPatterns("a.>", "*.b.>"), "a.b.>");
  EXPECT_EQ(MeetOfPatterns("a.*", "*.b"), "a.b");
}

TEST(MeetOfPatternsTest, WhatSharesNothingHasNone) {
  EXPECT_EQ(MeetOfPatterns("a", "b"), std::nullopt);
  EXPECT_EQ(MeetOfPatterns("a", "a.b"), std::nullopt);
  EXPECT_EQ(MeetOfPatterns("a.b", "a"), std::nullopt);
  EXPECT_EQ(MeetOfPatterns("a.>", "a"), std::nullopt);
  EXPECT_EQ(MeetOfPatterns("*", "*.>"), std::nullopt);
}

TEST(FindOverlapTest, PartialOverlapIsFound) {
  EXPECT_EQ(FindOverlap(Strings{"x", "a.*.c", "a.b.>"}),
            std::pair(std::string("a.*.c"), std::string("a.b.>")));
  EXPECT_EQ(FindOverlap(Strings{"a", "a.>", "b.*"}), std::nullopt);
}

TEST(ChatFilterSubjectsTest, EachChannelBecomesAFilter) {
  EXPECT_THAT(ChatFilterSubjects("main", Strings{"general", "team.>", "team.a"}),
              IsOkAndHolds(ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.>")));
}

TEST(ChatFilterSubjectsTest, EmptyListIsRefused) {
  EXPECT_THAT(ChatFilterSubjects("main", Strings{}),
              StatusIs(kInvalid, HasSubstr("an empty filter would select every message")));
}

TEST(ChatFilterSubjectsTest, LooseChannelIsRefused) {
  EXPECT_THAT(ChatFilterSubjects("main", Strings{"general", "foo/bar"}),
              StatusIs(kInvalid, HasSubstr("invalid channel \"foo/bar\"")));
}

TEST(ChatFilterSubjectsTest, UnresolvedOverlapIsRefused) {
  EXPECT_THAT(ChatFilterSubjects("main", Strings{"a.*.c", "a.b.>"}),
              StatusIs(kInvalid, HasSubstr("channels \"a.*.c\" and \"a.b.>\" overlap")));
}

TEST(ChannelOfFilterTest, ChannelComesBack) {
  EXPECT_EQ(ChannelOfFilter("main", "cotal.main.chat.*.team.>"), "team.>");
  EXPECT_EQ(ChannelOfFilter("my space", "cotal.my_space.chat.*.a"), "a");
}

TEST(ChannelOfFilterTest, OtherSubjectsAreNothing) {
  for (std::string_view subject : {"cotal.other.chat.*.a", "cotal.main.chat.UA.a", "cotal.main.inst.*.a",
                                   "cotal.main.chat.*.", "cotal.main.chat.*", "cotal.main.>", ""}) {
    EXPECT_EQ(ChannelOfFilter("main", subject), std::nullopt) << subject;
  }
}

}  // namespace
}  // namespace meshwarden::channel_pattern_test
