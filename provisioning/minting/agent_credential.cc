#include "provisioning/minting/agent_credential.h"

#include <chrono>

namespace meshwarden {

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

}  // namespace meshwarden
