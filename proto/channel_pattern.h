// Channel names and patterns, and the algebra that decides who may read what.
//
// A pattern is a list of segments: literals, '*' (exactly one segment) and, only at the end, '>' (one segment
// or more). A pattern stands for the set of concrete channels that it matches. Everything a policy says about
// reading comes down to three questions on those sets: is q within p (covers), do p and q share a channel
// (overlaps), and which patterns of a list are enough to name the same set (collapse).
//
// The same questions on subjects are the same functions: a filter subject is a pattern with more segments.
// Pure functions on values, thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meshwarden {

// Longest channel name that is looked at, in bytes; a longer one is refused unread.
inline constexpr std::size_t kMaxChannelBytes = 256;

// Strict: refuses every name that the token rule would rewrite, so that an operator's "foo/bar" never becomes
// a grant on "foo_bar". The message names the segment in the peers' words, with the channel as it came:
// whoever shows it makes it printable.
absl::Status ValidateChannel(std::string_view channel);

// False if some segment is a wildcard.
bool IsConcreteChannel(std::string_view channel);

// Whether `text` names one channel: strict, and no pattern. What is listed, shown or kept as a channel that
// somebody else has written must be one.
bool IsChannelName(std::string_view text);

// True only if every concrete subject that `narrow` matches is matched by `wide`.
bool PatternCovers(std::string_view wide, std::string_view narrow);

// True if some concrete subject is matched by both.
bool PatternsOverlap(std::string_view a, std::string_view b);

// The pattern that matches exactly what both match; nothing if they share no concrete subject.
std::optional<std::string> MeetOfPatterns(std::string_view a, std::string_view b);

// A channel pattern that passed ValidateChannel.
class ChannelPattern {
 public:
  static absl::StatusOr<ChannelPattern> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool is_concrete() const { return IsConcreteChannel(text_); }
  bool Covers(const ChannelPattern& narrow) const { return PatternCovers(text_, narrow.text_); }
  bool Overlaps(const ChannelPattern& other) const { return PatternsOverlap(text_, other.text_); }
  bool operator==(const ChannelPattern&) const = default;
  auto operator<=>(const ChannelPattern&) const = default;

 private:
  explicit ChannelPattern(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// `patterns` without exact duplicates and without those that another one of the list covers; of patterns that
// cover each other the first stays. The order is kept. Never empty for a list that is not empty, and matches
// exactly what the list matched.
std::vector<std::string> CollapsePatterns(std::span<const std::string> patterns);

// Two patterns of a collapsed list that share channels without one covering the other ("a.*.c", "a.b.>"): a
// broker may refuse them in one filter. Nothing if there are none.
std::optional<std::pair<std::string, std::string>> FindOverlap(std::span<const std::string> collapsed);

// The filter subjects of a chat durable that reads `channels`: one "cotal.<space>.chat.*.<channel>" for each,
// collapsed. InvalidArgument for an empty list (an empty filter means every message), for a channel that is
// not strict, and for an overlap that collapsing does not resolve.
absl::StatusOr<std::vector<std::string>> ChatFilterSubjects(std::string_view space,
                                                            std::span<const std::string> channels);

// The channel that a chat filter subject of this space selects; nothing if it is not such a subject.
std::optional<std::string> ChannelOfFilter(std::string_view space, std::string_view filter_subject);

}  // namespace meshwarden
