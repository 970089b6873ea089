#include "provisioning/provisioner.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/space/durable_upkeep.h"
#include "endpoint/space/privileged.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "provisioning/minting/agent_credential.h"
#include "provisioning/records/agent_record.h"
#include "provisioning/reservation.h"

namespace meshwarden {
namespace {

absl::Status CheckSpaces(const Policy& policy, const Issuer& issuer) {
  if (policy.space() == issuer.space()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the policy is of space \"{}\", the issuer of \"{}\"", policy.space(), issuer.space()));
}

absl::StatusOr<const AgentPolicy*> FindAgent(const Policy& policy, const ProvisionOptions& options) {
  const AgentPolicy* agent = policy.FindByName(options.agent);
  if (agent != nullptr) return agent;
  return absl::NotFoundError(fmt::format("the policy has no agent {}", Quoted(options.agent)));
}

absl::Status CheckIdentity(const Policy& policy, const AgentPolicy& agent, const std::string& id) {
  MW_RETURN_IF_ERROR(Annotate(PublicNkey::ParseAs(NkeyKind::kUser, id).status(), "identity"));
  if (agent.id && *agent.id != id) {
    return absl::FailedPreconditionError(
        fmt::format("agent \"{}\" is pinned to the id {} and cannot be {}", agent.name, *agent.id, id));
  }
  const AgentPolicy* owner = policy.FindByPinnedId(id);
  if (owner != nullptr && owner->name != agent.name) {
    return absl::FailedPreconditionError(
        fmt::format("the id {} is pinned to agent \"{}\" and cannot be \"{}\"", id, owner->name, agent.name));
  }
  return absl::OkStatus();
}

// In the peers' words, which clients match on.
absl::Status NotWithin(const AgentPolicy& agent, const std::string& channel) {
  return absl::PermissionDeniedError(fmt::format("channel \"{}\" is not within allowSubscribe [{}]", channel,
                                                 fmt::join(agent.AllowSubscribePatterns(), ", ")));
}

bool MayRead(const AgentPolicy& agent, const std::string& channel) {
  const absl::StatusOr<ChannelPattern> pattern = ChannelPattern::Parse(channel);
  return pattern.ok() && MaySubscribe(agent, *pattern).allowed();
}

absl::StatusOr<std::vector<std::string>> ChannelsAtBirth(const AgentPolicy& agent,
                                                         const ProvisionOptions& options,
                                                         std::string_view space) {
  std::vector<std::string> channels = options.subscribe.value_or(agent.subscribe);
  for (const std::string& channel : channels) {
    MW_RETURN_IF_ERROR(ValidateChannel(channel));
    if (!MayRead(agent, channel)) return NotWithin(agent, channel);
  }
  MW_RETURN_IF_ERROR(ChatFilterSubjects(space, channels).status());
  return channels;
}

// What a provisioning works with once everything has been checked.
struct Plan {
  const AgentPolicy& agent;
  std::string space;
  std::string id;
  std::vector<std::string> at_birth;
  bool was_live = false;
};

// What a call has made where nothing was, and may take back. A role's queue is not among it: others of the
// role may have come to rely on it the moment it was there.
using Made = std::vector<ConsumerInfo>;

void Note(const UpheldDurable& durable, Made& made) {
  if (durable.made) made.push_back(durable.info);
}

absl::Status MakeChatDurable(Privileged& privileged, const Plan& plan, ProvisionResult& result, Made& made) {
  const auto keep = [&plan](std::span<const std::string> filters) {
    return ChannelsToKeep(plan.agent, plan.space, filters, plan.at_birth);
  };
  absl::StatusOr<UpheldDurable> durable = privileged.ProvisionChatDurable(
      {.id = plan.id, .at_birth = plan.at_birth, .keep = keep, .in_use = plan.was_live});
  MW_RETURN_IF_ERROR(Annotate(durable.status(), "chat durable"));
  Note(*durable, made);
  result.created = durable->made;
  result.channels = keep(durable->info.config.Filters());
  return absl::OkStatus();
}

absl::Status MakeDurables(JetStreamApi& api, const Plan& plan, ProvisionResult& result, Made& made) {
  Privileged privileged(api, plan.space);
  MW_RETURN_IF_ERROR(MakeChatDurable(privileged, plan, result, made));
  const absl::StatusOr<UpheldDurable> inbox = privileged.ProvisionDmInbox(plan.id);
  MW_RETURN_IF_ERROR(Annotate(inbox.status(), "DM durable"));
  Note(*inbox, made);
  if (!plan.agent.role) return absl::OkStatus();
  return Annotate(privileged.ProvisionTaskQueue(*plan.agent.role).status(), "task queue");
}

// Deletes one that was made.
absl::Status Unmake(const ProvisionParts& parts, const ConsumerInfo& durable, SystemTime until) {
  if (parts.clock.Now() >= until) return absl::DeadlineExceededError("there was no time left to delete it");
  MW_ASSIGN_OR_RETURN(const DeletedDurable deleted, DeleteDurable(parts.api, durable));
  if (deleted != DeletedDurable::kUnclear) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "it is there, and the broker does not tell whether it was made before");
}

absl::Status UnmakeAll(const ProvisionParts& parts, const Made& made, SystemTime until) {
  absl::Status status = absl::OkStatus();
  for (const ConsumerInfo& durable : made) {
    const absl::Status deleted = Unmake(parts, durable, until);
    if (status.ok()) status = Annotate(deleted, durable.name);
  }
  return status;
}

}  // namespace

std::vector<std::string> ChannelsToKeep(const AgentPolicy& agent, std::string_view space,
                                        std::span<const std::string> filter_subjects,
                                        std::span<const std::string> at_birth) {
  std::vector<std::string> kept;
  for (const std::string& filter : filter_subjects) {
    std::optional<std::string> channel = ChannelOfFilter(space, filter);
    if (channel && MayRead(agent, *channel)) kept.push_back(*std::move(channel));
  }
  if (kept.empty()) kept.assign(at_birth.begin(), at_birth.end());
  return kept;
}

absl::StatusOr<ProvisionResult> ProvisionAgent(const ProvisionParts& parts, const ProvisionOptions& options) {
  const auto& [api, records, policy, issuer, clock] = parts;
  MW_RETURN_IF_ERROR(CheckSpaces(policy, issuer));
  MW_ASSIGN_OR_RETURN(const AgentPolicy* agent, FindAgent(policy, options));
  MW_RETURN_IF_ERROR(CheckIdentity(policy, *agent, options.id));
  Plan plan{.agent = *agent, .space = policy.space(), .id = options.id, .at_birth = {}, .was_live = false};
  MW_ASSIGN_OR_RETURN(plan.at_birth, ChannelsAtBirth(*agent, options, plan.space));
  const MintOptions credential = CredentialOf(*agent, plan.space, plan.id);
  MW_RETURN_IF_ERROR(MintUserJwt(issuer, credential, clock).status());  // would it come out?

  MW_ASSIGN_OR_RETURN(
      Reservation reservation,
      Reservation::Make(records, clock,
                        {.id = plan.id, .agent = agent->name, .provisioned_at = clock.Now()}));
  plan.was_live = reservation.was_live();
  ProvisionResult result;
  Made made;
  absl::Status status = MakeDurables(api, plan, result, made);
  if (status.ok()) status = reservation.Complete();
  if (!status.ok()) {
    return reservation.TakeBack(status,
                                [&parts, &made](SystemTime until) { return UnmakeAll(parts, made, until); });
  }
  MW_ASSIGN_OR_RETURN(result.jwt, MintUserJwt(issuer, credential, clock));
  return result;
}

}  // namespace meshwarden
