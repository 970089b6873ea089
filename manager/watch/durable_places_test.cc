#include "manager/watch/durable_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "manager/watch/asked_moves.h"

namespace meshwarden::durable_places_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One request to move, to there.
AskedMoves Asked(std::uint64_t next_seq) {
  AskedMoves asked;
  asked.Add(next_seq, "", {});
  return asked;
}

// What the broker says of the durable "d".
struct Word {
  std::uint64_t deliveries;
  std::uint64_t position;
  std::uint64_t ack_floor;
  std::string policy = "all";
  std::string created = "then";
};
ConsumerInfo Info(const Word& word, const std::string& name = "d") {
  ConsumerInfo info;
  info.name = name;
  info.created = word.created;
  info.delivered_consumer_seq = word.deliveries;
  info.delivered_stream_seq = word.position;
  info.ack_floor_stream_seq = word.ack_floor;
  info.config.deliver_policy = word.policy;
  return info;
}

class DurablePlacesTest : public ::testing::Test {
 protected:
  std::optional<std::uint64_t> Take(const Word& word, const AskedMoves& asked = {}) {
    return places_.Take(Info(word), asked);
  }
  std::optional<std::uint64_t> settled() { return places_.Find("d")->settled; }

  DurablePlaces places_;
};

TEST_F(DurablePlacesTest, KnowsWhereADurableStands) {
  EXPECT_EQ(places_.Find("d"), nullptr);
  EXPECT_EQ(Take({.deliveries = 5, .position = 9, .ack_floor = 7}), std::nullopt);
  EXPECT_EQ(settled(), 7u);
  EXPECT_EQ(Take({.deliveries = 6, .position = 12, .ack_floor = 12}), std::nullopt);
  EXPECT_EQ(settled(), 12u);
}

TEST_F(DurablePlacesTest, OneThatHasDeliveredNothingStandsWhereItBegins) {
  EXPECT_EQ(Take({.deliveries = 0, .position = 7, .ack_floor = 0, .policy = "new"}), std::nullopt);
  EXPECT_EQ(settled(), 7u);
}

// 2.10 knows no floor before the first acknowledgement.
TEST_F(DurablePlacesTest, KeepsAFloorThatTheBrokerDoesNotTell) {
  Take({.deliveries = 0, .position = 7, .ack_floor = 0, .policy = "new"});
  Take({.deliveries = 3, .position = 10, .ack_floor = 0, .policy = "new"});
  EXPECT_EQ(settled(), 7u);
  // Met for the first time, it may have begun anywhere; one that delivers all has begun at the beginning.
  places_.Forget("d");
  Take({.deliveries = 3, .position = 10, .ack_floor = 0, .policy = "new"});
  EXPECT_EQ(settled(), std::nullopt);
  places_.Forget("d");
  Take({.deliveries = 3, .position = 10, .ack_floor = 0, .policy = "all"});
  EXPECT_EQ(settled(), 0u);
}

TEST_F(DurablePlacesTest, AMovePastWhatIsNotSettledTellsThePlaceThatItHad) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  EXPECT_EQ(Take({.deliveries = 0, .position = 50, .ack_floor = 50}, Asked(51)), 7u);
  // Until it has its place again, it does not count where it stands.
  EXPECT_EQ(settled(), 7u);
  EXPECT_EQ(Take({.deliveries = 1, .position = 51, .ack_floor = 51}, Asked(51)), 7u);
  places_.MovedTo("d", 8);
  EXPECT_EQ(Take({.deliveries = 2, .position = 9, .ack_floor = 9}, Asked(51)), std::nullopt);
  EXPECT_EQ(settled(), 9u);
}

TEST_F(DurablePlacesTest, AMoveOfOneThatNeverDeliveredIsKnownByWhereItWent) {
  Take({.deliveries = 0, .position = 0, .ack_floor = 0});
  EXPECT_EQ(Take({.deliveries = 0, .position = 50, .ack_floor = 50}, Asked(51)), 0u);
  // Control: it may go on by itself, over messages of others.
  EXPECT_EQ(Take({.deliveries = 0, .position = 30, .ack_floor = 30}, Asked(51)), std::nullopt);
}

TEST_F(DurablePlacesTest, OfTwoThatWentToDifferentPlacesBothAreKnown) {
  const Word begin{.deliveries = 0, .position = 0, .ack_floor = 0};
  places_.Take(Info(begin, "d"));
  places_.Take(Info(begin, "e"));
  places_.Take(Info(begin, "f"));
  AskedMoves asked = Asked(51);
  asked.Add(71, "", {});
  EXPECT_EQ(places_.Take(Info({.deliveries = 0, .position = 50, .ack_floor = 50}, "d"), asked), 0u);
  EXPECT_EQ(places_.Take(Info({.deliveries = 0, .position = 70, .ack_floor = 70}, "e"), asked), 0u);
  EXPECT_EQ(places_.Take(Info({.deliveries = 0, .position = 60, .ack_floor = 60}, "f"), asked), std::nullopt);
}

TEST_F(DurablePlacesTest, WhereMoreWasAskedForThanIsRememberedEveryJumpIsAMove) {
  Take({.deliveries = 0, .position = 0, .ack_floor = 0});
  AskedMoves asked;
  for (std::uint64_t i = 0; i <= AskedMoves::kMost; ++i) asked.Add(1'000 + i, "", {});
  EXPECT_EQ(Take({.deliveries = 0, .position = 50, .ack_floor = 50}, asked), 0u);
}

TEST_F(DurablePlacesTest, WithoutARequestToMoveNothingIsAMove) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  // A broker that was killed may have forgotten what it delivered.
  EXPECT_EQ(Take({.deliveries = 0, .position = 50, .ack_floor = 50}), std::nullopt);
  EXPECT_EQ(settled(), 50u);
}

TEST_F(DurablePlacesTest, AMoveBackLosesNothing) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  EXPECT_EQ(Take({.deliveries = 0, .position = 2, .ack_floor = 2}, Asked(3)), std::nullopt);
}

TEST_F(DurablePlacesTest, WhatDeliversOnWasNotMoved) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  EXPECT_EQ(Take({.deliveries = 9, .position = 60, .ack_floor = 60}, Asked(51)), std::nullopt);
  EXPECT_EQ(settled(), 60u);
}

TEST_F(DurablePlacesTest, OneThatWasMadeAnewIsAnother) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  EXPECT_EQ(Take({.deliveries = 0, .position = 50, .ack_floor = 50, .created = "now"}, Asked(51)),
            std::nullopt);
  EXPECT_EQ(settled(), 50u);
}

TEST_F(DurablePlacesTest, WhoeverMayMovesItAndItCountsAsThere) {
  Take({.deliveries = 5, .position = 9, .ack_floor = 7});
  places_.MovedTo("d", 31);
  EXPECT_EQ(settled(), 30u);
  EXPECT_EQ(Take({.deliveries = 0, .position = 30, .ack_floor = 30}, Asked(51)), std::nullopt);
  places_.MovedTo("unknown", 31);
  EXPECT_EQ(places_.Find("unknown"), nullptr);
}

TEST_F(DurablePlacesTest, ALookTellsWhatItDidNotMeetUntilThatIsForgotten) {
  places_.Begin();
  Take({.deliveries = 0, .position = 0, .ack_floor = 0});
  places_.Take(Info({.deliveries = 0, .position = 0, .ack_floor = 0}, "e"));
  EXPECT_THAT(places_.End(), IsEmpty());
  for (int look = 0; look < 2; ++look) {
    places_.Begin();
    Take({.deliveries = 0, .position = 0, .ack_floor = 0});
    EXPECT_THAT(places_.End(), ElementsAre("e"));
  }
  EXPECT_NE(places_.Find("e"), nullptr);
  places_.Forget("e");
  EXPECT_EQ(places_.Find("e"), nullptr);
}

TEST_F(DurablePlacesTest, RemembersWhatItTakesToMakeOneAnew) {
  ConsumerInfo info = Info({.deliveries = 0, .position = 7, .ack_floor = 7});
  info.num_waiting = 3;
  info.config.deliver_policy = "by_start_sequence";
  info.config.filter_subjects = {"cotal.main.chat.*.general"};
  places_.Take(info);
  EXPECT_EQ(places_.Find("d")->waiting, 3u);
  EXPECT_TRUE(places_.Find("d")->made_anew);
  EXPECT_THAT(places_.Find("d")->filters, ElementsAre("cotal.main.chat.*.general"));
}

}  // namespace
}  // namespace meshwarden::durable_places_test
