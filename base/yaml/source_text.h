// The text of one policy file, and how offsets into it become lines and columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml/source_location.h"

namespace meshwarden {

// Immutable and thread-safe. The text itself must outlive it.
class SourceText {
 public:
  // `ordinal` is the file's place in the order of loading. A byte order mark at the start is left out.
  SourceText(std::string name, std::string_view text, int ordinal);

  const std::shared_ptr<const std::string>& name() const { return name_; }
  std::string_view text() const { return text_; }
  int ordinal() const { return ordinal_; }

  // An offset past the end counts as the end.
  Place PlaceOf(std::size_t offset) const;
  SourceLocation Locate(Place place) const { return {name_, place.line, place.column}; }
  // The line without its line break; empty if there is no such line.
  std::string_view Line(int line) const;

 private:
  std::shared_ptr<const std::string> name_;
  std::string_view text_;
  int ordinal_;
  std::vector<std::uint32_t> line_starts_;
};

}  // namespace meshwarden
