#include "provisioning/provisioner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/space/privileged.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "provisioning/agent_record.h"

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

MintOptions CredentialOf(const AgentPolicy& agent, const std::string& space, const std::string& id) {
  MintOptions options;
  options.profile = Profile::kAgent;
  options.permissions.space = space;
  options.permissions.id = id;
  options.permissions.allow_subscribe = agent.AllowSubscribePatterns();
  options.permissions.allow_publish = agent.AllowPublishPatterns();
  options.permissions.role = agent.role;
  options.permissions.capabilities = agent.capabilities;
  if (agent.credential_ttl) options.ttl = std::chrono::ceil<std::chrono::seconds>(*agent.credential_ttl);
  return options;
}

absl::Status CheckRecord(RecordKeeper& records, const ProvisionOptions& options) {
  const absl::StatusOr<AgentRecord> record = records.Read(options.id);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  MW_RETURN_IF_ERROR(record.status());
  return CheckSameAgent(*record, options.agent);
}

// What a provisioning works with once everything has been checked.
struct Plan {
  const AgentPolicy& agent;
  std::string space;
  std::string id;
  std::vector<std::string> at_birth;
};

// True if the filters select these channels, one by one: nothing has to be moved then.
bool Select(const std::vector<std::string>& filter_subjects, std::string_view space,
            const std::vector<std::string>& channels) {
  return std::equal(filter_subjects.begin(), filter_subjects.end(), channels.begin(), channels.end(),
                    [space](const std::string& filter, const std::string& channel) {
                      return ChannelOfFilter(space, filter) == channel;
                    });
}

absl::Status MakeChatDurable(JetStreamApi& api, Privileged& privileged, const Plan& plan,
                             ProvisionResult& result) {
  const absl::Status there = api.GetConsumer(ChatStream(plan.space), ChatDurable(plan.id)).status();
  result.created = HasJsError(there, JsError::kConsumerNotFound);
  if (!result.created) MW_RETURN_IF_ERROR(Annotate(there, "chat durable"));
  const absl::StatusOr<ConsumerInfo> durable = privileged.ProvisionChatDurable(plan.id, plan.at_birth);
  MW_RETURN_IF_ERROR(Annotate(durable.status(), "chat durable"));
  const std::vector<std::string> filters = durable->config.Filters();
  result.channels = ChannelsToKeep(plan.agent, plan.space, filters, plan.at_birth);
  if (Select(filters, plan.space, result.channels)) return absl::OkStatus();
  return Annotate(privileged.SetChatFilterFor(plan.id, result.channels),
                  "chat durable: cutting its filter back");
}

absl::Status MakeDurables(JetStreamApi& api, const Plan& plan, ProvisionResult& result) {
  Privileged privileged(api, plan.space);
  MW_RETURN_IF_ERROR(MakeChatDurable(api, privileged, plan, result));
  MW_RETURN_IF_ERROR(Annotate(privileged.ProvisionDmInbox(plan.id).status(), "DM durable"));
  if (!plan.agent.role) return absl::OkStatus();
  return Annotate(privileged.ProvisionTaskQueue(*plan.agent.role).status(), "task queue");
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
  Plan plan{.agent = *agent, .space = policy.space(), .id = options.id, .at_birth = {}};
  MW_ASSIGN_OR_RETURN(plan.at_birth, ChannelsAtBirth(*agent, options, plan.space));
  const MintOptions credential = CredentialOf(*agent, plan.space, plan.id);
  MW_RETURN_IF_ERROR(MintUserJwt(issuer, credential, clock).status());  // would it come out?
  MW_RETURN_IF_ERROR(CheckRecord(records, options));

  ProvisionResult result;
  MW_RETURN_IF_ERROR(MakeDurables(api, plan, result));
  MW_RETURN_IF_ERROR(records.Write({.id = plan.id, .agent = agent->name, .provisioned_at = clock.Now()}));
  MW_ASSIGN_OR_RETURN(result.jwt, MintUserJwt(issuer, credential, clock));
  return result;
}

}  // namespace meshwarden
