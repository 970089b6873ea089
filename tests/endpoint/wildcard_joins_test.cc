// Patterns as channels: joined beside concrete ones, with history and watermarks.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::wildcard_joins_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WildcardTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
    options.receive = false;
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(options)));
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter("bob"));
  }
  void Send(const std::string& channel, const std::string& text) {
    ASSERT_THAT(ada_->endpoint->Multicast(Text(text), channel), IsOk());
  }
  std::vector<std::string> Filter() {
    return space_->FilterOf(bob_->endpoint->id()).value_or(std::vector<std::string>{});
  }
  std::size_t Join(const std::string& channel) {
    const auto joined = bob_->endpoint->JoinChannel(channel);
    EXPECT_THAT(joined, IsOk()) << channel;
    return joined.ok() ? joined->backfilled : 0;
  }

  std::unique_ptr<Member> ada_;
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, WildcardTest, kBothModes, kModeName);

TEST_P(WildcardTest, APatternAndItsStemAreChannelsOfTheirOwn) {
  Send("team", "stem");
  Send("team.a", "one below");
  Send("team.a.b", "two below");
  EXPECT_EQ(Join("team.>"), 2u);
  EXPECT_EQ(Join("team"), 1u);
  EXPECT_THAT(bob_->Texts(3), ElementsAre("one below", "two below", "stem"));
  EXPECT_THAT(Filter(), ElementsAre("general", "team", "team.>"));
  Send("team", "live stem");
  Send("team.c", "live below");
  EXPECT_THAT(bob_->Texts(5), ElementsAre("one below", "two below", "stem", "live stem", "live below"));
  ASSERT_THAT(bob_->endpoint->LeaveChannel("team.>"), IsOkAndHolds(true));
  Send("team.a", "unheard");
  Send("team", "still");
  EXPECT_EQ(bob_->Texts(6).back(), "still");
  EXPECT_EQ(bob_->messages.Await(0).size(), 6u);
}

TEST_P(WildcardTest, AStarIsOneSegment) {
  Send("team.a", "one below");
  Send("team.a.b", "two below");
  EXPECT_EQ(Join("team.*"), 1u);
  Send("team.a.b", "live two below");
  Send("team.b", "live one below");
  EXPECT_THAT(bob_->Texts(2), ElementsAre("one below", "live one below"));
}

TEST_P(WildcardTest, TheWatermarkCoversEveryChannelOfThePattern) {
  for (int i = 0; i < 20; ++i) Send(fmt::format("team.c{}", i), "history");
  EXPECT_EQ(Join("team.>"), 20u);
  for (int i = 0; i < 20; ++i) Send(fmt::format("team.c{}", i), "live");
  EXPECT_EQ(bob_->Texts(40).size(), 40u);
  Send("general", "end");
  EXPECT_EQ(bob_->Texts(41).size(), 41u);
  std::size_t historical = 0;
  for (const ReceivedMessage& message : bob_->messages.Await(0)) {
    if (message.historical) ++historical;
    if (TextOf(message.message) == "history") {
      EXPECT_TRUE(message.historical);
    }
  }
  EXPECT_EQ(historical, 20u);
}

TEST_P(WildcardTest, ADefaultThatDeniesReplayHoldsForThePatternAndNotForANamedChannel) {
  ChannelDefaults closed;
  closed.replay = false;
  ChannelConfig open;
  open.replay = true;
  Privileged privileged(space_->root_api(), "main");
  ASSERT_THAT(privileged.SetChannelDefaults(closed), IsOk());
  ASSERT_THAT(privileged.SetChannelConfig("team.a", open), IsOk());
  Send("team.a", "before");
  EXPECT_EQ(Join("team.>"), 0u);
  EXPECT_EQ(Join("team.a"), 1u);
  Send("team.b", "live");
  EXPECT_THAT(bob_->Texts(2), ElementsAre("before", "live"));
}

TEST_P(WildcardTest, AChannelWithinAJoinedPatternChangesNoFilterAndDoublesNothing) {
  Send("team.a", "history");
  EXPECT_EQ(Join("team.>"), 1u);
  EXPECT_EQ(Join("team.a"), 0u);
  EXPECT_THAT(Filter(), ElementsAre("general", "team.>"));
  Send("team.a", "live");
  EXPECT_THAT(bob_->Texts(2), ElementsAre("history", "live"));
  // Left by its name, it is still read by the pattern; with the pattern gone, by its name.
  ASSERT_THAT(bob_->endpoint->LeaveChannel("team.>"), IsOkAndHolds(true));
  EXPECT_THAT(Filter(), ElementsAre("general", "team.a"));
  Send("team.b", "unheard");
  Send("team.a", "by name");
  EXPECT_EQ(bob_->Texts(3).back(), "by name");
}

TEST_P(WildcardTest, PatternsOfTheConfigurationAreReadFromTheStart) {
  Send("team.a", "one");
  Send("general", "two");
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.channels = {"team.>", "general"};
  if (GetParam() == Mode::kAuth) {
    ASSERT_THAT(Privileged(space_->root_api(), "main").SetChatFilterFor(options.card.id, *options.channels),
                IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto second, space_->Enter(options));
  EXPECT_THAT(second->Texts(2), ElementsAre("one", "two"));
  EXPECT_EQ(second->endpoint->DefaultChannel(), "general");
  EXPECT_THAT(second->errors.Await(0), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::testing::wildcard_joins_test
