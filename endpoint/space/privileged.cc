#include "endpoint/space/privileged.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/nats/blocking.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

// The first field of `wanted` that `actual` does not have with the same value; empty if there is none.
std::string FirstDifference(const Json& actual, const Json& wanted) {
  for (const auto& [field, value] : wanted.items()) {
    const auto found = actual.find(field);
    if (found != actual.end() && Contains(*found, value)) continue;
    return fmt::format("{} is {}, not {}", field, found == actual.end() ? "absent" : DumpJson(*found),
                       DumpJson(value));
  }
  return "";
}

absl::Status CheckStream(const StreamConfig& wanted, const StreamInfo& found) {
  const std::string difference = FirstDifference(found.config, wanted.json);
  if (difference.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "stream {} is there already with another configuration: {}. It was left as it is; change it or "
      "choose another space",
      wanted.name, difference));
}

// One move of one chat filter: an update, and what its outcome calls for. Lives until `done` has been called.
class FilterMove : public std::enable_shared_from_this<FilterMove> {
 public:
  FilterMove(JetStreamApi& api, std::string stream, ConsumerConfig config,
             std::function<void(absl::Status)> done, std::function<void()> lost)
      : api_(api),
        stream_(std::move(stream)),
        config_(std::move(config)),
        done_(std::move(done)),
        lost_(std::move(lost)) {}

  void Start() {
    api_.UpdateConsumerAsync(stream_, config_,
                             [self = shared_from_this()](absl::StatusOr<ConsumerInfo> info) {
                               self->AfterUpdate(std::move(info).status());
                             });
  }

 private:
  // Statuses are moved along, never shared: Debian's absl counts its references unseen by the thread
  // sanitizer, which takes the last owner's release for a race.
  void AfterUpdate(absl::Status status) {
    // Somebody else made the durable with another fixed field: keep theirs and move the filter alone.
    if (HasJsError(status, JsError::kImmutableField) && !adopted_)
      return AdoptConfiguration(std::move(status));
    // The answer is lost, not necessarily the move.
    if (absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) {
      if (lost_ != nullptr) lost_();
      return ReadBack(std::move(status));
    }
    // Just restarted, a broker answers the first update of a durable with the filters of before.
    if (absl::IsInternal(status)) return ReadBack(std::move(status));
    done_(std::move(status));
  }

  void AdoptConfiguration(absl::Status status) {
    adopted_ = true;
    api_.ConsumerInfoAsync(
        stream_, config_.durable_name,
        [self = shared_from_this(), status = std::move(status)](absl::StatusOr<ConsumerInfo> info) mutable {
          if (!info.ok()) return self->done_(std::move(status));
          ConsumerConfig theirs = std::move(info->config);
          theirs.filter_subject.clear();
          theirs.filter_subjects = self->config_.filter_subjects;
          self->config_ = std::move(theirs);
          self->Start();
        });
  }

  void ReadBack(absl::Status status) {
    api_.ConsumerInfoAsync(
        stream_, config_.durable_name,
        [self = shared_from_this(), status = std::move(status)](absl::StatusOr<ConsumerInfo> info) mutable {
          const bool moved = info.ok() && self->HasFiltersOf(*info);
          self->done_(moved ? absl::OkStatus() : std::move(status));
        });
  }

  bool HasFiltersOf(const ConsumerInfo& info) const {
    std::vector<std::string> found = info.config.Filters();
    std::vector<std::string> wanted = config_.filter_subjects;
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    return found == wanted;
  }

  JetStreamApi& api_;
  const std::string stream_;
  ConsumerConfig config_;
  const std::function<void(absl::Status)> done_;
  const std::function<void()> lost_;
  bool adopted_ = false;
};

// A wish that is the same whatever is there.
std::function<absl::StatusOr<ConsumerConfig>(const ConsumerInfo*)> Always(ConsumerConfig config) {
  return [config = std::move(config)](const ConsumerInfo*) { return config; };
}

absl::Status CheckConcrete(std::string_view channel) {
  MW_RETURN_IF_ERROR(ValidateChannel(channel));
  if (IsConcreteChannel(channel)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is a pattern, and this is done to one channel only", channel));
}

// What goes into a subject and into a durable's name must be the same in both, and no wildcard: "*" would
// read what is meant for all others.
absl::Status CheckToken(std::string_view what, std::string_view token) {
  if (IsSafeToken(token)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} can't be {}: use letters, digits, '_' and '-' only", Quoted(token), what));
}

}  // namespace

Privileged::Privileged(JetStreamApi& api, std::string space) : api_(api), space_(std::move(space)) {}

absl::Status Privileged::CreateSpaceStreams(int replicas) {
  for (const StreamConfig& wanted : SpaceStreams(space_, replicas)) {
    absl::StatusOr<StreamInfo> found = api_.GetStream(wanted.name);
    if (HasJsError(found.status(), JsError::kStreamNotFound)) found = api_.CreateStream(wanted);
    if (!found.ok()) return Annotate(found.status(), fmt::format("stream {}", wanted.name));
    MW_RETURN_IF_ERROR(CheckStream(wanted, *found));
  }
  return absl::OkStatus();
}

absl::StatusOr<UpheldDurable> Privileged::ProvisionChatDurable(std::string_view id,
                                                               std::span<const std::string> channels) {
  const std::vector<std::string> at_birth(channels.begin(), channels.end());
  const auto keep = [this, &at_birth](std::span<const std::string> filter_subjects) {
    std::vector<std::string> kept;
    for (const std::string& filter : filter_subjects) {
      if (std::optional<std::string> channel = ChannelOfFilter(space_, filter)) kept.push_back(*channel);
    }
    return kept.empty() ? at_birth : kept;
  };
  return ProvisionChatDurable({.id = id, .at_birth = at_birth, .keep = keep, .in_use = false});
}

absl::StatusOr<UpheldDurable> Privileged::ProvisionChatDurable(const ChatDurableWish& wish) {
  MW_RETURN_IF_ERROR(CheckToken("an id", wish.id));
  const auto config = [this, &wish](const ConsumerInfo* there) {
    if (there == nullptr) return ChatDurableConfig(space_, wish.id, wish.at_birth);
    return ChatDurableConfig(space_, wish.id, wish.keep(there->config.Filters()));
  };
  return UpholdDurable(
      api_,
      {.stream = ChatStream(space_), .config = config, .if_used = IfUsed::kGoOnBehind, .moves = wish.in_use});
}

absl::StatusOr<UpheldDurable> Privileged::ProvisionDmInbox(std::string_view id) {
  MW_RETURN_IF_ERROR(CheckToken("an id", id));
  return UpholdDurable(api_, {.stream = DmStream(space_),
                              .config = Always(DmDurableConfig(space_, id)),
                              .if_used = IfUsed::kLeaveItBe});
}

absl::StatusOr<UpheldDurable> Privileged::ProvisionTaskQueue(std::string_view role) {
  MW_RETURN_IF_ERROR(CheckToken("a role", role));
  return UpholdDurable(api_, {.stream = TaskStream(space_),
                              .config = Always(TaskDurableConfig(space_, role)),
                              .if_used = IfUsed::kMakeAnew});
}

void Privileged::SetChatFilterAsync(std::string_view id, std::span<const std::string> channels,
                                    std::function<void(absl::Status)> done, std::function<void()> lost) {
  if (absl::Status status = CheckToken("an id", id); !status.ok()) return done(std::move(status));
  absl::StatusOr<ConsumerConfig> config = ChatDurableConfig(space_, id, channels);
  if (!config.ok()) return done(config.status());
  std::make_shared<FilterMove>(api_, ChatStream(space_), *std::move(config), std::move(done), std::move(lost))
      ->Start();
}

void Privileged::ParkChatAsync(std::string_view id, std::function<void(absl::Status)> done) {
  if (absl::Status status = CheckToken("an id", id); !status.ok()) return done(std::move(status));
  std::make_shared<FilterMove>(api_, ChatStream(space_), ParkedChatDurableConfig(space_, id), std::move(done),
                               nullptr)
      ->Start();
}

absl::Status Privileged::SetChatFilterFor(std::string_view id, std::span<const std::string> channels) {
  struct Done {};
  return Await<Done>([&](auto done) {
           SetChatFilterAsync(id, channels, [done](absl::Status status) {
             done(status.ok() ? absl::StatusOr<Done>(Done{}) : absl::StatusOr<Done>(std::move(status)));
           });
         })
      .status();
}

absl::StatusOr<std::uint64_t> Privileged::ClearHistory() {
  return api_.PurgeStream(ChatStream(space_), std::nullopt);
}

absl::StatusOr<std::uint64_t> Privileged::ClearChannel(std::string_view channel) {
  MW_RETURN_IF_ERROR(CheckConcrete(channel));
  MW_ASSIGN_OR_RETURN(const std::string subject, ChatSubject(space_, "*", channel));
  return api_.PurgeStream(ChatStream(space_), subject);
}

absl::Status Privileged::SetChannelConfig(std::string_view channel, const ChannelConfig& config) {
  MW_RETURN_IF_ERROR(CheckConcrete(channel));
  const std::string record = EncodeChannelConfig(config);
  MW_RETURN_IF_ERROR(DecodeChannelConfig(record).status());
  return api_.PutKey(ChannelBucket(space_), channel, record).status();
}

absl::Status Privileged::RemoveChannelConfig(std::string_view channel) {
  MW_RETURN_IF_ERROR(CheckConcrete(channel));
  return api_.DeleteStoredKey(ChannelBucket(space_), channel);
}

absl::Status Privileged::SetChannelDefaults(const ChannelDefaults& defaults) {
  const std::string record = EncodeChannelDefaults(defaults);
  MW_RETURN_IF_ERROR(DecodeChannelDefaults(record).status());
  return api_.PutKey(ChannelBucket(space_), kChannelDefaultsKey, record).status();
}

}  // namespace meshwarden
