#include "proto/channel_pattern.h"

#include <fmt/format.h>

#include "base/status.h"
#include "proto/segments.h"
#include "proto/subject.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

// A segment names everything from it on. As on the broker's side of the peers, that ends the pattern: what
// follows a '>' in the middle says nothing more. Strict channels have it at the end only.
bool IsRest(std::string_view segment) { return segment == ">"; }
bool IsWildcard(std::string_view segment) { return segment == "*" || IsRest(segment); }

bool HasEmptySegment(std::string_view channel) {
  Segments walk(channel);
  for (std::string_view segment; walk.Next(segment);) {
    if (segment.empty()) return true;
  }
  return false;
}

absl::Status InvalidChannel(std::string_view channel, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("invalid channel \"{}\": {}", channel, why));
}

}  // namespace

absl::Status ValidateChannel(std::string_view channel) {
  if (channel.size() > kMaxChannelBytes) {
    return absl::InvalidArgumentError(fmt::format("invalid channel: {} bytes are more than the {} allowed",
                                                  channel.size(), kMaxChannelBytes));
  }
  if (HasEmptySegment(channel)) {
    return InvalidChannel(channel, "empty segment (no leading/trailing/double dots)");
  }
  Segments walk(channel);
  for (std::string_view segment; walk.Next(segment);) {
    if (IsRest(segment) && !walk.done()) {
      return InvalidChannel(channel, "'>' is only valid as the last segment");
    }
    if (IsWildcard(segment) || IsSafeToken(segment)) continue;
    return InvalidChannel(
        channel, fmt::format("segment \"{}\" must be a NATS-safe token ([A-Za-z0-9_-]), '*', or '>' — policy "
                             "channel names can't contain characters the wire layer would rewrite",
                             segment));
  }
  return absl::OkStatus();
}

bool IsConcreteChannel(std::string_view channel) {
  Segments walk(channel);
  for (std::string_view segment; walk.Next(segment);) {
    if (IsWildcard(segment)) return false;
  }
  return true;
}

bool PatternCovers(std::string_view wide, std::string_view narrow) {
  Segments wide_walk(wide);
  Segments narrow_walk(narrow);
  std::string_view wide_segment;
  std::string_view narrow_segment;
  while (wide_walk.Next(wide_segment)) {
    if (!narrow_walk.Next(narrow_segment)) return false;
    if (IsRest(wide_segment)) return true;
    // Channels of every greater length are in `narrow`, but not in `wide`, or not with any token here.
    if (IsRest(narrow_segment)) return false;
    if (wide_segment != "*" && wide_segment != narrow_segment) return false;
  }
  return narrow_walk.done();
}

bool PatternsOverlap(std::string_view a, std::string_view b) {
  Segments a_walk(a);
  Segments b_walk(b);
  std::string_view a_segment;
  std::string_view b_segment;
  while (a_walk.Next(a_segment)) {
    if (!b_walk.Next(b_segment)) return false;
    if (IsRest(a_segment) || IsRest(b_segment)) return true;
    if (a_segment != "*" && b_segment != "*" && a_segment != b_segment) return false;
  }
  return b_walk.done();
}

std::optional<std::string> MeetOfPatterns(std::string_view a, std::string_view b) {
  std::string meet;
  const auto append = [&meet](std::string_view segments) {
    if (!meet.empty()) meet += '.';
    meet += segments;
  };
  Segments a_walk(a);
  Segments b_walk(b);
  std::string_view a_segment;
  std::string_view b_segment;
  while (true) {
    const std::string_view a_rest = a_walk.rest();
    const std::string_view b_rest = b_walk.rest();
    const bool a_ends = !a_walk.Next(a_segment);
    const bool b_ends = !b_walk.Next(b_segment);
    if (a_ends || b_ends) return a_ends && b_ends ? std::optional(std::move(meet)) : std::nullopt;
    // Whatever the other demands of the rest is within it, be it one segment or more.
    if (IsRest(a_segment) || IsRest(b_segment)) {
      append(IsRest(a_segment) ? b_rest : a_rest);
      return meet;
    }
    if (a_segment != "*" && b_segment != "*" && a_segment != b_segment) return std::nullopt;
    append(a_segment == "*" ? b_segment : a_segment);
  }
}

absl::StatusOr<ChannelPattern> ChannelPattern::Parse(std::string_view text) {
  MW_RETURN_IF_ERROR(ValidateChannel(text));
  return ChannelPattern(std::string(text));
}

std::vector<std::string> CollapsePatterns(std::span<const std::string> patterns) {
  const auto is_redundant = [patterns](std::size_t index) {
    for (std::size_t other = 0; other < patterns.size(); ++other) {
      if (other == index || !PatternCovers(patterns[other], patterns[index])) continue;
      // Of patterns that cover each other the first stays, so that never all of them go.
      if (other < index || !PatternCovers(patterns[index], patterns[other])) return true;
    }
    return false;
  };
  std::vector<std::string> collapsed;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!is_redundant(i)) collapsed.push_back(patterns[i]);
  }
  return collapsed;
}

std::optional<std::pair<std::string, std::string>> FindOverlap(std::span<const std::string> collapsed) {
  for (std::size_t i = 0; i < collapsed.size(); ++i) {
    for (std::size_t j = i + 1; j < collapsed.size(); ++j) {
      if (PatternsOverlap(collapsed[i], collapsed[j])) return std::pair(collapsed[i], collapsed[j]);
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<std::string>> ChatFilterSubjects(std::string_view space,
                                                            std::span<const std::string> channels) {
  if (channels.empty()) {
    return absl::InvalidArgumentError(
        "no channels to filter by: an empty filter would select every message of the space");
  }
  for (const std::string& channel : channels) MW_RETURN_IF_ERROR(ValidateChannel(channel));
  const std::vector<std::string> collapsed = CollapsePatterns(channels);
  if (const auto overlap = FindOverlap(collapsed)) {
    return absl::InvalidArgumentError(
        fmt::format("channels \"{}\" and \"{}\" overlap without one covering the other; ask for one of them "
                    "or for a pattern that covers both",
                    overlap->first, overlap->second));
  }
  std::vector<std::string> subjects;
  subjects.reserve(collapsed.size());
  for (const std::string& channel : collapsed) {
    MW_ASSIGN_OR_RETURN(std::string subject, ChatSubject(space, "*", channel));
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

bool IsChannelName(std::string_view text) { return ValidateChannel(text).ok() && IsConcreteChannel(text); }

std::optional<std::string> ChannelOfFilter(std::string_view space, std::string_view filter_subject) {
  std::optional<ParsedSubject> parsed = ParseSubjectOf(space, filter_subject);
  if (!parsed || parsed->kind != SubjectKind::kChat || parsed->sender != "*") return std::nullopt;
  if (!ValidateChannel(parsed->rest).ok()) return std::nullopt;
  return std::move(parsed->rest);
}

}  // namespace meshwarden
