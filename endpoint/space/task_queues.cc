#include "endpoint/space/task_queues.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "endpoint/space/durable_upkeep.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::string_view kPrefix = "svc_";

// A stream may have durables of others; only one that reads what is its role's, in the form that can be made
// again by name and filter, is ours to judge. One that gives up on a task passes it by without fault.
bool IsRoleQueue(const ConsumerInfo& durable, std::string_view space) {
  if (!durable.name.starts_with(kPrefix)) return false;
  const std::string role = durable.name.substr(kPrefix.size());
  const ConsumerConfig& config = durable.config;
  const auto max_deliver = config.extra.find("max_deliver");
  const bool gives_up = max_deliver != config.extra.end() && *max_deliver > 0;
  return durable.name == TaskDurable(role) && config.filter_subject == AnycastSubject(space, role, "*") &&
         !gives_up;
}

// The oldest task of the role in the stream; 0 if there is none.
absl::StatusOr<std::uint64_t> FirstTask(JetStreamApi& api, const ConsumerInfo& durable) {
  const absl::StatusOr<StoredMessage> first =
      api.FirstMessage(durable.stream, durable.config.Filters().front());
  if (HasJsError(first.status(), JsError::kMessageNotFound)) return 0;
  MW_RETURN_IF_ERROR(Annotate(first.status(), fmt::format("reading the oldest task of {}", durable.name)));
  return first->seq;
}

bool IsReplicated(const StreamInfo& stream) {
  const auto replicas = stream.config.find("num_replicas");
  return replicas != stream.config.end() && *replicas > 1;
}

}  // namespace

bool QueueBehind::SameAs(const QueueBehind& earlier) const {
  return durable.name == earlier.durable.name && durable.created == earlier.durable.created &&
         first_task == earlier.first_task;
}

absl::StatusOr<std::vector<QueueBehind>> FindQueuesBehind(JetStreamApi& api, std::string_view space) {
  const std::string stream = TaskStream(space);
  // The durables first: what they have delivered by now the stream must have counted by then.
  MW_ASSIGN_OR_RETURN(std::vector<ConsumerInfo> durables, api.ListConsumers(stream));
  MW_ASSIGN_OR_RETURN(const StreamInfo info, api.GetStream(stream));
  std::vector<QueueBehind> behind;
  for (ConsumerInfo& durable : durables) {
    if (!IsRoleQueue(durable, space)) continue;
    MW_ASSIGN_OR_RETURN(const std::uint64_t first_task, FirstTask(api, durable));
    const bool beyond_end = durable.delivered_stream_seq > info.last_seq;
    const bool passed_over = first_task > 0 && first_task <= durable.ack_floor_stream_seq;
    if (!beyond_end && !passed_over) continue;
    behind.push_back({.durable = std::move(durable),
                      .certain = beyond_end && !IsReplicated(info),
                      .first_task = first_task});
  }
  return behind;
}

absl::StatusOr<bool> RemakeQueue(JetStreamApi& api, const QueueBehind& behind) {
  const ConsumerInfo& old = behind.durable;
  const absl::StatusOr<DeletedDurable> deleted = DeleteDurable(api, old);
  MW_RETURN_IF_ERROR(Annotate(deleted.status(), fmt::format("deleting the role queue {}", old.name)));
  if (*deleted != DeletedDurable::kGone) return false;
  MW_RETURN_IF_ERROR(Annotate(api.CreateConsumer(old.stream, old.config).status(),
                              fmt::format("making the role queue {} again", old.name)));
  return true;
}

}  // namespace meshwarden
