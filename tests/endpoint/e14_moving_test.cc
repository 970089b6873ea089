// E14: moving the filter, which an agent asks a manager for; and E13, what a refused move leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e14_moving_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MediatedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter("bob"));
  }
  void ExpectUnchanged() {
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
    EXPECT_THAT(*space_->FilterOf(bob_->endpoint->id()), ElementsAre("general"));
    ASSERT_THAT(space_->Post("secret", "unheard"), IsOk());
    ASSERT_THAT(space_->Post("general", "heard"), IsOk());
    EXPECT_THAT(bob_->Texts(1), ElementsAre("heard"));
  }
  std::unique_ptr<TestSpace> space_;
  std::unique_ptr<Member> bob_;
};

TEST_F(MediatedTest, E13_ARefusedJoinLeavesAllAsItWasAndGivesTheManagersReason) {
  ASSERT_THAT(space_->StartManager(), IsOk());
  const auto refused = bob_->endpoint->JoinChannel("secret");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("secret"));
  ExpectUnchanged();
}

TEST_F(MediatedTest, E14_WithoutAManagerTheSetIsFixed) {
  const auto refused = bob_->endpoint->JoinChannel("ops");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                ::testing::Eq("cannot change channels at runtime: no privileged provisioner "
                                              "(manager) is serving the mesh — this session is fixed to its "
                                              "boot subscribe set")));
  ExpectUnchanged();
  // It comes back, and all is well.
  ASSERT_THAT(space_->StartManager(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
}

}  // namespace
}  // namespace meshwarden::testing::e14_moving_test
