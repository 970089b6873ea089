#include "endpoint/nats/link/subject_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace meshwarden {
namespace {

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

absl::Status Bad(std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("the subject {}", problem));
}

}  // namespace

absl::Status CheckSubject(std::string_view subject) {
  if (subject.size() > kMaxSubjectBytes) return Bad("is longer than 2048 bytes");
  const auto is_blank = [](char c) { return c == ' ' || IsControl(c); };
  if (std::any_of(subject.begin(), subject.end(), is_blank)) return Bad("contains white space");
  if (subject.empty() || subject.front() == '.' || subject.back() == '.' ||
      subject.find("..") != std::string_view::npos) {
    return Bad("has an empty token");
  }
  return absl::OkStatus();
}

absl::Status CheckLineText(std::string_view what, std::string_view text) {
  if (std::any_of(text.begin(), text.end(), IsControl)) {
    return absl::InvalidArgumentError(fmt::format("{} contains a control character", what));
  }
  return absl::OkStatus();
}

}  // namespace meshwarden
