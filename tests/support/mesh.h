// A whole space for a test: trust chain, real broker, streams, policy, agents, and managers as real
// processes.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "policy/policy.h"
#include "proto/control.h"
#include "provisioning/minting/mint.h"
#include "provisioning/minting/space_secrets.h"
#include "provisioning/provisioner.h"
#include "provisioning/records/record_keeper.h"
#include "tests/support/broker.h"
#include "tests/support/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/process.h"

namespace meshwarden::testing {

// An agent that was provisioned, with its connection.
struct TestAgent {
  std::string name;  // in the policy
  std::string id;
  std::shared_ptr<const Creds> creds;
  std::unique_ptr<Connection> connection;
};

class Mesh {
 public:
  // What space init wrote: today, or by a version that knew no secret tokens (see earlier_space.h).
  enum class Made { kToday, kByAnEarlierVersion };
  // Starts a broker with a fresh trust chain and sets up the space "main" under `policy_yaml`.
  static absl::StatusOr<std::unique_ptr<Mesh>> Start(std::string_view policy_yaml, Made made = Made::kToday);
  // The same on a cluster of three servers, which all streams are stored on. There is no broker() then; what
  // connects by this object is not concerned by cuts, agents and managers are.
  static absl::StatusOr<std::unique_ptr<Mesh>> StartOnCluster(std::string_view policy_yaml);
  ~Mesh();

  TestBroker& broker() { return *broker_; }
  std::string url() const { return broker_->url(); }
  TestCluster& cluster() { return *cluster_; }
  // Of all servers, for agents.
  std::vector<std::string> urls() const;
  const std::string& directory() const { return directory_; }
  const Policy& policy() const { return *policy_; }
  const Issuer& issuer() const { return *issuer_; }
  // A connection that may do anything in the space: the test's own eyes and hands.
  Connection& root() { return *root_; }
  JetStreamApi& root_api() { return *root_api_; }
  // The connection and API that a launcher has: setup credentials.
  Connection& setup() { return *setup_; }
  JetStreamApi& setup_api() { return *setup_api_; }
  // The space's secret tokens, as its setup credential knows them, and the agents' records as that finds
  // them.
  const SpaceSecrets& secrets() const { return secrets_; }
  RecordKeeper& records() { return *records_; }

  // The subject by which a privileged party reaches what plain "$JS.API.<tail>" no longer does.
  std::string SecretApi(std::string_view tail) const;
  const std::string& api_token() const { return secrets_.api; }

  // The path of one of the files that `space init` wrote: "creds/setup.creds", "issuer.json".
  std::string PathOf(std::string_view name) const;

  // Starts the broker anew with what stands in server.conf and creds now, and connects root and setup again.
  absl::Status RestartBroker();

  // Makes durables and record of a new identity as `agent` of the policy, and connects it. A pinned agent
  // needs its `user` key pair.
  absl::StatusOr<TestAgent> Provision(const std::string& agent, std::optional<KeyPair> user = std::nullopt);
  // The same for an identity that the caller has, as a launcher with setup credentials would.
  absl::StatusOr<ProvisionResult> ProvisionId(const std::string& agent, const std::string& id);
  absl::StatusOr<std::unique_ptr<Connection>> Connect(std::shared_ptr<const Creds> creds);
  // The same, as one of the credentials that `space init` wrote: "manager", "admin", "observer", …
  absl::StatusOr<std::unique_ptr<Connection>> ConnectAs(std::string_view name);
  // A credential of the account for a new identity, whatever the policy says; with the space's secrets, or
  // others.
  absl::StatusOr<std::shared_ptr<const Creds>> Mint(Profile profile) { return Mint(profile, secrets_); }
  absl::StatusOr<std::shared_ptr<const Creds>> Mint(Profile profile, const SpaceSecrets& secrets);

  // Starts meshwardend under the policy and waits until it is ready. The files it needs are in PathOf().
  absl::StatusOr<std::unique_ptr<Process>> StartManager();
  // One that watches the broker, too.
  absl::StatusOr<std::unique_ptr<Process>> StartWatchingManager();
  // The same without waiting, with more arguments. `log_path`: where its log goes, if it is not to be
  // gathered.
  absl::StatusOr<std::unique_ptr<Process>> LaunchManager(const std::vector<std::string>& arguments,
                                                         const std::string& log_path = "");

  // Hardens what space init wrote: from now on PathOf() and setup() mean the credentials of today. The broker
  // and what is stored there stay as they are.
  absl::Status Harden();

  // The filter subjects of the agent's chat durable, as the broker has them now, sorted.
  absl::StatusOr<std::vector<std::string>> FiltersOf(std::string_view id);

 private:
  Mesh() = default;
  enum class Brokers { kOne, kCluster };
  absl::Status Prepare(std::string_view policy_yaml, Made made, Brokers brokers);
  absl::Status StartBrokers(Brokers brokers);
  absl::Status SetUp();
  // Learns the secret tokens, and connects those who have them.
  absl::Status ConnectPrivileged();
  void Disconnect();

  std::string directory_;
  std::shared_ptr<const Policy> policy_;
  std::optional<Issuer> issuer_;
  SpaceSecrets secrets_;
  std::unique_ptr<TestBroker> broker_;    // or
  std::unique_ptr<TestCluster> cluster_;  // the other is null
  std::unique_ptr<Connection> root_;
  std::unique_ptr<JetStreamApi> root_api_;
  std::unique_ptr<Connection> setup_;
  std::unique_ptr<JetStreamApi> setup_api_;
  std::unique_ptr<RecordKeeper> records_;
};

// Asks service `self` for `channels` as `agent` and returns the manager's answer.
absl::StatusOr<ControlReply> SetChannels(TestAgent& agent, const std::vector<std::string>& channels);

// Sends `payload` to service `self` as `agent`, whatever it is, and returns the answer.
absl::StatusOr<ControlReply> SendRaw(TestAgent& agent, std::string_view payload);
// The payload of a setChannels request of `from_id`.
std::string SetChannelsPayload(std::string_view from_id, const std::vector<std::string>& channels);

// "cotal.main.chat.*.<channel>" for each channel, sorted: what FiltersOf returns after a granted request.
std::vector<std::string> FiltersFor(const std::vector<std::string>& channels);

// Texts of the messages that the agent's chat durable (or another consumer) holds for it now, acknowledged.
absl::StatusOr<std::vector<NatsMessage>> Receive(TestAgent& agent, std::string_view stream,
                                                 std::string_view consumer);

}  // namespace meshwarden::testing
