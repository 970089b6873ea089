// An agent of the policy that does with its own credential what an agent's credential allows beyond what
// agents are for: it has the broker send answers, and messages that it wrote, wherever it likes. (What that
// reaches is in spec 6; the rows T23 to T25 of the threat model go by it.)
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>

#include "tests/support/mesh.h"

namespace meshwarden::testing {

class Attacker {
 public:
  // Provisioned as `name` of the policy, and moved to read `channel` only, where it writes what it aims: best
  // none that the victim reads, or what is aimed is itself a message for the victim.
  static absl::StatusOr<Attacker> Enter(Mesh& mesh, const std::string& name, const std::string& channel);

  const std::string& id() const { return agent_.id; }
  TestAgent& agent() { return agent_; }

  // Pulls from its own durable, where nothing waits, and has the answer sent to `target`.
  absl::Status AimStatus(const std::string& target);
  // Publishes into its own channel, and has the broker's answer sent to `target`.
  absl::Status AimPublishAnswer(const std::string& target);
  // Writes `count` messages of its own, and has them delivered to `target`.
  absl::Status AimMessages(const std::string& target, std::string_view text, int count = 1);
  // Reads one message of its own, and acknowledges it so that the next one is delivered to `target`.
  absl::Status AimByAcknowledgement(const std::string& target, std::string_view text);
  // The same by a consumer of its own presence record, which pushes to `target`.
  absl::Status AimByPush(const std::string& target, std::string_view text);

 private:
  Attacker(TestAgent agent, std::string channel) : agent_(std::move(agent)), channel_(std::move(channel)) {}
  absl::Status Write(std::string_view text);
  absl::Status Pull(const std::string& reply, const std::string& body);

  TestAgent agent_;
  std::string channel_;
};

}  // namespace meshwarden::testing
