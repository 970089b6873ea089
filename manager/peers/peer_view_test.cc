#include "manager/peers/peer_view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/secret_token.h"
#include "base/status_matchers.h"

namespace meshwarden::peer_view_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::Not;

Peer MakePeer() { return {.instance = MakeSecretToken(), .id = "UMANAGER"}; }

PeerView ViewOf(int members) {
  PeerView view{.revision = 7, .number = 2, .members = {}};
  for (int i = 0; i < members; ++i) view.members.push_back(MakePeer());
  return view;
}

TEST(PeerViewTest, EveryAgentHasOneOwner) {
  const PeerView view = ViewOf(3);
  std::map<std::string, int> agents_of;
  for (int i = 0; i < 300; ++i) {
    const Peer* owner = view.OwnerOf(fmt::format("U{}", i));
    ASSERT_NE(owner, nullptr);
    ++agents_of[owner->instance];
  }
  for (const Peer& member : view.members) EXPECT_GT(agents_of[member.instance], 50);
}

TEST(PeerViewTest, TheOrderOfMembersDoesNotMatter) {
  const PeerView view = ViewOf(2);
  const PeerView turned{.revision = 7, .number = 2, .members = {view.members[1], view.members[0]}};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*view.OwnerOf(fmt::format("U{}", i)), *turned.OwnerOf(fmt::format("U{}", i)));
  }
}

TEST(PeerViewTest, WhoGoesLeavesTheOthersTheirAgents) {
  const PeerView view = ViewOf(3);
  const std::string gone = view.members.front().instance;
  const PeerView next = view.Without(gone);
  for (int i = 0; i < 100; ++i) {
    const Peer before = *view.OwnerOf(fmt::format("U{}", i));
    if (before.instance == gone) continue;
    EXPECT_EQ(*next.OwnerOf(fmt::format("U{}", i)), before);
  }
}

TEST(PeerViewTest, NobodyOwnsWhereNobodyIs) { EXPECT_EQ(PeerView().OwnerOf("UA"), nullptr); }

TEST(PeerViewTest, WhoComesTwiceIsThereOnce) {
  const Peer peer = MakePeer();
  EXPECT_EQ(PeerView().With(peer).With(peer).members.size(), 1U);
}

TEST(PeerViewTest, IsReadAsItWasWritten) {
  const PeerView view = ViewOf(3);
  EXPECT_THAT(DecodePeerView(EncodePeerView(view), 7), IsOkAndHolds(view));
  const PeerView nobody{.revision = 9, .number = 3, .members = {}};
  EXPECT_THAT(DecodePeerView(EncodePeerView(nobody), 9), IsOkAndHolds(nobody));
}

TEST(PeerViewTest, WhatIsNoViewIsRefused) {
  const std::string token = MakeSecretToken();
  const std::string member = fmt::format(R"({{"instance":"{}","id":"U"}})", token);
  EXPECT_THAT(DecodePeerView(fmt::format(R"({{"v":1,"number":2,"members":[{}]}})", member), 1),
              ::meshwarden::testing::IsOk());
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string(R"({"v":1})"), std::string(R"({"members":[]})"),
        std::string(R"({"v":2,"number":2,"members":[]})"), std::string(R"({"v":1,"members":[]})"),
        std::string(R"({"v":1,"number":0,"members":[]})"), std::string(R"({"v":1,"number":2,"members":{}})"),
        std::string(R"({"v":1,"number":2,"members":[1]})"),
        std::string(R"({"v":1,"number":2,"members":[{"instance":"x","id":"U"}]})"),
        fmt::format(R"({{"v":1,"number":2,"members":[{{"instance":"{}","id":"a.>"}}]}})", token),
        fmt::format(R"({{"v":1,"number":2,"members":[{0},{0}]}})", member),
        EncodePeerView(ViewOf(kMaxPeers + 1))}) {
    EXPECT_THAT(DecodePeerView(text, 1), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(PeerViewTest, AnInboxCannotBeGuessed) { EXPECT_THAT(MakePeer().Inbox(), Not(MakePeer().Inbox())); }

}  // namespace
}  // namespace meshwarden::peer_view_test
