// E12: somebody else moves the filter of an endpoint that is bound: another endpoint under the same id, a
// launcher, an operator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e12_foreign_moves_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Channels = std::vector<std::string>;

class ForeignMoveTest : public BothModes {
 protected:
  // The endpoint looks at its filter after eight of them.
  explicit ForeignMoveTest(milliseconds heartbeat = milliseconds(50)) : heartbeat_(heartbeat) {}
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BothModes::SetUp());
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    options.heartbeat = heartbeat_;
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
    ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  }
  Channels Filter() { return space_->FilterOf(bob_->endpoint->id()).value_or(Channels{}); }
  bool AwaitFilter(const Channels& channels) {
    return Eventually([&] { return Filter() == channels; });
  }
  absl::Status MoveByHand(const Channels& channels) {
    return space_->MoveFilterOf(bob_->endpoint->id(), channels);
  }
  // Takes "ops" out, and publishes to it what bob then misses; what is settled later says nothing of that.
  void TakeOpsOut() {
    ASSERT_THAT(MoveByHand({"general"}), IsOk());
    ASSERT_THAT(space_->Post("ops", "missed"), IsOk());
    ASSERT_THAT(space_->Post("general", "later"), IsOk());
    ASSERT_TRUE(bob_->AwaitText("later"));
  }
  std::ptrdiff_t CountErrors(const std::string& part) {
    const auto errors = bob_->errors.Await(0);
    return std::count_if(errors.begin(), errors.end(),
                         [&](const absl::Status& error) { return error.ToString().find(part) != part.npos; });
  }

  // By default the filter is looked at more than twice in that time.
  static constexpr milliseconds kSomeLooks{1500};
  const milliseconds heartbeat_;
  std::unique_ptr<Member> bob_;
};

class OpenForeignMoveTest : public ForeignMoveTest {};
INSTANTIATE_TEST_SUITE_P(, OpenForeignMoveTest, ::testing::Values(Mode::kOpen), kModeName);
class AuthForeignMoveTest : public ForeignMoveTest {};
INSTANTIATE_TEST_SUITE_P(, AuthForeignMoveTest, ::testing::Values(Mode::kAuth), kModeName);

// Whose filter is not looked at by itself in the time of a test.
class UnseenMoveTest : public ForeignMoveTest {
 protected:
  UnseenMoveTest() : ForeignMoveTest(std::chrono::minutes(1)) {}
};
INSTANTIATE_TEST_SUITE_P(, UnseenMoveTest, ::testing::Values(Mode::kAuth), kModeName);

TEST_P(UnseenMoveTest, E13_WhatSomebodyTookOutAMomentAgoIsNotJoinedAlready) {
  ASSERT_THAT(MoveByHand({"general"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(JoinResult joined, bob_->endpoint->JoinChannel("ops"));
  EXPECT_TRUE(joined.joined);
  EXPECT_EQ(Filter(), Channels({"general", "ops"}));
  MW_ASSERT_OK_AND_ASSIGN(joined, bob_->endpoint->JoinChannel("ops"));
  EXPECT_FALSE(joined.joined);
}

TEST_P(OpenForeignMoveTest, E12_WhatSomebodyElseTookOutComesBackWithWhatWasMissed) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  EXPECT_TRUE(AwaitFilter({"general", "ops"}));
  EXPECT_TRUE(bob_->AwaitError("another endpoint under this id"));
  ASSERT_TRUE(bob_->AwaitText("missed"));
  ASSERT_THAT(space_->Post("ops", "live"), IsOk());
  EXPECT_THAT(bob_->Texts(3), UnorderedElementsAre("later", "missed", "live"));
}

// Each time: it is told each time, too.
TEST_P(OpenForeignMoveTest, E12_WhatSomebodyElsePutInIsTakenOut) {
  for (int time = 1; time <= 2; ++time) {
    ASSERT_THAT(MoveByHand({"general", "ops", "quiet"}), IsOk());
    EXPECT_TRUE(AwaitFilter({"general", "ops"}));
    EXPECT_TRUE(Eventually([&] { return CountErrors("another endpoint under this id") == time; }));
  }
  ASSERT_THAT(space_->Post("ops", "wanted"), IsOk());
  EXPECT_THAT(bob_->Texts(1), ElementsAre("wanted"));
}

TEST_P(AuthForeignMoveTest, E12_WhatALauncherTookOutIsToldOnceAndNotAskedFor) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  EXPECT_FALSE(Eventually([&] { return Filter() != Channels({"general"}); }, kSomeLooks));
  EXPECT_EQ(CountErrors("nothing arrives live"), 1);
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
}

TEST_P(AuthForeignMoveTest, E12_WhatALauncherPutBackComesWithWhatWasMissed) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  ASSERT_THAT(MoveByHand({"general", "ops"}), IsOk());
  ASSERT_TRUE(bob_->AwaitText("missed"));
  ASSERT_THAT(space_->Post("ops", "live"), IsOk());
  EXPECT_THAT(bob_->Texts(3), ElementsAre("later", "missed", "live"));
  EXPECT_EQ(CountErrors("another endpoint"), 0);
}

// A move asks for all that is joined.
TEST_P(AuthForeignMoveTest, E12_TheNextMoveBringsBackWhatALauncherTookOut) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  ASSERT_THAT(bob_->endpoint->JoinChannel("quiet"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("general", "ops", "quiet"));
  EXPECT_TRUE(bob_->AwaitText("missed"));
  EXPECT_EQ(CountErrors("nothing arrives live"), 1);
}

TEST_P(AuthForeignMoveTest, E12_ARefusedJoinDoesNotHideWhatWasMissed) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  space_->KillManager();
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(MoveByHand({"general", "ops"}), IsOk());
  EXPECT_TRUE(bob_->AwaitText("missed"));
}

TEST_P(AuthForeignMoveTest, E12_WhatALauncherTookOutAgainIsToldAgain) {
  for (int time = 1; time <= 2; ++time) {
    ASSERT_THAT(MoveByHand({"general"}), IsOk());
    ASSERT_TRUE(Eventually([&] { return CountErrors("nothing arrives live from ops") == time; }));
    MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob_->endpoint->JoinChannel("ops"));
    EXPECT_TRUE(joined.joined);
  }
}

class ForeignMoveBetweenLooksTest : public ForeignMoveTest {
 protected:
  ForeignMoveBetweenLooksTest() : ForeignMoveTest(std::chrono::seconds(10)) {}
};
INSTANTIATE_TEST_SUITE_P(, ForeignMoveBetweenLooksTest, kBothModes, kModeName);

TEST_P(ForeignMoveBetweenLooksTest, E12_AMoveOfOurOwnBringsWhatWasMissed) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_THAT(bob_->endpoint->JoinChannel("quiet"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("general", "ops", "quiet"));
  EXPECT_TRUE(bob_->AwaitText("missed"));
}

class AuthForeignMoveBetweenLooksTest : public ForeignMoveBetweenLooksTest {};
INSTANTIATE_TEST_SUITE_P(, AuthForeignMoveBetweenLooksTest, ::testing::Values(Mode::kAuth), kModeName);

TEST_P(AuthForeignMoveBetweenLooksTest, E12_ABindLooksToo) {
  ASSERT_NO_FATAL_FAILURE(TakeOpsOut());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  ASSERT_THAT(MoveByHand({"general", "ops"}), IsOk());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_TRUE(bob_->AwaitText("missed"));
}

}  // namespace
}  // namespace meshwarden::testing::e12_foreign_moves_test
