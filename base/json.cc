#include "base/json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

// Walks the document without building it, keeping the bounds.
class BoundsCheck final : public nlohmann::json_sax<Json> {
 public:
  explicit BoundsCheck(const JsonLimits& limits) : limits_(limits) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return Count(); }
  bool boolean(bool) override { return Count(); }
  bool number_integer(number_integer_t) override { return Count(); }
  bool number_unsigned(number_unsigned_t) override { return Count(); }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value)) return Fail(fmt::format("number {} is out of range", Printable(text, 24)));
    return Count();
  }
  bool string(string_t&) override { return Count(); }
  bool binary(binary_t&) override { return Fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (name.find('\0') != std::string::npos) return Fail("a key contains a NUL character");
    if (!keys_.back().insert(name).second) {
      return Fail(fmt::format("key {} appears twice", Quoted(name)));
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Fail(fmt::format("not valid JSON at byte {}", position));
  }

 private:
  bool Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool Count() {
    if (++values_ > limits_.max_values) return Fail(fmt::format("more than {} values", limits_.max_values));
    return true;
  }
  bool Open() {
    keys_.emplace_back();
    if (keys_.size() > limits_.max_depth) {
      return Fail(fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    return Count();
  }
  bool Close() {
    keys_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  std::vector<std::set<std::string>> keys_;  // one set of seen keys for each open container
  std::size_t values_ = 0;
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
  BoundsCheck check(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &check)) return absl::InvalidArgumentError(check.problem());
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
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
  for (const Json& item : *found) {
    if (!item.is_string()) return WrongType(key, "a list of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace meshwarden
