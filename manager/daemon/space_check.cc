#include "manager/daemon/space_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"

namespace meshwarden {
namespace {

// A name that no durable and no key of ours has: what is asked for by it is never there, and the answer tells
// whether its stream is.
constexpr char kNobody[] = "meshwarden_probe";

// The fields that decide where messages go; limits are the operator's.
constexpr std::array kFields = {"subjects", "retention"};

class SpaceLook {
 public:
  SpaceLook(JetStreamApi& api, std::string_view space) : api_(api), space_(space) {}

  absl::Status LookAtStream(const std::string& name) {
    const absl::StatusOr<StreamInfo> found = api_.GetStream(name);
    MW_RETURN_IF_ERROR(Note(name, found.status()));
    if (!found.ok()) return absl::OkStatus();
    if (name == ChatStream(space_)) state_.chat_made = found->created;
    for (const StreamConfig& wanted : SpaceStreams(space_, 1)) {
      if (wanted.name == name) Compare(wanted, found->config);
    }
    return absl::OkStatus();
  }
  // By a durable that is not there.
  absl::Status LookForConsumersOf(const std::string& name) {
    return Note(name, api_.GetConsumer(name, kNobody).status());
  }
  // By a key that is not there.
  absl::Status LookAtBucket(const std::string& bucket) {
    const std::string name = BucketStream(bucket);
    return Note(name, api_.LastMessage(name, BucketSubject(bucket, kNobody)).status());
  }

  SpaceState Take() { return std::move(state_); }

 private:
  // OK if `status` tells whether the stream is there.
  absl::Status Note(const std::string& name, const absl::Status& status) {
    if (HasJsError(status, JsError::kStreamNotFound)) {
      state_.missing.push_back(name);
      return absl::OkStatus();
    }
    if (status.ok() || absl::IsNotFound(status)) return absl::OkStatus();
    return Annotate(status, fmt::format("stream {}", name));
  }

  void Compare(const StreamConfig& wanted, const Json& found) {
    for (const char* field : kFields) {
      const Json want = wanted.json.value(field, Json());
      const Json have = found.value(field, Json());
      if (have != want) {
        state_.wrong.push_back(fmt::format("{}: {} is {}, not {}", wanted.name, field,
                                           Printable(DumpJson(have), kMaxQuotedBytes), DumpJson(want)));
      }
    }
    if (found.value("no_ack", false)) {
      state_.wrong.push_back(
          fmt::format("{}: no_ack is set, so that nobody learns what is stored", wanted.name));
    }
  }

  JetStreamApi& api_;
  const std::string space_;
  SpaceState state_;
};

}  // namespace

absl::StatusOr<SpaceState> CheckSpace(JetStreamApi& api, std::string_view space,
                                      const SpaceSecrets& secrets) {
  SpaceLook look(api, space);
  MW_RETURN_IF_ERROR(look.LookAtStream(ChatStream(space)));
  MW_RETURN_IF_ERROR(look.LookAtStream(TaskStream(space)));
  MW_RETURN_IF_ERROR(look.LookAtBucket(AgentBucket(space)));
  if (!secrets.api.empty()) {
    MW_RETURN_IF_ERROR(look.LookForConsumersOf(DmStream(space)));
    MW_RETURN_IF_ERROR(look.LookAtBucket(ChannelBucket(space)));
  }
  return look.Take();
}

std::string ProblemOf(const SpaceState& state) {
  std::string text;
  if (!state.missing.empty()) {
    text = fmt::format("the broker has no {}; run meshwarden space setup", fmt::join(state.missing, ", "));
  }
  for (const std::string& wrong : state.wrong) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", wrong);
  }
  return text;
}

}  // namespace meshwarden
