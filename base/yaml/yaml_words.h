// What a reader of YAML says to the writer of one kind of file.
#pragma once

#include <string_view>

namespace meshwarden {

// Phrases of messages. The texts live as long as the program.
struct YamlWords {
  std::string_view file;          // what the file is: "policy"
  std::string_view when_empty;    // what it needs at least
  std::string_view when_too_big;  // what to do about one with more bytes or values than are read
  std::string_view when_deep;     // how deep one needs to be
};

}  // namespace meshwarden
