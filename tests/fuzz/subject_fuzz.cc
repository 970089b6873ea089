// Names, subjects and patterns from hostile text. The input is a few texts, one a line.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/channel_pattern.h"
#include "proto/duration.h"
#include "proto/mentions.h"
#include "proto/name.h"
#include "proto/subject.h"
#include "proto/token.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

using Strings = std::vector<std::string>;

constexpr std::size_t kMostTexts = 8;

Strings Lines(std::string_view input) {
  Strings lines;
  while (lines.size() < kMostTexts) {
    const std::size_t end = input.find('\n');
    lines.emplace_back(input.substr(0, end));
    if (end == std::string_view::npos) break;
    input.remove_prefix(end + 1);
  }
  return lines;
}

void CheckToken(const std::string& text) {
  const std::string token = Token(text);
  Require(IsSafeToken(token), "a token is safe");
  Require(Token(token) == token, "a token stays as it is");
  Require(!IsSafeToken(text) || token == text, "safe text is not rewritten");
  Require(TrimWhiteSpace(TrimWhiteSpace(text)) == TrimWhiteSpace(text), "trimmed text stays as it is");
}

void CheckChannel(const std::string& channel) {
  constexpr std::string_view kPrefix = "cotal.main.chat.UA.";
  const auto subject = ChatSubject("main", "UA", channel);
  if (ValidateChannel(channel).ok()) {
    Require(subject.ok() && *subject == std::string(kPrefix) + channel, "a strict channel is not rewritten");
  }
  if (!subject.ok()) return;
  const auto parsed = ParseSubjectOf("main", *subject);
  Require(parsed && parsed->kind == SubjectKind::kChat && parsed->sender == "UA", "a chat subject is parsed");
  const auto again = ChatSubject("main", "UA", parsed->rest);
  Require(again.ok() && *again == *subject, "a channel of a subject stays as it is");
  Require(parsed->rest.size() > kMaxChannelBytes || ValidateChannel(parsed->rest).ok(),
          "a channel of a subject is strict");
}

void CheckSubject(const std::string& text) {
  const auto parsed = ParseSubject(text);
  Require(!DeliveryOf(text) || parsed, "what is delivered is a subject");
  if (!parsed) return;
  const std::string_view kind = NameOf(parsed->kind);
  const std::string_view fourth = parsed->kind == SubjectKind::kChat ? parsed->sender : parsed->rest;
  const std::string_view fifth = parsed->kind == SubjectKind::kChat ? parsed->rest : parsed->sender;
  const std::string tail = fmt::format(".{}.{}.{}", kind, fourth, fifth);
  Require(text.starts_with("cotal.") && text.ends_with(tail), "the parts are those of the subject");
}

void CheckPair(const std::string& a, const std::string& b) {
  Require(PatternsOverlap(a, b) == PatternsOverlap(b, a), "overlap goes both ways");
  if (!PatternCovers(a, b)) return;
  Require(PatternsOverlap(a, b), "what is covered is shared");
  Require(SubjectMatches(a, b), "what is covered is matched");
}

void CheckPatterns(const Strings& patterns) {
  for (const std::string& a : patterns) {
    Require(PatternCovers(a, a), "a pattern covers itself");
    for (const std::string& b : patterns) {
      CheckPair(a, b);
      for (const std::string& c : patterns) {
        Require(!PatternCovers(a, b) || !PatternCovers(b, c) || PatternCovers(a, c),
                "covering is transitive");
      }
    }
  }
  const Strings collapsed = CollapsePatterns(patterns);
  Require(!collapsed.empty(), "collapsing leaves something");
  Require(CollapsePatterns(collapsed) == collapsed, "collapsing twice is collapsing once");
  const auto filters = ChatFilterSubjects("main", patterns);
  Require(!filters.ok() || filters->size() == collapsed.size(), "a filter for each channel that is left");
}

void CheckWords(const Strings& words) {
  const Strings mentions = NormalizeMentions(words);
  Require(NormalizeMentions(mentions) == mentions, "normal mentions stay as they are");
  for (const std::string& word : words) {
    const auto duration = ParseDuration(word);
    Require(!duration.ok() || (duration->count() >= 0 && *duration <= kMaxDuration),
            "a duration is in bounds");
    if (ValidateName(word).ok()) Require(TrimWhiteSpace(word) == word, "a name has no space around it");
  }
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const Strings lines = Lines({reinterpret_cast<const char*>(data), size});
  for (const std::string& line : lines) {
    CheckToken(line);
    CheckChannel(line);
    CheckSubject(line);
  }
  CheckPatterns(lines);
  CheckWords(lines);
  return 0;
}
