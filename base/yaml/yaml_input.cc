#include "base/yaml/yaml_input.h"

#include <algorithm>

namespace meshwarden {
namespace {

constexpr std::size_t kPieceBytes = 2048;
constexpr std::string_view kIndicators = "[]{},:?-&*!|>'\"%@`";

constexpr auto kIsIndicator = [] {
  std::array<bool, 256> table{};
  for (const char c : kIndicators) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

}  // namespace

YamlInput::YamlInput(std::string_view text) : text_(text) {
  // The buffer is only read: std::streambuf has no const pointers.
  char* const begin = const_cast<char*>(text_.data());
  setg(begin, begin, begin);
}

YamlInput::int_type YamlInput::underflow() {
  const auto read = static_cast<std::size_t>(egptr() - eback());
  if (tokens_ > kMaxTokensAhead || bytes_ > kMaxBytesAhead) exhausted_ = true;
  if (exhausted_ || read == text_.size()) return traits_type::eof();
  const std::string_view piece = text_.substr(read, kPieceBytes);
  Count(piece);
  // The start stays where it is, so that yaml-cpp can put back what it looked at to tell the encoding.
  setg(eback(), gptr(), egptr() + piece.size());
  return traits_type::to_int_type(*gptr());
}

void YamlInput::Count(std::string_view piece) {
  for (const char c : piece) {
    if (c == '\n') {
      line_is_blank_ = true;
      in_comment_line_ = false;
    } else if (line_is_blank_ && c == '#') {
      in_comment_line_ = true;
      line_is_blank_ = false;
    } else if (!in_comment_line_ && !(line_is_blank_ && c == ' ')) {
      line_is_blank_ = false;
      ++bytes_;
      if (kIsIndicator[static_cast<unsigned char>(c)]) ++tokens_;
    }
  }
}

}  // namespace meshwarden
