// What yaml-cpp reads from: a text that ends early if the parser reads too far ahead of what it reports.
#pragma once

#include <array>
#include <cstddef>
#include <streambuf>
#include <string_view>

namespace meshwarden {

// yaml-cpp keeps every token of a flow collection ("[...]", "{...}") that begins where a key could until it
// closes, some 250 bytes for one of text; a megabyte of "[" takes a quarter of a gigabyte. So the text is
// handed over in small pieces, and what was handed over since the parser last reported an event is counted.
class YamlInput final : public std::streambuf {
 public:
  // Between two events: characters that can begin a token, and bytes. Comments and blank lines do not count.
  static constexpr std::size_t kMaxTokensAhead = 65'536;
  static constexpr std::size_t kMaxBytesAhead = 1 << 20;

  explicit YamlInput(std::string_view text);

  // The parser has reported an event.
  void Progress() { tokens_ = bytes_ = 0; }
  // True once the text was cut short.
  bool exhausted() const { return exhausted_; }

 protected:
  int_type underflow() override;

 private:
  void Count(std::string_view piece);

  std::string_view text_;
  std::size_t tokens_ = 0;
  std::size_t bytes_ = 0;
  bool line_is_blank_ = true;
  bool in_comment_line_ = false;
  bool exhausted_ = false;
};

}  // namespace meshwarden
