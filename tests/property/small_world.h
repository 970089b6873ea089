// A world small enough to look at all of it: every pattern of a few segments, and the set of concrete
// subjects that each matches, found by trying them all. What the code under test says about patterns is
// checked against these sets.
#pragma once

#include <bitset>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshwarden::small_world {

// Every subject of one to six segments of the alphabet {a, b, c}: 3 + 9 + ... + 729.
inline constexpr std::size_t kSubjects = 1092;
inline constexpr std::size_t kLongestSubject = 6;
using SubjectSet = std::bitset<kSubjects>;

// The subjects in the order of the sets' bits.
const std::vector<std::string>& AllSubjects();

// Every pattern of one to `longest` segments of {a, b, *, >}, '>' in the middle included. No pattern names c,
// so that a wildcard always matches something that no literal does; with `longest` below kLongestSubject a
// '>' always has a subject longer than the other pattern.
std::vector<std::string> AllPatterns(std::size_t longest);

// The subjects that `pattern` matches. Written apart from the code under test: recursive, on whole lists.
SubjectSet SubjectsOf(std::string_view pattern);
// Those that one of `patterns` matches.
SubjectSet SubjectsOf(std::span<const std::string> patterns);

// True if all of `narrow` is in `wide`.
inline bool Contains(const SubjectSet& wide, const SubjectSet& narrow) { return (narrow & ~wide).none(); }

}  // namespace meshwarden::small_world
