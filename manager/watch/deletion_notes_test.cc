#include "manager/watch/deletion_notes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace meshwarden::deletion_notes_test {
namespace {

using std::chrono::milliseconds;

DeletionNotes::Time At(int ms) { return DeletionNotes::Time(milliseconds(ms)); }

TEST(DeletionNotes, TellWhoAskedLast) {
  DeletionNotes notes;
  EXPECT_EQ(notes.UserOf("bob", At(0)), std::nullopt);
  notes.Note("bob", "somebody", At(0));
  EXPECT_EQ(notes.UserOf("bob", At(1)), "somebody");
  EXPECT_EQ(notes.UserOf("cy", At(1)), std::nullopt);
  notes.Note("bob", "", At(2));
  EXPECT_EQ(notes.UserOf("bob", At(3)), "");
  notes.Forget("bob");
  EXPECT_EQ(notes.UserOf("bob", At(3)), std::nullopt);
}

TEST(DeletionNotes, WhoAskedLongAgoIsNotWhoDeletesNow) {
  DeletionNotes notes;
  notes.Note("bob", "bob", At(0));
  EXPECT_EQ(notes.UserOf("bob", At(4'999)), "bob");
  EXPECT_EQ(notes.UserOf("bob", At(5'000)), std::nullopt);
}

TEST(DeletionNotes, AreBounded) {
  DeletionNotes notes;
  notes.Note("old", "user", At(0));
  for (std::size_t i = 1; i < DeletionNotes::kMost; ++i) notes.Note(fmt::format("{}", i), "user", At(5'000));
  notes.Note("next", "user", At(5'001));
  // What is old goes first.
  EXPECT_EQ(notes.UserOf("1", At(5'002)), "user");
  notes.Note("more", "user", At(5'002));
  EXPECT_EQ(notes.UserOf("1", At(5'003)), std::nullopt);
  EXPECT_EQ(notes.UserOf("more", At(5'003)), "user");
}

}  // namespace
}  // namespace meshwarden::deletion_notes_test
