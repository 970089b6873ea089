// E17: reading a channel back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e17_recall_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecallTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter("bob"));
  }
  std::uint64_t Post(const std::string& channel, const std::string& text,
                     const std::string& sender = "PEER") {
    const auto seq = space_->Store(fmt::format("cotal.main.chat.{}.{}", sender, channel),
                                   PeerMessage(sender, channel, text));
    EXPECT_THAT(seq, IsOk());
    return seq.value_or(0);
  }
  static std::vector<std::string> TextsOf(const Recalled& recalled) {
    std::vector<std::string> texts;
    for (const MeshMessage& message : recalled.messages) texts.push_back(TextOf(message));
    return texts;
  }
  std::unique_ptr<Member> bob_;
};
INSTANTIATE_TEST_SUITE_P(, RecallTest, kBothModes, kModeName);

TEST_P(RecallTest, E17_BringsWhatCameAfterASequenceWithoutOwnAndForgedOnes) {
  Post("ops", "one");
  const std::uint64_t second = Post("ops", "two");
  Post("quiet", "elsewhere");
  Post("ops", "three");
  ASSERT_THAT(bob_->endpoint->Multicast(Text("mine"), "ops"), IsOk());
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.ops", PeerMessage("VICTIM", "ops", "forged")), IsOk());
  Post("ops", "four");
  MW_ASSERT_OK_AND_ASSIGN(const Recalled all, bob_->endpoint->RecallChannel("ops", 0));
  EXPECT_THAT(TextsOf(all), ElementsAre("one", "two", "three", "four"));
  EXPECT_FALSE(all.dropped);
  MW_ASSERT_OK_AND_ASSIGN(const Recalled since, bob_->endpoint->RecallChannel("ops", second));
  EXPECT_THAT(TextsOf(since), ElementsAre("three", "four"));
  MW_ASSERT_OK_AND_ASSIGN(const std::uint64_t frontier, bob_->endpoint->ChatFrontier());
  MW_ASSERT_OK_AND_ASSIGN(const Recalled nothing, bob_->endpoint->RecallChannel("ops", frontier));
  EXPECT_THAT(nothing.messages, IsEmpty());
  // Nothing of it reaches the handler.
  EXPECT_THAT(bob_->messages.Await(0), IsEmpty());
}

TEST_P(RecallTest, E17_IsGatedByReplayAndNotMeantForPatterns) {
  Post("quiet", "unheard");
  Post("team.a", "unheard");
  MW_ASSERT_OK_AND_ASSIGN(const Recalled open, bob_->endpoint->RecallChannel("quiet", 0));
  EXPECT_THAT(open.messages, SizeIs(1));
  ChannelConfig closed;
  closed.replay = false;
  ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelConfig("quiet", closed), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const Recalled gated, bob_->endpoint->RecallChannel("quiet", 0));
  EXPECT_THAT(gated.messages, IsEmpty());
  EXPECT_FALSE(gated.dropped);
  MW_ASSERT_OK_AND_ASSIGN(const Recalled pattern, bob_->endpoint->RecallChannel("team.>", 0));
  EXPECT_THAT(pattern.messages, IsEmpty());
}

TEST_P(RecallTest, E17_TellsThatTheBrokerHasLetGoOfSome) {
  Post("quiet", "before");
  const std::uint64_t first = Post("ops", "0");
  for (int i = 1; i < 999; ++i) Post("ops", fmt::format("{}", i));
  // One below the cap: nothing was let go of, though the first one kept is not the first of the stream.
  MW_ASSERT_OK_AND_ASSIGN(const Recalled below, bob_->endpoint->RecallChannel("ops", 0));
  EXPECT_FALSE(below.dropped);
  for (int i = 999; i < 1003; ++i) Post("ops", fmt::format("{}", i));
  MW_ASSERT_OK_AND_ASSIGN(const Recalled dropped, bob_->endpoint->RecallChannel("ops", 0));
  EXPECT_TRUE(dropped.dropped);
  ASSERT_THAT(dropped.messages, SizeIs(1000));
  EXPECT_EQ(TextOf(dropped.messages.front()), "3");
  // The oldest kept one is the next after it: all that was asked for is there.
  MW_ASSERT_OK_AND_ASSIGN(const Recalled from_third, bob_->endpoint->RecallChannel("ops", first + 2));
  EXPECT_FALSE(from_third.dropped);
  EXPECT_THAT(from_third.messages, SizeIs(1000));
  MW_ASSERT_OK_AND_ASSIGN(const Recalled from_second, bob_->endpoint->RecallChannel("ops", first + 1));
  EXPECT_TRUE(from_second.dropped);
}

// So many kept messages need more than a hundred senders.
TEST(Recall, E17_MoreThanOneCallBringsIsAnError) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kOpen));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space->Enter("bob"));
  constexpr int kBound = 100'000;
  constexpr int kEach = 1000;
  for (int i = 0; i <= kBound; ++i) {
    const std::string sender = fmt::format("S{}", i / kEach);
    ASSERT_THAT(
        space->root().Publish(fmt::format("cotal.main.chat.{}.ops", sender), PeerMessage(sender, "ops", "x")),
        IsOk());
    if (i % kEach == 0) {
      ASSERT_THAT(space->root().Flush(kPatience), IsOk());
    }
  }
  ASSERT_TRUE(Eventually([&] {
    const auto frontier = bob->endpoint->ChatFrontier();
    return frontier.ok() && *frontier == kBound + 1;
  }));
  EXPECT_THAT(bob->endpoint->RecallChannel("ops", 0),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("\"ops\""), HasSubstr("100000"), HasSubstr("later sequence"))));
  // Just as many as one call brings.
  MW_ASSERT_OK_AND_ASSIGN(const Recalled recalled, bob->endpoint->RecallChannel("ops", 1));
  EXPECT_THAT(recalled.messages, SizeIs(kBound));
}

}  // namespace
}  // namespace meshwarden::testing::e17_recall_test
