// What is wrong with a file that an operator wrote, said so that its writer can put it right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/yaml/source_location.h"
#include "base/yaml/source_text.h"

namespace meshwarden {

// One thing wrong with a file. All texts are printable.
struct SourceProblem {
  SourceLocation location;
  std::string message;     // what is wrong
  std::string suggestion;  // what to write instead; empty if there is nothing to suggest
  std::string line_text;   // the line itself; of a long one the part around the place
  std::size_t caret = 0;   // bytes of line_text before the place

  // "FILE:LINE:COLUMN: MESSAGE (SUGGESTION)", then the line, then a caret.
  std::string Format() const;
};

// The problems found so far: at most kMaxSourceProblems, later ones are only counted. Not synchronised.
class ProblemList {
 public:
  void Add(const SourceText& source, Place place, std::string message, std::string suggestion = "");
  // For what no line of a text can show, such as a file that cannot be read.
  void AddForFile(std::string file, int ordinal, std::string message, std::string suggestion = "");

  // How many there were, those past the bound included.
  std::size_t count() const { return count_; }
  bool full() const;

  // All of them, in the order of the files and of the places in each.
  std::vector<SourceProblem> Take() &&;

 private:
  void Keep(int ordinal, SourceProblem problem);

  std::size_t count_ = 0;
  std::vector<std::pair<int, SourceProblem>> problems_;  // with the file's ordinal
};

}  // namespace meshwarden
