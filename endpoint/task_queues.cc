#include "endpoint/task_queues.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::string_view kPrefix = "svc_";

// A stream may have durables of others; only a role's own, reading what is the role's, is ours to judge.
bool IsRoleQueue(const ConsumerInfo& durable, std::string_view space) {
  if (!durable.name.starts_with(kPrefix)) return false;
  const std::string role = durable.name.substr(kPrefix.size());
  return durable.name == TaskDurable(role) &&
         durable.config.Filters() == std::vector<std::string>{AnycastSubject(space, role, "*")};
}

// The oldest task of the role in the stream; 0 if there is none.
absl::StatusOr<std::uint64_t> FirstTask(JetStreamApi& api, const ConsumerInfo& durable) {
  const absl::StatusOr<StoredMessage> first =
      api.FirstMessage(durable.stream, durable.config.Filters().front());
  if (HasJsError(first.status(), JsError::kMessageNotFound)) return 0;
  MW_RETURN_IF_ERROR(first.status());
  return first->seq;
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
    behind.push_back({.durable = std::move(durable), .first_task = first_task});
  }
  return behind;
}

absl::Status RemakeQueue(JetStreamApi& api, const QueueBehind& behind) {
  const ConsumerInfo& found = behind.durable;
  const absl::StatusOr<ConsumerInfo> now = api.GetConsumer(found.stream, found.name);
  if (now.ok()) {
    if (now->created != found.created) return absl::OkStatus();
    MW_RETURN_IF_ERROR(Annotate(api.DeleteConsumer(found.stream, found.name),
                                fmt::format("deleting the role queue {}", found.name)));
  } else if (!HasJsError(now.status(), JsError::kConsumerNotFound)) {
    return now.status();
  }
  return Annotate(api.CreateConsumer(found.stream, found.config).status(),
                  fmt::format("making the role queue {} again", found.name));
}

}  // namespace meshwarden
