// Where something stands in a file, for people.
#pragma once

#include <memory>
#include <string>

namespace meshwarden {

// A place within one file. Lines and columns count from 1, columns in bytes; line 0 means the file as a
// whole.
struct Place {
  int line = 0;
  int column = 0;
  bool operator==(const Place&) const = default;
};

struct SourceLocation {
  std::shared_ptr<const std::string> file;  // shared by all places in it; null for none
  int line = 0;
  int column = 0;

  // "FILE:LINE:COLUMN", or "FILE" for the file as a whole; empty without a file.
  std::string Format() const;
};

}  // namespace meshwarden
