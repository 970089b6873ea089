// A space on a real broker, and agents provisioned in it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_api.h"
#include "endpoint/nats/connection.h"
#include "policy/policy.h"
#include "proto/channel_pattern.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "provisioning/minting/credential.h"
#include "provisioning/minting/mint.h"
#include "provisioning/provisioner.h"
#include "provisioning/records/record_keeper.h"
#include "provisioning/space/space.h"
#include "provisioning/space/space_setup.h"
#include "tests/support/broker.h"

namespace meshwarden {

inline constexpr std::chrono::milliseconds kBrokerTimeout{10'000};
inline constexpr char kSpace[] = "main";
inline const SystemTime kNow{std::chrono::seconds(1'900'000'000)};

using Strings = std::vector<std::string>;

inline std::string NewId() { return KeyPair::Generate(NkeyKind::kUser)->public_key().text(); }

inline Grants GrantsOf(const Strings& patterns) {
  Grants grants;
  for (const std::string& pattern : patterns)
    grants.push_back({*ChannelPattern::Parse(pattern), {}, "agent"});
  return grants;
}

inline AgentPolicy Agent(const std::string& name, const Strings& subscribe, const Strings& allow_subscribe) {
  AgentPolicy agent;
  agent.name = name;
  agent.subscribe = subscribe;
  agent.allow_subscribe = GrantsOf(allow_subscribe);
  return agent;
}

// The broker of a test brings its own store; a server refuses to be told of two.
inline std::string WithoutStore(std::string config) {
  const std::size_t start = config.find("  store_dir: ");
  return config.erase(start, config.find('\n', start) - start);
}

// A real broker with a fresh space, worked on with the setup credential that it came with.
class ProvisionerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/space.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    SpaceInitOptions init;
    init.space = kSpace;
    init.directory = pattern + "/space";
    ASSERT_THAT(InitSpace(init, Clock::System()), ::meshwarden::testing::IsOk());
    MW_ASSERT_OK_AND_ASSIGN(Issuer issuer, Issuer::Load(init.directory + "/issuer.json"));
    issuer_ = std::make_unique<Issuer>(std::move(issuer));
    testing::BrokerOptions broker;
    broker.config = WithoutStore(*ReadFile(init.directory + "/server.conf", 1 << 16));
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start(std::move(broker)));
    MW_ASSERT_OK_AND_ASSIGN(Creds setup, Creds::Load(init.directory + "/creds/setup.creds"));
    setup_ = std::make_shared<const Creds>(std::move(setup));
    secrets_ = ViewCredential(setup_->decoded())->secrets;
    ASSERT_NO_FATAL_FAILURE(Connect());
    ASSERT_THAT(SetUpSpace(*api_, kSpace, secrets_, /*replicas=*/1), ::meshwarden::testing::IsOk());
  }
  void Connect() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.creds = setup_;
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kBrokerTimeout);
    records_ = std::make_unique<RecordKeeper>(*api_, kSpace, secrets_);
  }

  absl::StatusOr<ProvisionResult> Provision(std::vector<AgentPolicy> agents, const ProvisionOptions& options,
                                            const std::string& space = kSpace) {
    const auto policy = *Policy::Create(space, "r1", std::move(agents));
    return ProvisionAgent({.api = *api_,
                           .records = *records_,
                           .policy = *policy,
                           .issuer = *issuer_,
                           .clock = FixedClock(kNow)},
                          options);
  }
  absl::StatusOr<ConsumerInfo> Chat(const std::string& id) {
    return api_->GetConsumer(ChatStream(kSpace), ChatDurable(id));
  }
  // True if nothing of a provisioning is there.
  bool IsUnknown(const std::string& id) {
    return absl::IsNotFound(Chat(id).status()) &&
           absl::IsNotFound(api_->GetConsumer(DmStream(kSpace), DmDurable(id)).status()) &&
           absl::IsNotFound(records_->Read(id).status());
  }

  std::unique_ptr<Issuer> issuer_;
  std::shared_ptr<const Creds> setup_;
  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  SpaceSecrets secrets_;
  std::unique_ptr<RecordKeeper> records_;
  const std::string id_ = NewId();
  const ProvisionOptions options_{.agent = "worker", .id = id_, .subscribe = std::nullopt};
};

}  // namespace meshwarden
