#include "base/yaml/source_text.h"

#include <algorithm>
#include <utility>

namespace meshwarden {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view WithoutByteOrderMark(std::string_view text) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
  return text;
}

}  // namespace

SourceText::SourceText(std::string name, std::string_view text, int ordinal)
    : name_(std::make_shared<const std::string>(std::move(name))),
      text_(WithoutByteOrderMark(text)),
      ordinal_(ordinal) {
  line_starts_.reserve(static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')) + 1);
  line_starts_.push_back(0);
  for (std::size_t i = text_.find('\n'); i != std::string_view::npos; i = text_.find('\n', i + 1)) {
    line_starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
}

Place SourceText::PlaceOf(std::size_t offset) const {
  const auto position = static_cast<std::uint32_t>(std::min(offset, text_.size()));
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), position);
  return {static_cast<int>(after - line_starts_.begin()), static_cast<int>(position - *(after - 1)) + 1};
}

std::string_view SourceText::Line(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) return {};
  const std::size_t start = line_starts_[static_cast<std::size_t>(line) - 1];
  std::string_view rest = text_.substr(start);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

}  // namespace meshwarden
