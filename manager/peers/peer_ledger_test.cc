#include "manager/peers/peer_ledger.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/secret_token.h"

namespace meshwarden::peer_ledger_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PeerTimes kTimes{
    .fresh = milliseconds(700), .settle = milliseconds(800), .silent = milliseconds(800)};

PeerLedger::Time At(int ms) { return PeerLedger::Time(milliseconds(ms)); }

// Two managers, and an agent of each in a view that has both.
class PeerLedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; our_agent_.empty() || their_agent_.empty(); ++i) {
      const std::string id = fmt::format("U{}", i);
      (both_.OwnerOf(id)->instance == us_.instance ? our_agent_ : their_agent_) = id;
    }
  }
  PeerView View(std::uint64_t revision, std::vector<Peer> members) {
    return {.revision = 10 * revision, .number = revision, .members = std::move(members)};
  }

  // What it tells itself comes, every 100 ms.
  void HearSelf(int from, int to) {
    for (int ms = from; ms <= to; ms += 100) ledger_.HearSelf(At(ms));
  }

  const Peer us_{.instance = MakeSecretToken(), .id = "UM"};
  const Peer them_{.instance = MakeSecretToken(), .id = "UM"};
  const PeerView both_{.revision = 20, .number = 2, .members = {us_, them_}};
  std::string our_agent_;
  std::string their_agent_;
  PeerLedger ledger_{us_.instance, kTimes};
};

TEST_F(PeerLedgerTest, NobodyActsWithoutAView) { EXPECT_FALSE(ledger_.MayAct("UA", At(0))); }

TEST_F(PeerLedgerTest, WhoIsAloneActsAtOnce) {
  ledger_.TakeView(View(1, {us_}), At(0), At(10));
  EXPECT_TRUE(ledger_.MayAct("UA", At(10)));
  EXPECT_TRUE(ledger_.IsSettled(At(10)));
  EXPECT_EQ(ledger_.OtherFor("UA"), nullptr);
}

TEST_F(PeerLedgerTest, AViewIsThePresentOneForAWhileAfterItWasAskedFor) {
  ledger_.TakeView(View(1, {us_}), At(0), At(300));
  EXPECT_TRUE(ledger_.MayAct("UA", At(699)));
  EXPECT_FALSE(ledger_.MayAct("UA", At(700)));
  ledger_.TakeView(View(1, {us_}), At(690), At(900));
  EXPECT_TRUE(ledger_.MayAct("UA", At(900)));
}

TEST_F(PeerLedgerTest, AnOlderViewSaysNothing) {
  ledger_.TakeView(both_, At(0), At(100));
  ledger_.TakeView(View(1, {us_}), At(90), At(600));
  EXPECT_EQ(ledger_.view(), both_);
  EXPECT_FALSE(ledger_.MayAct(our_agent_, At(900)));
}

TEST_F(PeerLedgerTest, ABucketThatCameBackEmptyIsBelieved) {
  EXPECT_TRUE(ledger_.TakeView(View(5, {us_}), At(0), At(10)));
  // Asked for before the present view was known, it may be late; afterwards it is what there is.
  EXPECT_FALSE(ledger_.TakeView(PeerView(), At(10), At(200)));
  EXPECT_TRUE(ledger_.TakeView(PeerView(), At(11), At(200)));
  EXPECT_FALSE(ledger_.MayAct("UA", At(200)));
  EXPECT_TRUE(ledger_.TakeView(View(1, {us_}), At(300), At(300)));
  EXPECT_FALSE(ledger_.MayAct("UA", At(300)));
  ledger_.TakeView(View(1, {us_}), At(900), At(900));
  EXPECT_TRUE(ledger_.MayAct("UA", At(1100)));
}

TEST_F(PeerLedgerTest, WhatMayHaveBeenAnothersWaits) {
  ledger_.TakeView(View(1, {them_}), At(0), At(0));
  ledger_.TakeView(both_, At(100), At(100));
  EXPECT_FALSE(ledger_.MayAct(our_agent_, At(100)));
  ledger_.TakeView(both_, At(800), At(800));
  EXPECT_FALSE(ledger_.MayAct(our_agent_, At(899)));
  EXPECT_TRUE(ledger_.MayAct(our_agent_, At(900)));
}

TEST_F(PeerLedgerTest, WhatStaysOursGoesOn) {
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  ledger_.TakeView(both_, At(100), At(100));
  EXPECT_TRUE(ledger_.MayAct(our_agent_, At(100)));
}

TEST_F(PeerLedgerTest, WhatWasInHandIsFinishedWhileTheOtherWaits) {
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  ledger_.TakeView(both_, At(100), At(100));
  EXPECT_EQ(*ledger_.OtherFor(their_agent_), them_);
  EXPECT_TRUE(ledger_.MayAct(their_agent_, At(699)));
  ledger_.TakeView(both_, At(650), At(650));
  EXPECT_FALSE(ledger_.MayAct(their_agent_, At(700)));
}

TEST_F(PeerLedgerTest, WhatWentAndCameBackWaits) {
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  ledger_.TakeView(both_, At(100), At(100));
  ledger_.TakeView(View(3, {us_}), At(200), At(200));
  EXPECT_FALSE(ledger_.MayAct(their_agent_, At(200)));
  EXPECT_TRUE(ledger_.MayAct(our_agent_, At(200)));
  ledger_.TakeView(View(3, {us_}), At(900), At(900));
  EXPECT_TRUE(ledger_.MayAct(their_agent_, At(1000)));
}

TEST_F(PeerLedgerTest, AfterAViewThatWasMissedEverythingWaits) {
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  ledger_.TakeView(View(3, {us_}), At(100), At(100));
  EXPECT_FALSE(ledger_.MayAct("UA", At(100)));
  ledger_.TakeView(View(3, {us_}), At(800), At(800));
  EXPECT_TRUE(ledger_.MayAct("UA", At(900)));
}

TEST_F(PeerLedgerTest, WhoComesToWhereNobodyIsAnyMoreActsAtOnce) {
  ledger_.TakeView(View(7, {}), At(0), At(0));
  EXPECT_FALSE(ledger_.MayAct("UA", At(0)));
  ledger_.TakeView(View(8, {us_}), At(10), At(10));
  EXPECT_TRUE(ledger_.MayAct("UA", At(10)));
}

TEST_F(PeerLedgerTest, WhoIsNotHeardOfIsSilent) {
  ledger_.TakeView(both_, At(0), At(0));
  HearSelf(0, 700);
  EXPECT_THAT(ledger_.Silent(At(600)), IsEmpty());
  ledger_.TakeView(both_, At(600), At(600));
  EXPECT_THAT(ledger_.Silent(At(800)), ElementsAre(them_.instance));
  ledger_.Hear(them_.instance, At(790));
  EXPECT_THAT(ledger_.Silent(At(800)), IsEmpty());
}

TEST_F(PeerLedgerTest, WhoHasHeardNothingOfTheBrokerCallsNobodySilent) {
  ledger_.TakeView(both_, At(0), At(0));
  HearSelf(0, 5000);
  EXPECT_THAT(ledger_.Silent(At(5000)), IsEmpty());
}

TEST_F(PeerLedgerTest, WhoDoesNotHearItselfCallsNobodySilent) {
  ledger_.TakeView(both_, At(0), At(0));
  HearSelf(0, 300);
  ledger_.TakeView(both_, At(600), At(600));
  EXPECT_FALSE(ledger_.IsListening(At(700)));
  EXPECT_THAT(ledger_.Silent(At(1000)), IsEmpty());
  // From then on it listens; the others have their time.
  HearSelf(1000, 1700);
  ledger_.TakeView(both_, At(1200), At(1200));
  EXPECT_THAT(ledger_.Silent(At(1700)), IsEmpty());
  EXPECT_THAT(ledger_.Silent(At(1800)), ElementsAre(them_.instance));
}

TEST_F(PeerLedgerTest, WhoWasOutOfTouchListensAnew) {
  ledger_.TakeView(both_, At(0), At(0));
  HearSelf(0, 5700);
  ledger_.TakeView(both_, At(5000), At(5000));
  EXPECT_THAT(ledger_.Silent(At(5100)), IsEmpty());
  ledger_.TakeView(both_, At(5600), At(5600));
  EXPECT_THAT(ledger_.Silent(At(5800)), ElementsAre(them_.instance));
}

TEST_F(PeerLedgerTest, IsSettledOnceAllIsServed) {
  ledger_.TakeView(View(1, {them_}), At(0), At(0));
  EXPECT_FALSE(ledger_.IsSettled(At(100)));
  ledger_.TakeView(both_, At(200), At(200));
  EXPECT_FALSE(ledger_.IsSettled(At(300)));
  ledger_.TakeView(both_, At(900), At(900));
  EXPECT_FALSE(ledger_.IsSettled(At(1000)));
  ledger_.Hear(them_.instance, At(950));
  EXPECT_TRUE(ledger_.IsSettled(At(1000)));
  EXPECT_FALSE(ledger_.IsSettled(At(1700)));
}

TEST_F(PeerLedgerTest, ATenureLastsWhileNobodyElseHasTheAgent) {
  EXPECT_EQ(ledger_.TenureOf(our_agent_), 0U);
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  const std::uint64_t ours = ledger_.TenureOf(our_agent_);
  const std::uint64_t theirs = ledger_.TenureOf(their_agent_);
  EXPECT_NE(ours, 0U);
  EXPECT_NE(theirs, 0U);
  ledger_.TakeView(both_, At(100), At(100));
  EXPECT_EQ(ledger_.TenureOf(our_agent_), ours);
  EXPECT_EQ(ledger_.TenureOf(their_agent_), 0U);
  ledger_.TakeView(View(3, {us_}), At(200), At(200));
  EXPECT_EQ(ledger_.TenureOf(our_agent_), ours);
  EXPECT_NE(ledger_.TenureOf(their_agent_), 0U);
  EXPECT_NE(ledger_.TenureOf(their_agent_), theirs);
}

TEST_F(PeerLedgerTest, AViewThatWasMissedEndsATenure) {
  ledger_.TakeView(View(1, {us_}), At(0), At(0));
  const std::uint64_t before = ledger_.TenureOf("UA");
  ledger_.TakeView(View(3, {us_}), At(100), At(100));
  EXPECT_NE(ledger_.TenureOf("UA"), 0U);
  EXPECT_NE(ledger_.TenureOf("UA"), before);
}

TEST_F(PeerLedgerTest, AfterManyViewsATenureMayChangeButIsThere) {
  for (int i = 1; i < 100; ++i) {
    ledger_.TakeView(View(static_cast<std::uint64_t>(i), {us_}), At(i), At(i));
    EXPECT_NE(ledger_.TenureOf("UA"), 0U);
  }
}

// Three managers that come, go, are taken for gone, read late and stand still, at random: at every moment at
// most one may act for an agent.
TEST(PeerLedgerPropertyTest, NeverTwoActForOneAgent) {
  int total = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::minstd_rand random(seed);
    const auto pick = [&random](int most) {
      return static_cast<int>(random() % static_cast<unsigned>(most));
    };
    std::vector<Peer> peers;
    std::vector<PeerLedger> ledgers;
    std::vector<int> still_until(3, 0);
    struct Answer {
      int asked;
      int arrives;
      PeerView view;
    };
    std::vector<std::vector<Answer>> answers(3);
    for (int i = 0; i < 3; ++i) {
      peers.push_back({.instance = fmt::format("P{}S{}", i, seed), .id = "UM"});
      ledgers.emplace_back(peers.back().instance, kTimes);
    }
    PeerView truth;
    int acted = 0;
    for (int ms = 0; ms < 20'000; ms += 10) {
      if (pick(40) == 0) {
        const auto i = static_cast<std::size_t>(pick(3));
        const Peer& peer = peers[i];
        // Whoever comes knows what it changes.
        if (!truth.Has(peer.instance) && ledgers[i].view().revision != truth.revision) continue;
        PeerView next = truth.Has(peer.instance) ? truth.Without(peer.instance) : truth.With(peer);
        // Nobody leaves nobody behind before it has finished what it has in hand.
        if (next.members.empty()) continue;
        next.revision = truth.revision + 3;
        next.number = truth.number + 1;
        truth = next;
      }
      int acting = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        if (pick(200) == 0) still_until[i] = ms + pick(3000);
        // Standing still it does nothing; what it has read is as old as it is.
        if (ms < still_until[i]) continue;
        if (pick(15) == 0) answers[i].push_back({.asked = ms, .arrives = ms + pick(400), .view = truth});
        for (const Answer& answer : answers[i]) {
          if (answer.arrives <= ms) ledgers[i].TakeView(answer.view, At(answer.asked), At(ms));
        }
        std::erase_if(answers[i], [ms](const Answer& answer) { return answer.arrives <= ms; });
        acting += ledgers[i].MayAct("UA", At(ms)) ? 1 : 0;
      }
      ASSERT_LE(acting, 1) << "seed " << seed << " at " << ms;
      acted += acting;
    }
    total += acted;
  }
  // For a part of the time somebody does.
  EXPECT_GT(total, 200 * 100);
}

}  // namespace
}  // namespace meshwarden::peer_ledger_test
