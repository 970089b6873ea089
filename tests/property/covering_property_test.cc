// The covering relation against brute force, over every pair of small patterns.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "proto/channel_pattern.h"
#include "proto/subject.h"
#include "tests/property/small_world.h"

namespace meshwarden {
namespace {

using small_world::AllPatterns;
using small_world::AllSubjects;
using small_world::Contains;
using small_world::SubjectSet;
using small_world::SubjectsOf;
using Strings = std::vector<std::string>;

// One longer than what policies are checked for, which makes it more than a million pairs.
constexpr std::size_t kLongestPattern = 5;

struct PatternAndSet {
  std::string pattern;
  SubjectSet set;
};

std::vector<PatternAndSet> PatternsWithSets(std::size_t longest) {
  std::vector<PatternAndSet> all;
  for (const std::string& pattern : AllPatterns(longest)) all.push_back({pattern, SubjectsOf(pattern)});
  return all;
}

// Runs `holds` on every ordered pair of patterns; stops at the first of which it is not true.
template <typename Predicate>
std::size_t CheckPairs(const std::vector<PatternAndSet>& patterns, Predicate holds) {
  std::size_t checked = 0;
  for (const PatternAndSet& a : patterns) {
    for (const PatternAndSet& b : patterns) {
      ++checked;
      if (holds(a, b)) continue;
      ADD_FAILURE() << "wrong for \"" << a.pattern << "\" and \"" << b.pattern << "\"";
      return checked;
    }
  }
  return checked;
}

TEST(CoveringPropertyTest, CoversIsTheSubsetRelation) {
  const std::size_t checked = CheckPairs(
      PatternsWithSets(kLongestPattern), [](const PatternAndSet& wide, const PatternAndSet& narrow) {
        return PatternCovers(wide.pattern, narrow.pattern) == Contains(wide.set, narrow.set);
      });
  EXPECT_GE(checked, 1'000'000U);
}

TEST(CoveringPropertyTest, OverlapIsASharedSubject) {
  const std::size_t checked =
      CheckPairs(PatternsWithSets(kLongestPattern), [](const PatternAndSet& a, const PatternAndSet& b) {
        return PatternsOverlap(a.pattern, b.pattern) == (a.set & b.set).any();
      });
  EXPECT_GE(checked, 1'000'000U);
}

TEST(CoveringPropertyTest, TheMeetIsWhatBothMatch) {
  const std::size_t checked =
      CheckPairs(PatternsWithSets(3), [](const PatternAndSet& a, const PatternAndSet& b) {
        const std::optional<std::string> meet = MeetOfPatterns(a.pattern, b.pattern);
        return (meet.has_value() ? SubjectsOf(*meet) : SubjectSet()) == (a.set & b.set);
      });
  EXPECT_GE(checked, 5'000U);
}

TEST(CoveringPropertyTest, MatchingIsMembership) {
  for (const auto& [pattern, set] : PatternsWithSets(4)) {
    for (std::size_t i = 0; i < set.size(); ++i) {
      ASSERT_EQ(SubjectMatches(pattern, AllSubjects()[i]), set[i]) << pattern << " on " << AllSubjects()[i];
    }
  }
}

TEST(CoveringPropertyTest, CollapsedPairKeepsItsSubjects) {
  const std::size_t checked =
      CheckPairs(PatternsWithSets(4), [](const PatternAndSet& a, const PatternAndSet& b) {
        const Strings collapsed = CollapsePatterns(Strings{a.pattern, b.pattern});
        if (Contains(a.set, b.set)) return collapsed == Strings{a.pattern};
        if (Contains(b.set, a.set)) return collapsed == Strings{b.pattern};
        return collapsed == Strings{a.pattern, b.pattern};
      });
  EXPECT_GE(checked, 100'000U);
}

TEST(CoveringPropertyTest, OverlapOfACollapsedPairIsFound) {
  CheckPairs(PatternsWithSets(4), [](const PatternAndSet& a, const PatternAndSet& b) {
    const bool crossing = (a.set & b.set).any() && !Contains(a.set, b.set) && !Contains(b.set, a.set);
    return FindOverlap(CollapsePatterns(Strings{a.pattern, b.pattern})).has_value() == crossing;
  });
}

}  // namespace
}  // namespace meshwarden
