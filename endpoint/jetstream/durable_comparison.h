// Whether a durable that stands on the broker is the one that the contract describes.
//
// Its name alone says nothing: whoever may make consumers may have made it beforehand, with another filter or
// another subject to deliver to. So its whole configuration is compared, here and nowhere else; what is not
// known here counts as a difference. const only, so thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_config.h"

namespace meshwarden {

enum class CompareFilters {
  kYes,
  kNo,  // of a chat durable, whose filters move
};

// What stands for the field that holds the filters, of which the API has two.
inline constexpr std::string_view kFiltersField = "filters";

struct DurableDifference {
  std::string field;   // as the API calls it, or kFiltersField
  std::string text;    // "max_deliver is 1, not -1", fit to be printed
  bool mends = false;  // an update changes it, and nothing is lost by that
};

// What sets `found`, as a broker reports it, apart from `wanted`. What a server adds by itself is none, nor
// is that a durable which delivers what is new was made anew (see WasMadeAnew). Filters are compared as sets,
// and never mend by themselves: what lies behind a durable that read something else is not known here.
std::vector<DurableDifference> CompareDurables(const ConsumerConfig& found, const ConsumerConfig& wanted,
                                               CompareFilters filters);

// The texts of all of them, with "; " in between.
std::string TextOf(const std::vector<DurableDifference>& differences);

// `found` with the fields of all `differences` that mend as `wanted` has them: the body of the update.
ConsumerConfig Mended(ConsumerConfig found, const ConsumerConfig& wanted,
                      const std::vector<DurableDifference>& differences);

// Those that are left once a durable was written as we write it: a broker has limits of its own that stand
// for what we do not ask for.
std::vector<DurableDifference> OfOurMaking(std::vector<DurableDifference> differences);

}  // namespace meshwarden
