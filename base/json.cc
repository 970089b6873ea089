#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "base/lone_surrogates.h"
#include "base/repeated_key.h"
#include "base/status.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

// Builds the document as it is read, keeping the bounds.
//
// What an open container holds lies on a stack until it is closed, and is then moved into a container of just
// its size. One that grew would move what it holds again and again, and an object of nlohmann's, whose keys
// can't be moved, would copy it, with all that is below.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(const JsonLimits& limits, std::size_t text_bytes) : limits_(limits) {
    // There are no more than that: a value takes a byte or more, and another one parts it from the next; so
    // does one that has a key, with four bytes before it.
    values_.reserve(std::min(text_bytes / 2 + 1, limits.max_values));
    keys_.reserve(std::min(text_bytes / 6 + 1, limits.max_values));
  }

  const std::string& problem() const { return problem_; }
  Json Take() { return std::move(values_.front()); }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value)) return Fail(fmt::format("number {} is out of range", Printable(text, 24)));
    return Add(value);
  }
  bool string(string_t& value) override { return Add(value); }
  bool binary(binary_t&) override { return Fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return CloseObject(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return CloseArray(); }
  bool key(string_t& name) override {
    keys_.push_back(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Fail(fmt::format("not valid JSON at byte {}", position));
  }

 private:
  // Where the values and the keys of an open container begin on the stacks.
  struct Frame {
    std::size_t values = 0;
    std::size_t keys = 0;
  };

  bool Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool Count() {
    if (++count_ > limits_.max_values) return Fail(fmt::format("more than {} values", limits_.max_values));
    return true;
  }
  template <typename Value>
  bool Add(Value&& value) {
    values_.emplace_back(std::forward<Value>(value));
    return Count();
  }
  bool Open() {
    open_.push_back({.values = values_.size(), .keys = keys_.size()});
    if (open_.size() > limits_.max_depth) {
      return Fail(fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    return Count();
  }
  // Puts the container in the place of what it has taken in.
  void Close(const Frame& frame, Json container) {
    values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(frame.values), values_.end());
    values_.push_back(std::move(container));
    open_.pop_back();
  }
  bool CloseObject() {
    const Frame frame = open_.back();
    const std::span<std::string> keys = std::span(keys_).subspan(frame.keys);
    if (const std::string* const repeated = FindRepeatedKey(keys); repeated != nullptr) {
      return Fail(fmt::format("key {} appears twice", Quoted(*repeated)));
    }
    Json object(Json::value_t::object);
    auto& fields = object.get_ref<Json::object_t&>();
    fields.reserve(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      fields.emplace_back(std::move(keys[i]), std::move(values_[frame.values + i]));
    }
    keys_.resize(frame.keys);
    Close(frame, std::move(object));
    return true;
  }
  bool CloseArray() {
    const Frame frame = open_.back();
    const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(frame.values);
    Json array(Json::value_t::array);
    array.get_ref<Json::array_t&>().assign(std::make_move_iterator(begin),
                                           std::make_move_iterator(values_.end()));
    Close(frame, std::move(array));
    return true;
  }

  const JsonLimits limits_;
  std::vector<Json> values_;
  std::vector<std::string> keys_;
  std::vector<Frame> open_;
  std::size_t count_ = 0;  // of all values so far
  std::string problem_;
};

absl::Status WrongType(const char* key, const char* wanted) {
  return absl::InvalidArgumentError(fmt::format("field \"{}\" must be {}", key, wanted));
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("JSON of {} bytes is longer than the {} allowed", text.size(), limits.max_bytes));
  }
  // The library takes a NUL for the end and looks no further. No JSON has one, in a string or out of it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(fmt::format("not valid JSON at byte {}", nul + 1));
  }
  const std::optional<std::string> replaced = ReplaceLoneSurrogates(text);
  if (replaced) text = *replaced;
  Builder builder(limits, text.size());
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.problem());
  }
  return builder.Take();
}

absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits) {
  MW_ASSIGN_OR_RETURN(Json value, ParseJson(text, limits));
  if (!value.is_object()) return absl::InvalidArgumentError("JSON document is not an object");
  return value;
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> RequiredString(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return WrongType(key, "a string");
  return found->get<std::string>();
}

absl::StatusOr<std::optional<std::string>> OptionalString(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (!found->is_string()) return WrongType(key, "a string");
  return found->get<std::string>();
}

absl::StatusOr<std::int64_t> RequiredInteger(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return WrongType(key, "a whole number");
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX) {
    return WrongType(key, "a whole number below 2^63");
  }
  return found->get<std::int64_t>();
}

absl::StatusOr<std::optional<std::vector<std::string>>> OptionalStrings(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (!found->is_array()) return WrongType(key, "a list of strings");
  std::vector<std::string> strings;
  strings.reserve(found->size());
  for (const Json& item : *found) {
    if (!item.is_string()) return WrongType(key, "a list of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace meshwarden
