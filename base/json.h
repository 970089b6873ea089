// Reading JSON from people we do not trust.
//
// nlohmann's lexer and grammar do the reading; this header adds what they lack for hostile input: bounds on
// size, depth and number of values, kept while the value is built, so that whoever wrote the text can't make
// it cost more than a small multiple of reading its bytes; and refusal of a repeated key (two readers might
// take different ones), of invalid UTF-8, and of numbers that no double holds. Half of a UTF-16 pair that
// stands alone ("\ud800"), which JavaScript writes, is read as U+FFFD: no text of ours is equal to that.
// Objects keep the order of their keys, so that unknown fields go back out as they came.
//
// Looking up a field of an object is linear in the number of its fields, and so is adding one: whoever copies
// an object of somebody hostile field by field takes quadratic time (see proto/unknown_fields.h).
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshwarden {

// The JSON value of this code base: keys keep their order.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t max_bytes = 1 << 20;
  std::size_t max_depth = 32;
  std::size_t max_values = 100'000;  // of the whole document, containers included; no fewer than its keys
};

// The value of `text`, or InvalidArgument naming the byte at which it goes wrong.
absl::StatusOr<Json> ParseJson(std::string_view text, const JsonLimits& limits);
// The same for a document that must be an object.
absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits);

// `value` on one line, as UTF-8. Never throws: what came through ParseJson is valid UTF-8; a string of
// another origin that is not has its bad bytes replaced.
std::string DumpJson(const Json& value);

// Fields of an object. A required one that is missing or of another type is InvalidArgument naming `key`; an
// optional one may be missing, but not of another type, nor null.
absl::StatusOr<std::string> RequiredString(const Json& object, const char* key);
absl::StatusOr<std::optional<std::string>> OptionalString(const Json& object, const char* key);
absl::StatusOr<std::int64_t> RequiredInteger(const Json& object, const char* key);
absl::StatusOr<std::optional<std::vector<std::string>>> OptionalStrings(const Json& object, const char* key);

}  // namespace meshwarden
