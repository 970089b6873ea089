// E9: multicast, unicast and anycast.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SendingTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, SendingTest, kBothModes, kModeName);

TEST_P(SendingTest, E9_EachKindReachesItsReceiverAndSaysWhichItIs) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Content content = Text("hello");
  content.mentions = {" Bob ", "bob"};
  content.reply_to = "0d8e6a3c-6b3c-4d6a-9d58-0a3f3b0c8f11";
  content.context_id = "ctx-1";
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage sent, ada->endpoint->Multicast(content));
  ASSERT_THAT(bob->Texts(1), ElementsAre("hello"));
  const ReceivedMessage got = bob->messages.Await(1).front();
  EXPECT_EQ(got.message, sent);
  EXPECT_EQ(got.kind, Delivery::kChannel);
  EXPECT_FALSE(got.historical);
  EXPECT_THAT(got.message.mentions, ElementsAre("bob"));
  EXPECT_EQ(got.message.destination.name, "general");

  ASSERT_THAT(ada->endpoint->Unicast(bob->endpoint->id(), Text("psst")), IsOk());
  ASSERT_THAT(bob->Texts(2), ElementsAre("hello", "psst"));
  EXPECT_EQ(bob->messages.Await(2).back().kind, Delivery::kDm);
  ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text("please")), IsOk());
  ASSERT_THAT(bob->Texts(3), ElementsAre("hello", "psst", "please"));
  EXPECT_EQ(bob->messages.Await(3).back().kind, Delivery::kAnycast);
}

TEST_P(SendingTest, E9_APatternIsNoChannelToSendTo) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const auto sent = ada->endpoint->Multicast(Text("x"), "team.>");
  EXPECT_EQ(sent.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sent.status().message()), HasSubstr("pattern"));
}

}  // namespace
}  // namespace meshwarden::testing
