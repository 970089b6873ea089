// The books themselves: what is lost or comes twice must show.
#include "tests/soak/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshwarden::testing {
namespace {

constexpr Lane kGeneral{.flow = Flow::kGeneral, .sender = 0, .target = 0};
constexpr Lane kRoom{.flow = Flow::kRoom, .sender = 0, .target = 7};
constexpr Lane kDm{.flow = Flow::kDm, .sender = 0, .target = 2};
constexpr Lane kTask{.flow = Flow::kTask, .sender = 0, .target = 0};

// Endpoints 0 and 1 talk; 2 and 3 are members of the role.
class LedgerTest : public ::testing::Test {
 protected:
  SoakMessage Publish(const Lane& lane) {
    const SoakMessage message = ledger_.Begin(lane);
    ledger_.Confirmed(message);
    return message;
  }
  Ledger ledger_{4, 2};
};

TEST_F(LedgerTest, IdTellsTheMessage) {
  const SoakMessage message{.lane = {.flow = Flow::kDm, .sender = 19, .target = 300}, .seq = 70'000};
  const std::string id = IdOf(message);
  EXPECT_EQ(id.size(), 36u);
  const auto back = MessageOfId(id);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->lane, message.lane);
  EXPECT_EQ(back->seq, 70'000u);
  EXPECT_FALSE(MessageOfId("bdd096e1-5303-4525-9c5e-b3111287a323").has_value());
}

TEST_F(LedgerTest, GeneralIsOwedToAllOthers) {
  const SoakMessage message = Publish(kGeneral);
  EXPECT_EQ(ledger_.OwedElsewhere(), 3u);
  for (std::size_t i = 1; i < 4; ++i) ledger_.Received(i, message);
  EXPECT_EQ(ledger_.OwedElsewhere(), 0u);
  EXPECT_EQ(ledger_.Figures().duplicated, 0u);
}

TEST_F(LedgerTest, LostMessageStaysOwedWhateverCameAfterIt) {
  Publish(kDm);
  ledger_.Received(2, Publish(kDm));
  EXPECT_EQ(ledger_.OwedElsewhere(), 1u);
  EXPECT_EQ(ledger_.Backlog(kDm), 2u);
}

TEST_F(LedgerTest, SecondHandingOverIsADuplicate) {
  const SoakMessage message = Publish(kDm);
  ledger_.Received(2, message);
  ledger_.Received(2, message);
  EXPECT_EQ(ledger_.Figures().duplicated, 1u);
  EXPECT_THAT(ledger_.Figures().example, ::testing::HasSubstr("endpoint 2: duplicated"));
}

TEST_F(LedgerTest, UnknownIsOwedToNobodyButMustNotComeTwice) {
  const SoakMessage message = ledger_.Begin(kDm);
  EXPECT_EQ(ledger_.OwedElsewhere(), 1u) << "still being published";
  ledger_.Unknown(message);
  EXPECT_EQ(ledger_.OwedElsewhere(), 0u);
  ledger_.Received(2, message);
  EXPECT_EQ(ledger_.Figures().duplicated, 0u);
  ledger_.Received(2, message);
  EXPECT_EQ(ledger_.Figures().duplicated, 1u);
}

TEST_F(LedgerTest, RoomIsOwedToItsMembersFromItsFirstMessageOn) {
  const SoakMessage message = Publish(kRoom);
  EXPECT_EQ(ledger_.OwedInRoom(7), 0u);
  ledger_.Joined(0, 7);
  ledger_.Joined(1, 7);
  ledger_.Joined(2, 7);
  EXPECT_EQ(ledger_.OwedInRoom(7), 2u) << "not to its sender";
  EXPECT_EQ(ledger_.OwedInRoom(8), 0u);
  ledger_.Received(1, message);
  ledger_.Left(2, 7);
  EXPECT_EQ(ledger_.OwedInRoom(7), 0u);
}

TEST_F(LedgerTest, TaskIsOwedToOneMemberAndASecondIsCounted) {
  const SoakMessage message = Publish(kTask);
  EXPECT_EQ(ledger_.OwedElsewhere(), 1u);
  ledger_.Received(2, message);
  EXPECT_EQ(ledger_.OwedElsewhere(), 0u);
  ledger_.Received(3, message);
  EXPECT_EQ(ledger_.Figures().redone, 1u);
  EXPECT_EQ(ledger_.Figures().duplicated, 0u);
}

TEST_F(LedgerTest, MessageForAnotherOrNeverSentHasStrayed) {
  ledger_.Received(3, Publish(kDm));
  ledger_.Received(0, Publish(kGeneral));
  ledger_.Received(1, Publish(kTask));
  ledger_.Received(1, {.lane = kGeneral, .seq = 99});
  EXPECT_EQ(ledger_.Figures().strayed, 4u);
}

}  // namespace
}  // namespace meshwarden::testing
