#include "base/yaml/text_check.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text/printable.h"
#include "base/text/utf8.h"
#include "base/yaml/limits.h"

namespace meshwarden {
namespace {

class TextCheck {
 public:
  TextCheck(const SourceText& source, ProblemList& problems) : source_(source), problems_(problems) {}

  bool Run() {
    const std::string_view text = source_.text();
    bool indentation = true;
    for (std::size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (c == '\t' && indentation) ReportTab(i);
      indentation = c == '\n' || (indentation && c == ' ');
      const bool plain = (c >= ' ' && c <= '~') || c == '\n' || c == '\t' || IsLineBreak(text, i);
      if (plain) {
        ++i;
        continue;
      }
      const Utf8Character character = FirstCharacter(text.substr(i));
      // What is no text at all would fill the list with the same problem.
      if (!character.valid()) return ReportInvalidByte(i);
      if (IsDeceptive(character.code_point)) return ReportDeceptive(i, character.code_point);
      i += character.bytes;
    }
    return passed_;
  }

 private:
  static bool IsLineBreak(std::string_view text, std::size_t i) {
    return text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
  }

  void Report(std::size_t offset, std::string message, std::string suggestion) {
    passed_ = false;
    problems_.Add(source_, source_.PlaceOf(offset), std::move(message), std::move(suggestion));
  }
  void ReportTab(std::size_t offset) { Report(offset, "tab in the indentation", "indent with spaces"); }
  bool ReportInvalidByte(std::size_t offset) {
    const auto byte = static_cast<unsigned char>(source_.text()[offset]);
    Report(offset, fmt::format("byte 0x{:02X} is not UTF-8", byte), "save the file as UTF-8");
    return false;
  }
  bool ReportDeceptive(std::size_t offset, char32_t character) {
    Report(offset,
           fmt::format("character U+{:04X} is invisible or changes how the text looks",
                       static_cast<std::uint32_t>(character)),
           "take it out");
    return false;
  }

  const SourceText& source_;
  ProblemList& problems_;
  bool passed_ = true;
};

}  // namespace

bool CheckText(const SourceText& source, const YamlWords& words, ProblemList& problems) {
  if (source.text().size() > kMaxYamlFileBytes) {
    problems.AddForFile(
        *source.name(), source.ordinal(),
        fmt::format("{} bytes are more than the {} allowed", source.text().size(), kMaxYamlFileBytes),
        std::string(words.when_too_big));
    return false;
  }
  return TextCheck(source, problems).Run();
}

}  // namespace meshwarden
