// What collapsing a list of patterns keeps and what it takes away, on random lists.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proto/channel_pattern.h"
#include "tests/property/small_world.h"

namespace meshwarden {
namespace {

using small_world::AllPatterns;
using small_world::SubjectsOf;
using Strings = std::vector<std::string>;

rc::Gen<Strings> PatternLists() {
  static const auto& patterns = *new Strings(AllPatterns(4));
  return rc::gen::container<Strings>(rc::gen::elementOf(patterns));
}

// Lists of patterns that a policy may hold: '>' only at the end.
rc::Gen<Strings> StrictLists() {
  static const auto& strict = *new Strings([] {
    Strings patterns = AllPatterns(4);
    patterns.erase(std::remove_if(patterns.begin(), patterns.end(),
                                  [](const std::string& pattern) { return !ValidateChannel(pattern).ok(); }),
                   patterns.end());
    return patterns;
  }());
  return rc::gen::container<Strings>(rc::gen::elementOf(strict));
}

bool IsSubsequence(const Strings& part, const Strings& whole) {
  auto at = whole.begin();
  for (const std::string& text : part) {
    at = std::find(at, whole.end(), text);
    if (at == whole.end()) return false;
    ++at;
  }
  return true;
}

RC_GTEST_PROP(CollapsePropertyTest, NonEmptyListStaysNonEmpty, ()) {
  const Strings patterns = *PatternLists();
  RC_ASSERT(CollapsePatterns(patterns).empty() == patterns.empty());
}

RC_GTEST_PROP(CollapsePropertyTest, SameSubjectsAreMatched, ()) {
  const Strings patterns = *PatternLists();
  RC_ASSERT(SubjectsOf(CollapsePatterns(patterns)) == SubjectsOf(patterns));
}

RC_GTEST_PROP(CollapsePropertyTest, OrderIsKept, ()) {
  const Strings patterns = *PatternLists();
  RC_ASSERT(IsSubsequence(CollapsePatterns(patterns), patterns));
}

RC_GTEST_PROP(CollapsePropertyTest, CollapsingAgainChangesNothing, ()) {
  const Strings collapsed = CollapsePatterns(*PatternLists());
  RC_ASSERT(CollapsePatterns(collapsed) == collapsed);
}

RC_GTEST_PROP(CollapsePropertyTest, NoMemberCoversAnother, ()) {
  const Strings collapsed = CollapsePatterns(*PatternLists());
  for (std::size_t i = 0; i < collapsed.size(); ++i) {
    for (std::size_t j = 0; j < collapsed.size(); ++j) {
      RC_ASSERT(i == j || !small_world::Contains(SubjectsOf(collapsed[i]), SubjectsOf(collapsed[j])));
    }
  }
}

RC_GTEST_PROP(CollapsePropertyTest, OverlapIsFoundWhereMembersShareASubject, ()) {
  const Strings collapsed = CollapsePatterns(*PatternLists());
  bool shared = false;
  for (std::size_t i = 0; i < collapsed.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      shared = shared || (SubjectsOf(collapsed[i]) & SubjectsOf(collapsed[j])).any();
    }
  }
  const auto overlap = FindOverlap(collapsed);
  RC_ASSERT(overlap.has_value() == shared);
  if (overlap) RC_ASSERT((SubjectsOf(overlap->first) & SubjectsOf(overlap->second)).any());
}

RC_GTEST_PROP(CollapsePropertyTest, FiltersSelectTheChannelsAskedForAndAreNeverEmpty, ()) {
  const Strings channels = *StrictLists();
  const auto filters = ChatFilterSubjects("main", channels);
  if (!filters.ok()) {
    RC_ASSERT(channels.empty() || FindOverlap(CollapsePatterns(channels)).has_value());
    return;
  }
  RC_ASSERT(!filters->empty());
  RC_ASSERT(!FindOverlap(*filters).has_value());
  Strings selected;
  for (const std::string& filter : *filters) selected.push_back(ChannelOfFilter("main", filter).value());
  RC_ASSERT(SubjectsOf(selected) == SubjectsOf(channels));
}

}  // namespace
}  // namespace meshwarden
