#include "tests/property/small_world.h"

namespace meshwarden::small_world {
namespace {

// Every dotted name of one to `longest` segments taken from `alphabet`.
std::vector<std::string> AllNames(std::string_view alphabet, std::size_t longest) {
  std::vector<std::string> names;
  std::vector<std::string> of_one_length = {""};
  for (std::size_t length = 1; length <= longest; ++length) {
    std::vector<std::string> longer;
    for (const std::string& name : of_one_length) {
      for (char letter : alphabet) longer.push_back(name + (name.empty() ? "" : ".") + letter);
    }
    names.insert(names.end(), longer.begin(), longer.end());
    of_one_length = std::move(longer);
  }
  return names;
}

// Every segment here is one character, so that dots stand at the odd places.
std::string Letters(std::string_view name) {
  std::string letters;
  for (std::size_t i = 0; i < name.size(); i += 2) letters.push_back(name[i]);
  return letters;
}

bool Matches(std::string_view pattern, std::string_view subject) {
  if (pattern.empty()) return subject.empty();
  if (subject.empty()) return false;
  if (pattern.front() == '>') return true;
  return (pattern.front() == '*' || pattern.front() == subject.front()) &&
         Matches(pattern.substr(1), subject.substr(1));
}

}  // namespace

const std::vector<std::string>& AllSubjects() {
  static const auto& subjects = *new std::vector<std::string>(AllNames("abc", kLongestSubject));
  return subjects;
}

std::vector<std::string> AllPatterns(std::size_t longest) { return AllNames("ab*>", longest); }

SubjectSet SubjectsOf(std::string_view pattern) {
  const std::string letters = Letters(pattern);
  SubjectSet set;
  for (std::size_t i = 0; i < kSubjects; ++i) set[i] = Matches(letters, Letters(AllSubjects()[i]));
  return set;
}

SubjectSet SubjectsOf(std::span<const std::string> patterns) {
  SubjectSet set;
  for (const std::string& pattern : patterns) set |= SubjectsOf(pattern);
  return set;
}

}  // namespace meshwarden::small_world
