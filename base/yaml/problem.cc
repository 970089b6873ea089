#include "base/yaml/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text/printable.h"
#include "base/text/utf8.h"
#include "base/yaml/limits.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxShownBytes = 120;
constexpr std::size_t kMaxMessageBytes = 4'096;

// Sets the line and the caret, of a long line the part around the caret.
void ShowLine(std::string_view line, std::size_t caret, SourceProblem& problem) {
  caret = std::min(caret, line.size());
  const bool begins_earlier = line.size() > kMaxShownBytes && caret > kMaxShownBytes / 2;
  const std::size_t start = begins_earlier ? CharacterStart(line, caret - kMaxShownBytes / 2) : 0;
  const std::string_view part = FirstBytes(line.substr(start), kMaxShownBytes);
  const std::string before = Printable(part.substr(0, caret - start));
  problem.caret = before.size();
  problem.line_text = before + Printable(part.substr(caret - start));
}

}  // namespace

std::string SourceProblem::Format() const {
  std::string text = fmt::format("{}: {}", location.Format(), message);
  if (!suggestion.empty()) text += fmt::format(" ({})", suggestion);
  if (location.line == 0) return text;
  const std::size_t column = ColumnsOf(std::string_view(line_text).substr(0, caret));
  return fmt::format("{}\n{}\n{}^", text, line_text, std::string(column, ' '));
}

bool ProblemList::full() const { return problems_.size() >= kMaxSourceProblems; }

void ProblemList::Keep(int ordinal, SourceProblem problem) {
  ++count_;
  if (full()) return;
  // Both may repeat what stands in the file.
  problem.message = Printable(problem.message, kMaxMessageBytes);
  problem.suggestion = Printable(problem.suggestion, kMaxMessageBytes);
  problems_.emplace_back(ordinal, std::move(problem));
}

void ProblemList::Add(const SourceText& source, Place place, std::string message, std::string suggestion) {
  SourceProblem problem{source.Locate(place), std::move(message), std::move(suggestion), "", 0};
  ShowLine(source.Line(place.line), static_cast<std::size_t>(std::max(place.column, 1)) - 1, problem);
  Keep(source.ordinal(), std::move(problem));
}

void ProblemList::AddForFile(std::string file, int ordinal, std::string message, std::string suggestion) {
  SourceLocation location{std::make_shared<const std::string>(std::move(file)), 0, 0};
  Keep(ordinal, {std::move(location), std::move(message), std::move(suggestion), "", 0});
}

std::vector<SourceProblem> ProblemList::Take() && {
  const auto key = [](const auto& entry) {
    return std::tuple(entry.first, entry.second.location.line, entry.second.location.column);
  };
  std::stable_sort(problems_.begin(), problems_.end(),
                   [key](const auto& a, const auto& b) { return key(a) < key(b); });
  std::vector<SourceProblem> taken;
  taken.reserve(problems_.size());
  for (auto& [ordinal, problem] : problems_) taken.push_back(std::move(problem));
  problems_.clear();
  return taken;
}

}  // namespace meshwarden
