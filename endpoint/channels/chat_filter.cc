#include "endpoint/channels/chat_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "endpoint/api/refusal_code.h"
#include "endpoint/space/control.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::vector<std::string> Sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

bool IsUnanswered(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) return true;
  return absl::IsUnavailable(status) && !IsNoResponders(status) && !JsErrorCode(status).has_value();
}

ChatFilter::ChatFilter(Options options, Connection& connection, JetStreamApi& api)
    : options_(std::move(options)), connection_(connection), api_(api) {}

absl::StatusOr<ConsumerInfo> ChatFilter::Look() {
  return api_.GetConsumer(ChatStream(options_.space), ChatDurable(options_.self.id));
}

absl::StatusOr<ChatFilter::Found> ChatFilter::LookOrMake(const Channels& channels) {
  const std::string name = ChatDurable(options_.self.id);
  absl::StatusOr<ConsumerInfo> info = Look();
  if (info.ok()) return Found{.info = *std::move(info), .made = false};
  if (!absl::IsNotFound(info.status())) return Annotate(info.status(), "durable " + name);
  if (options_.auth) {
    return absl::FailedPreconditionError(
        fmt::format("chat durable {} not pre-created — a launcher must call provisionChatDurable (auth mode "
                    "binds the durable, it never self-creates)",
                    name));
  }
  MW_ASSIGN_OR_RETURN(const ConsumerConfig config, OpenConfig(channels));
  MW_ASSIGN_OR_RETURN(ConsumerInfo made, api_.CreateConsumer(ChatStream(options_.space), config));
  return Found{.info = std::move(made), .made = true};
}

absl::StatusOr<ConsumerConfig> ChatFilter::OpenConfig(const Channels& channels) const {
  MW_ASSIGN_OR_RETURN(ConsumerConfig config, ChatDurableConfig(options_.space, options_.self.id, channels));
  return AsOpenMode(std::move(config), options_.ack_wait, options_.inactive_threshold);
}

ChatFilter::Outcome ChatFilter::Set(const Channels& channels) {
  Outcome outcome = options_.auth ? Ask(channels) : UpdateOwn(channels);
  if (outcome.unknown) {
    MutexLock lock(mutex_);
    late_until_ = SteadyClock::now() + options_.request_lifetime;
  }
  // There is an answer, but it does not tell: the durable does.
  if (outcome.unknown && !outcome.unanswered && IsNow(channels)) return {};
  return outcome;
}

bool ChatFilter::IsNow(const Channels& channels) {
  const auto info = Look();
  return info.ok() && IsExactly(*info, channels);
}

ChatFilter::Outcome ChatFilter::UpdateOwn(const Channels& channels) {
  const absl::StatusOr<ConsumerConfig> config = OpenConfig(channels);
  if (!config.ok()) return {.status = config.status()};
  absl::Status status = api_.UpdateConsumer(ChatStream(options_.space), *config).status();
  const bool unanswered = IsUnanswered(status);
  // Just restarted, a broker carries the first update out and answers with the filters of before (Internal).
  const bool unclear = absl::IsInternal(status) || (absl::IsUnavailable(status) && !IsNoResponders(status));
  return {.status = std::move(status), .unknown = unanswered || unclear, .unanswered = unanswered};
}

ChatFilter::Outcome ChatFilter::Ask(const Channels& channels) {
  ControlRequest request;
  request.op = "setChannels";
  request.args = {{"channels", channels}};
  request.from = options_.self;
  absl::StatusOr<ControlReply> reply =
      RequestControl(connection_, options_.space, kSelfService, request, options_.request_timeout);
  if (IsNoResponders(reply.status())) {
    return {.status = absl::FailedPreconditionError("cannot change channels at runtime: no privileged "
                                                    "provisioner (manager) is serving the mesh — this "
                                                    "session is fixed to its boot subscribe set")};
  }
  if (!reply.ok()) {
    const bool unanswered = IsUnanswered(reply.status());
    const bool unreadable = absl::IsInvalidArgument(reply.status());
    return {.status = reply.status(), .unknown = unanswered || unreadable, .unanswered = unanswered};
  }
  if (reply->ok) return {};
  const std::string reason = reply->error.empty() ? "channel change rejected" : reply->error;
  if (reply->code == "unavailable" || reply->code == "internal") {
    return {.status = WithRefusalCode(absl::UnavailableError(reason), reply->code), .unknown = true};
  }
  return {.status = WithRefusalCode(absl::FailedPreconditionError(reason), reply->code)};
}

bool ChatFilter::Holds(const ConsumerInfo& info, std::string_view channel) const {
  const absl::StatusOr<std::string> subject = ChatSubject(options_.space, "*", channel);
  if (!subject.ok()) return false;
  const std::vector<std::string> filters = info.config.Filters();
  return std::any_of(filters.begin(), filters.end(),
                     [&](const std::string& filter) { return PatternCovers(filter, *subject); });
}

bool ChatFilter::IsExactly(const ConsumerInfo& info, const Channels& channels) const {
  const absl::StatusOr<ConsumerConfig> config = ChatDurableConfig(options_.space, options_.self.id, channels);
  return config.ok() && Sorted(config->Filters()) == Sorted(info.config.Filters());
}

bool ChatFilter::may_move_late() const {
  MutexLock lock(mutex_);
  return SteadyClock::now() < late_until_;
}

}  // namespace meshwarden
