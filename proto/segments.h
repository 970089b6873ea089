// Walking the segments of a dotted name without copying them. Internal to proto.
#pragma once

#include <cstddef>
#include <string_view>

namespace meshwarden {

// Yields what lies between the dots, empty segments included; a name without a dot is one segment, also the
// empty name. The text must outlive the walk.
//
//   Segments walk("a.b");
//   for (std::string_view segment; walk.Next(segment);) Use(segment);
class Segments {
 public:
  explicit Segments(std::string_view text) : rest_(text) {}

  // True if a segment is left; it is then in `segment` and taken.
  bool Next(std::string_view& segment) {
    if (done_) return false;
    const std::size_t dot = rest_.find('.');
    segment = rest_.substr(0, dot);
    done_ = dot == std::string_view::npos;
    rest_.remove_prefix(done_ ? rest_.size() : dot + 1);
    return true;
  }

  // What follows the segments taken so far.
  std::string_view rest() const { return rest_; }
  bool done() const { return done_; }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace meshwarden
