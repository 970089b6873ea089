#include "proto/subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::subject_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;

TEST(SubjectTest, SubjectsAreBuiltFromTokens) {
  EXPECT_EQ(SpaceWildcard("my space"), "cotal.my_space.>");
  EXPECT_EQ(UnicastSubject("main", "UB", "UA"), "cotal.main.inst.UB.UA");
  EXPECT_EQ(ParkedChatSubject("main"), "cotal.main.chat.=none.=none");
  EXPECT_EQ(AnycastSubject("main", "code review", "*"), "cotal.main.svc.code_review.*");
  EXPECT_EQ(ControlSubject("main", "self", "U.A"), "cotal.main.ctl.self.U_A");
}

TEST(SubjectTest, SpaceIsNeverAWildcard) {
  EXPECT_EQ(SpacePrefix("*"), "cotal._");
  EXPECT_EQ(SpacePrefix("a.>"), "cotal.a__");
}

TEST(SubjectTest, ChannelIsTidiedSegmentBySegment) {
  EXPECT_THAT(ChatSubject("main", "UA", " team . *..é.> "), IsOkAndHolds("cotal.main.chat.UA.team.*._.>"));
  EXPECT_THAT(ChatSubject("main", "UA", ". ."), IsOkAndHolds("cotal.main.chat.UA._"));
}

TEST(SubjectTest, RestWildcardBeforeTheLastSegmentIsRefused) {
  EXPECT_THAT(ChatSubject("main", "UA", "a.>.b"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "channel \"a.>.b\": '>' is only valid as the last segment"));
  EXPECT_THAT(ChatSubject("main", "UA", "a.>.."), IsOkAndHolds("cotal.main.chat.UA.a.>"));
}

TEST(SubjectTest, EachKindIsParsed) {
  EXPECT_EQ(ParseSubject("cotal.main.chat.UA.team.a"), (ParsedSubject{SubjectKind::kChat, "UA", "team.a"}));
  EXPECT_EQ(ParseSubject("cotal.main.inst.UB.UA"), (ParsedSubject{SubjectKind::kInst, "UA", "UB"}));
  EXPECT_EQ(ParseSubject("cotal.main.svc.role.UA"), (ParsedSubject{SubjectKind::kSvc, "UA", "role"}));
  EXPECT_EQ(ParseSubject("cotal.main.ctl.self.UA"), (ParsedSubject{SubjectKind::kCtl, "UA", "self"}));
}

TEST(SubjectTest, OtherShapesAreNothing) {
  for (std::string_view subject :
       {"", "cotal", "cotal.main.chat", "cotal.main.chat.UA", "cotal.main.inst.UB", "cotal.main.inst.UB.UA.x",
        "cotal.main.ctl.self.UA.", "cotal.main.trace.a.b", "cotal.main.control.a.b", "xcotal.main.chat.UA.a",
        "$JS.main.chat.UA.a", "cotal.main.Chat.UA.a"}) {
    EXPECT_EQ(ParseSubject(subject), std::nullopt) << subject;
  }
}

TEST(SubjectTest, SubjectOfAnotherSpaceIsNothing) {
  EXPECT_TRUE(ParseSubjectOf("main", "cotal.main.ctl.self.UA"));
  EXPECT_TRUE(ParseSubjectOf("my space", "cotal.my_space.ctl.self.UA"));
  EXPECT_FALSE(ParseSubjectOf("main", "cotal.other.ctl.self.UA"));
  EXPECT_FALSE(ParseSubjectOf("main", "cotal.mainx.ctl.self.UA"));
  EXPECT_FALSE(ParseSubjectOf("main", "main"));
}

TEST(SubjectTest, DeliveryComesFromTheSubject) {
  EXPECT_EQ(DeliveryOf("cotal.s.chat.UA.a"), Delivery::kChannel);
  EXPECT_EQ(DeliveryOf("cotal.s.inst.UB.UA"), Delivery::kDm);
  EXPECT_EQ(DeliveryOf("cotal.s.svc.role.UA"), Delivery::kAnycast);
  EXPECT_EQ(DeliveryOf("cotal.s.ctl.self.UA"), std::nullopt);
  EXPECT_EQ(DeliveryOf("_INBOX.x"), std::nullopt);
}

TEST(SubjectTest, NamesAreThoseOfTheWire) {
  EXPECT_EQ(NameOf(SubjectKind::kChat), "chat");
  EXPECT_EQ(NameOf(SubjectKind::kCtl), "ctl");
  EXPECT_EQ(NameOf(Delivery::kChannel), "channel");
  EXPECT_EQ(NameOf(Delivery::kDm), "dm");
  EXPECT_EQ(NameOf(Delivery::kAnycast), "anycast");
}

TEST(SubjectTest, WildcardsMatchWholeTokens) {
  EXPECT_TRUE(SubjectMatches("a.*.c", "a.b.c"));
  EXPECT_TRUE(SubjectMatches("a.>", "a.b.c"));
  EXPECT_FALSE(SubjectMatches("a.*", "a.b.c"));
  EXPECT_FALSE(SubjectMatches("a*", "ab"));
  EXPECT_FALSE(SubjectMatches("a.b", "a"));
}

TEST(SubjectTest, RestWildcardNeedsAToken) {
  EXPECT_FALSE(SubjectMatches("a.>", "a"));
  EXPECT_TRUE(SubjectMatches("a.>", "a.b"));
  EXPECT_FALSE(SubjectMatches("*.>", "a"));
}

}  // namespace
}  // namespace meshwarden::subject_test
