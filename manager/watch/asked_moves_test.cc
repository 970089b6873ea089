#include "manager/watch/asked_moves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace meshwarden::asked_moves_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

AskedMoves::Time At(int ms) { return AskedMoves::Time(milliseconds(ms)); }

TEST(AskedMoves, EachCountsUntilItIsOver) {
  AskedMoves moves;
  EXPECT_TRUE(moves.empty());
  moves.Add(51, "mallory", At(0));
  moves.Add(71, "", At(10));
  EXPECT_TRUE(moves.Include(51));
  EXPECT_TRUE(moves.Include(71));
  EXPECT_FALSE(moves.Include(61));
  moves.Forget(At(5));
  EXPECT_FALSE(moves.Include(51));
  EXPECT_TRUE(moves.Include(71));
  moves.Forget(At(11));
  EXPECT_TRUE(moves.empty());
}

TEST(AskedMoves, AskedForAgainItIsNew) {
  AskedMoves moves;
  moves.Add(51, "mallory", At(0));
  moves.Add(51, "mallory", At(10));
  moves.Forget(At(5));
  EXPECT_TRUE(moves.Include(51));
}

TEST(AskedMoves, WhereNoPlaceIsToldNoneIsAskedFor) {
  AskedMoves moves;
  moves.Add(std::nullopt, "mallory", At(0));
  EXPECT_FALSE(moves.empty());
  EXPECT_FALSE(moves.Include(0));
}

TEST(AskedMoves, NameWhoAskedForThatPlaceOrElseWhoAsked) {
  AskedMoves moves;
  moves.Add(51, "mallory", At(0));
  moves.Add(51, "", At(0));
  moves.Add(71, "trudy", At(0));
  EXPECT_THAT(moves.By(51), ElementsAre("mallory"));
  EXPECT_THAT(moves.By(71), ElementsAre("trudy"));
  EXPECT_THAT(moves.By(61), ElementsAre("mallory", "trudy"));
  EXPECT_THAT(AskedMoves().By(51), IsEmpty());
}

// Whoever asks for very many must not hide one of them.
TEST(AskedMoves, WithMoreThanThereIsRoomForEveryPlaceIsAskedFor) {
  AskedMoves moves;
  for (std::size_t i = 0; i < AskedMoves::kMost; ++i) moves.Add(i + 1, "mallory", At(0));
  EXPECT_FALSE(moves.Include(1'000));
  moves.Add(5, "mallory", At(10));
  EXPECT_FALSE(moves.Include(1'000));
  moves.Add(2'000, "mallory", At(10));
  EXPECT_TRUE(moves.Include(1'000));
  moves.Forget(At(10));
  EXPECT_TRUE(moves.Include(1'000));
  moves.Forget(At(11));
  EXPECT_TRUE(moves.empty());
  EXPECT_FALSE(moves.Include(1'000));
}

}  // namespace
}  // namespace meshwarden::asked_moves_test
