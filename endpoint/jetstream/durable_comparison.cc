#include "endpoint/jetstream/durable_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text/printable.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxShownBytes = 200;
constexpr std::string_view kMaxAckPending = "max_ack_pending";

// Fields that a server fills in where a configuration does not name them, and with what.
const Json* ServerDefault(std::string_view field) {
  static const std::array<std::pair<std::string_view, Json>, 4> kDefaults = {
      std::pair<std::string_view, Json>("max_deliver", -1),
      {"replay_policy", "instant"},
      {"max_waiting", 512},
      {kMaxAckPending, 1000},
  };
  const auto found = std::find_if(kDefaults.begin(), kDefaults.end(),
                                  [field](const auto& entry) { return entry.first == field; });
  return found == kDefaults.end() ? nullptr : &found->second;
}

// Fields that change neither what is delivered nor to whom.
bool IsOfNoConcern(std::string_view field) {
  constexpr std::array<std::string_view, 5> kOfNoConcern = {"num_replicas", "metadata", "description",
                                                            "opt_start_seq", "opt_start_time"};
  return std::find(kOfNoConcern.begin(), kOfNoConcern.end(), field) != kOfNoConcern.end();
}

// Fields that every server changes in place, so that the durable's position stays. Of all others a server
// refuses a change, or it is not known.
bool Mends(std::string_view field) {
  constexpr std::array<std::string_view, 12> kMending = {
      "ack_wait",       "max_deliver", kMaxAckPending, "inactive_threshold", "headers_only", "sample_freq",
      "rate_limit_bps", "max_batch",   "max_expires",  "max_bytes",          "backoff",      "pause_until"};
  return std::find(kMending.begin(), kMending.end(), field) != kMending.end();
}

std::string Shown(const Json* value) {
  return value == nullptr ? "absent" : Printable(DumpJson(*value), kMaxShownBytes);
}

class Comparison {
 public:
  void Field(std::string_view field, const Json* found, const Json* wanted) {
    if (found == wanted || (found != nullptr && wanted != nullptr && *found == *wanted)) return;
    differences_.push_back({.field = std::string(field),
                            .text = fmt::format("{} is {}, not {}", Printable(field, kMaxShownBytes),
                                                Shown(found), Shown(wanted)),
                            .mends = Mends(field)});
  }
  void Text(std::string_view field, const std::string& found, const std::string& wanted) {
    if (found == wanted) return;
    const Json found_json(found);
    const Json wanted_json(wanted);
    Field(field, found.empty() ? nullptr : &found_json, wanted.empty() ? nullptr : &wanted_json);
  }
  std::vector<DurableDifference> Take() && { return std::move(differences_); }

 private:
  std::vector<DurableDifference> differences_;
};

Json SortedFilters(const ConsumerConfig& config) {
  std::vector<std::string> filters = config.Filters();
  std::sort(filters.begin(), filters.end());
  return filters;
}

// To a server a field that is empty is one that is left out.
bool IsEmpty(const Json& value) {
  return value.is_null() || value == false || value == 0 ||
         (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_structured() && value.empty());
}

// What a server leaves out and what it fills in mean the same.
const Json* ValueOf(const Json& fields, const std::string& field) {
  const auto found = fields.find(field);
  return found == fields.end() || IsEmpty(*found) ? ServerDefault(field) : &*found;
}

void CompareOthers(const Json& found, const Json& wanted, Comparison& comparison) {
  Json names = found;
  names.update(wanted);
  for (const auto& [field, ignored] : names.items()) {
    if (!IsOfNoConcern(field)) comparison.Field(field, ValueOf(found, field), ValueOf(wanted, field));
  }
}

}  // namespace

std::vector<DurableDifference> CompareDurables(const ConsumerConfig& found, const ConsumerConfig& wanted,
                                               CompareFilters filters) {
  Comparison comparison;
  comparison.Text("durable_name", found.durable_name, wanted.durable_name);
  // 2.10 leaves the name out where it is the durable's.
  if (!found.name.empty()) comparison.Text("name", found.name, wanted.durable_name);
  if (filters == CompareFilters::kYes) {
    const Json theirs = SortedFilters(found);
    const Json ours = SortedFilters(wanted);
    comparison.Field(kFiltersField, &theirs, &ours);
  }
  const bool made_anew = wanted.deliver_policy == "new" && WasMadeAnew(found);
  if (!made_anew) comparison.Text("deliver_policy", found.deliver_policy, wanted.deliver_policy);
  comparison.Text("ack_policy", found.ack_policy, wanted.ack_policy);
  const Json theirs = found.ack_wait.count();
  const Json ours = wanted.ack_wait.count();
  comparison.Field("ack_wait", &theirs, &ours);
  CompareOthers(found.extra, wanted.extra, comparison);
  return std::move(comparison).Take();
}

std::string TextOf(const std::vector<DurableDifference>& differences) {
  std::string text;
  for (const DurableDifference& difference : differences) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", difference.text);
  }
  return text;
}

ConsumerConfig Mended(ConsumerConfig found, const ConsumerConfig& wanted,
                      const std::vector<DurableDifference>& differences) {
  for (const DurableDifference& difference : differences) {
    if (!difference.mends) continue;
    if (difference.field == kFiltersField) {
      found.filter_subject = wanted.filter_subject;
      found.filter_subjects = wanted.filter_subjects;
    } else if (difference.field == "ack_wait") {
      found.ack_wait = wanted.ack_wait;
    } else if (const auto value = wanted.extra.find(difference.field); value != wanted.extra.end()) {
      found.extra[difference.field] = *value;
    } else {
      found.extra.erase(difference.field);
    }
  }
  return found;
}

std::vector<DurableDifference> OfOurMaking(std::vector<DurableDifference> differences) {
  std::erase_if(differences,
                [](const DurableDifference& difference) { return difference.field == kMaxAckPending; });
  return differences;
}

}  // namespace meshwarden
