#include "endpoint/space/durable_upkeep.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/jetstream/broker_time.h"
#include "endpoint/jetstream/durable_comparison.h"
#include "endpoint/space/durable_start.h"
#include "proto/channel_pattern.h"

namespace meshwarden {
namespace {

using Differences = std::vector<DurableDifference>;

// Others make and delete durables as well; whoever keeps doing so is not outrun.
constexpr int kAttempts = 3;

Differences Compare(const ConsumerConfig& found, const ConsumerConfig& wanted) {
  return CompareDurables(found, wanted, CompareFilters::kYes);
}

absl::Status Refuse(const ConsumerInfo& found, const Differences& differences) {
  return absl::FailedPreconditionError(fmt::format(
      "durable {} of stream {} is there and is not as it must be: {}. It was left as it is; take a new "
      "identity or, if nobody needs it any more, have it deleted and try again",
      Printable(found.name), found.stream, TextOf(differences)));
}

bool CoversAll(const ConsumerConfig& wide, const ConsumerConfig& narrow) {
  const std::vector<std::string> wide_filters = wide.Filters();
  const std::vector<std::string> narrow_filters = narrow.Filters();
  if (wide_filters.empty()) return true;  // it selects every message
  return std::all_of(narrow_filters.begin(), narrow_filters.end(), [&](const std::string& filter) {
    return std::any_of(wide_filters.begin(), wide_filters.end(),
                       [&](const std::string& pattern) { return PatternCovers(pattern, filter); });
  });
}

// Whether a change of the filter alone loses nothing and shows nobody what is not his. A durable has passed
// over what its filter did not select, and what it has in delivery comes again whatever the filter says then.
bool FilterMends(const ConsumerInfo& found, const ConsumerConfig& wanted, bool moves) {
  return moves || (found.num_ack_pending == 0 && CoversAll(found.config, wanted));
}

// It may have been carried out, or be carried out yet.
bool IsOutcomeUnknown(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || (absl::IsUnavailable(status) && !IsNoResponders(status));
}

// Does what may be done twice again while its outcome is unknown.
template <typename Deed>
auto Insist(const Deed& deed) {
  auto outcome = deed();
  for (int again = 1; again < kAttempts && IsOutcomeUnknown(outcome.status()); ++again) outcome = deed();
  return outcome;
}

std::string StartOf(const ConsumerConfig& config) {
  const auto seq = config.extra.find("opt_start_seq");
  if (seq != config.extra.end()) return fmt::format("message {}", DumpJson(*seq));
  const auto time = config.extra.find("opt_start_time");
  return time == config.extra.end() ? "" : fmt::format("what was stored at {}", DumpJson(*time));
}

// That `anew` was not, or perhaps not, made in the place of one that is, or may be, deleted. Nobody else
// knows its start.
absl::Status WithStart(const absl::Status& why, std::string_view stream, const ConsumerConfig& anew) {
  const std::string start = StartOf(anew);
  if (start.empty()) return why;
  return absl::Status(
      why.code(), fmt::format("{}. Durable {} of stream {} was deleted, or may be yet, and was to go on with "
                              "{}: unless it is made with that start, what was sent since does not come",
                              MessageOf(why), anew.durable_name, stream, start));
}

class Upkeep {
 public:
  Upkeep(JetStreamApi& api, const DurableWish& wish, ConsumerConfig config)
      : api_(api), wish_(wish), wanted_(std::move(config)) {}

  absl::StatusOr<UpheldDurable> Run() {
    absl::Status status = absl::OkStatus();
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      absl::StatusOr<UpheldDurable> upheld = Try();
      // Somebody made one, or took it away, since we looked.
      const bool outrun = HasJsError(upheld.status(), JsError::kConsumerExists) ||
                          HasJsError(upheld.status(), JsError::kConsumerMissing);
      if (!outrun) return upheld;
      status = std::move(upheld).status();
    }
    return status;
  }

 private:
  absl::StatusOr<UpheldDurable> Try() {
    const absl::StatusOr<ConsumerInfo> found = api_.GetConsumer(wish_.stream, wanted_.durable_name);
    if (HasJsError(found.status(), JsError::kConsumerNotFound)) {
      MW_ASSIGN_OR_RETURN(wanted_, wish_.config(nullptr));
      MW_ASSIGN_OR_RETURN(const ConsumerInfo made, api_.CreateConsumer(wish_.stream, wanted_));
      return ReadBack(made, /*made=*/true);
    }
    MW_RETURN_IF_ERROR(found.status());
    MW_ASSIGN_OR_RETURN(wanted_, wish_.config(&*found));
    Differences differences = Compare(found->config, wanted_);
    if (differences.empty()) return UpheldDurable{.info = *found, .made = false};
    for (DurableDifference& difference : differences) {
      if (difference.field == kFiltersField) difference.mends = FilterMends(*found, wanted_, wish_.moves);
    }
    const bool mends = std::all_of(differences.begin(), differences.end(),
                                   [](const DurableDifference& difference) { return difference.mends; });
    return mends ? Mend(*found, differences) : Replace(*found, differences);
  }

  absl::StatusOr<UpheldDurable> Mend(const ConsumerInfo& found, const Differences& differences) {
    absl::StatusOr<ConsumerInfo> updated =
        api_.UpdateConsumer(wish_.stream, Mended(found.config, wanted_, differences));
    if (HasJsError(updated.status(), JsError::kImmutableField)) return Refuse(found, differences);
    MW_RETURN_IF_ERROR(updated.status());
    return ReadBack(*updated, /*made=*/false);
  }

  absl::StatusOr<UpheldDurable> Replace(const ConsumerInfo& found, const Differences& differences) {
    const bool used = found.delivered_consumer_seq > 0;
    if (used && wish_.if_used == IfUsed::kLeaveItBe) return Refuse(found, differences);
    ConsumerConfig anew = wanted_;
    if (used && wish_.if_used == IfUsed::kGoOnBehind) {
      anew = BeginningAt(std::move(anew), StartBehind(found, Clock::System().Now(), wanted_.ack_wait));
    }
    const absl::StatusOr<DeletedDurable> deleted = Insist([&] { return DeleteDurable(api_, found); });
    if (absl::IsPermissionDenied(deleted.status()) || IsNoResponders(deleted.status())) {
      return Refuse(found, differences);
    }
    if (IsOutcomeUnknown(deleted.status())) return WithStart(deleted.status(), wish_.stream, anew);
    MW_RETURN_IF_ERROR(deleted.status());
    // The place is in this process alone now.
    const absl::StatusOr<ConsumerInfo> made = Insist([&] { return api_.CreateConsumer(wish_.stream, anew); });
    if (HasJsError(made.status(), JsError::kConsumerExists)) return made.status();
    if (!made.ok()) return WithStart(made.status(), wish_.stream, anew);
    return ReadBack(*made, /*made=*/false);
  }

  // `written`: what the broker answered. A server of a cluster that has not heard of it yet may not see it.
  absl::StatusOr<UpheldDurable> ReadBack(const ConsumerInfo& written, bool made) {
    for (int look = 0; look < kAttempts; ++look) {
      const absl::StatusOr<ConsumerInfo> seen = api_.GetConsumer(wish_.stream, wanted_.durable_name);
      if (HasJsError(seen.status(), JsError::kConsumerNotFound)) continue;
      MW_RETURN_IF_ERROR(seen.status());
      // Its filter may have been moved since, within what is wanted.
      MW_ASSIGN_OR_RETURN(wanted_, wish_.config(&*seen));
      const Differences differences = OfOurMaking(Compare(seen->config, wanted_));
      if (!differences.empty()) return Refuse(*seen, differences);
      return UpheldDurable{.info = *seen, .made = made && IsMadeWith(*seen, written.created)};
    }
    return absl::UnavailableError(
        fmt::format("durable {} of stream {} was made and can't be seen yet; try again", wanted_.durable_name,
                    wish_.stream));
  }

  JetStreamApi& api_;
  const DurableWish& wish_;
  ConsumerConfig wanted_;
};

}  // namespace

absl::StatusOr<UpheldDurable> UpholdDurable(JetStreamApi& api, const DurableWish& wish) {
  MW_ASSIGN_OR_RETURN(ConsumerConfig config, wish.config(nullptr));
  return Upkeep(api, wish, std::move(config)).Run();
}

absl::StatusOr<DeletedDurable> DeleteDurable(JetStreamApi& api, const ConsumerInfo& old) {
  const absl::StatusOr<ConsumerInfo> now = api.GetConsumer(old.stream, old.name);
  if (HasJsError(now.status(), JsError::kConsumerNotFound)) return DeletedDurable::kGone;
  MW_RETURN_IF_ERROR(now.status());
  if (!IsMadeWith(*now, old.created)) {
    const bool told = NanosecondsOf(now->created).has_value() && NanosecondsOf(old.created).has_value();
    return told ? DeletedDurable::kAnother : DeletedDurable::kUnclear;
  }
  absl::Status deleted = api.DeleteConsumer(old.stream, old.name);
  if (!HasJsError(deleted, JsError::kConsumerNotFound)) MW_RETURN_IF_ERROR(deleted);
  return DeletedDurable::kGone;
}

}  // namespace meshwarden
