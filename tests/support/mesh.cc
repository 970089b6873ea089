#include "tests/support/mesh.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "endpoint/jetstream/fetch.h"
#include "policy/loader.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "provisioning/minting/credential.h"
#include "provisioning/space/harden.h"
#include "provisioning/space/space.h"
#include "provisioning/space/space_setup.h"
#include "tests/support/earlier_space.h"

namespace meshwarden::testing {
namespace {

constexpr std::chrono::milliseconds kRequestTimeout{5000};
constexpr std::chrono::milliseconds kSettleTime{500};
constexpr char kSpace[] = "main";

absl::StatusOr<std::string> MakeScratchDirectory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  std::string pattern = fmt::format("{}/mesh.XXXXXX", parent == nullptr ? "/tmp" : parent);
  if (::mkdtemp(pattern.data()) == nullptr) return absl::InternalError("cannot make a scratch directory");
  return pattern;
}

// The broker keeps its store in a folder of its own, and the server refuses to be told of two.
absl::StatusOr<std::string> ServerConfigWithoutStore(const std::string& path) {
  MW_ASSIGN_OR_RETURN(std::string text, ReadFile(path, 1 << 20));
  const std::size_t found = text.find("store_dir");
  if (found == std::string::npos) return absl::InternalError(path + " names no store_dir");
  text.erase(found, text.find('\n', found) - found);
  return text;
}

absl::StatusOr<SpaceSecrets> SecretsIn(const std::string& path) {
  MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Load(path));
  MW_ASSIGN_OR_RETURN(CredentialView view, ViewCredential(creds.decoded()));
  return std::move(view).secrets;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mesh>> Mesh::Start(std::string_view policy_yaml, Made made) {
  std::unique_ptr<Mesh> mesh(new Mesh());
  MW_RETURN_IF_ERROR(mesh->Prepare(policy_yaml, made, Brokers::kOne));
  return mesh;
}

absl::StatusOr<std::unique_ptr<Mesh>> Mesh::StartOnCluster(std::string_view policy_yaml) {
  std::unique_ptr<Mesh> mesh(new Mesh());
  MW_RETURN_IF_ERROR(mesh->Prepare(policy_yaml, Made::kToday, Brokers::kCluster));
  return mesh;
}

absl::Status Mesh::Prepare(std::string_view policy_yaml, Made made, Brokers brokers) {
  MW_ASSIGN_OR_RETURN(directory_, MakeScratchDirectory());
  const std::string policy_file = directory_ + "/policy.yaml";
  MW_RETURN_IF_ERROR(WriteFile(policy_file, policy_yaml, {.mode = FileMode::kReadable}));
  const PolicyLoadResult loaded = LoadPolicy(policy_file);
  MW_RETURN_IF_ERROR(loaded.ToStatus());
  policy_ = loaded.policy;

  SpaceInitOptions init;
  init.space = kSpace;
  init.directory = directory_ + "/space";
  init.server.store_dir = directory_ + "/store";
  MW_RETURN_IF_ERROR(InitSpace(init, Clock::System()));
  if (made == Made::kByAnEarlierVersion) {
    MW_RETURN_IF_ERROR(MakeItOfAnEarlierVersion(init.directory));
  }
  MW_ASSIGN_OR_RETURN(issuer_, Issuer::Load(PathOf("issuer.json")));

  MW_RETURN_IF_ERROR(StartBrokers(brokers));
  MW_RETURN_IF_ERROR(ConnectPrivileged());
  return SetUp();
}

absl::Status Mesh::SetUp() {
  if (cluster_ == nullptr) return SetUpSpace(*setup_api_, kSpace, secrets_, /*replicas=*/1).status();
  // Servers that have not heard of their cluster's leader yet, or of each other, can't do it, nor can they
  // say for sure that they did.
  absl::Status status;
  const auto done = [&] {
    status = SetUpSpace(*setup_api_, kSpace, secrets_, /*replicas=*/TestCluster::kServers).status();
    return status.ok();
  };
  (void)Eventually(done);
  return status;
}

absl::Status Mesh::StartBrokers(Brokers brokers) {
  BrokerOptions broker;
  MW_ASSIGN_OR_RETURN(broker.config, ServerConfigWithoutStore(PathOf("server.conf")));
  if (brokers == Brokers::kCluster) {
    MW_ASSIGN_OR_RETURN(cluster_, TestCluster::Start(broker.config));
  } else {
    MW_ASSIGN_OR_RETURN(broker_, TestBroker::Start(std::move(broker)));
  }
  return absl::OkStatus();
}

std::vector<std::string> Mesh::urls() const {
  return cluster_ == nullptr ? std::vector<std::string>{broker_->url()} : cluster_->urls();
}

absl::Status Mesh::ConnectPrivileged() {
  MW_ASSIGN_OR_RETURN(secrets_, SecretsIn(PathOf("creds/setup.creds")));
  MW_ASSIGN_OR_RETURN(const auto unrestricted, Mint(Profile::kUnrestricted));
  MW_ASSIGN_OR_RETURN(root_, Connect(unrestricted));
  root_api_ = std::make_unique<JetStreamApi>(*root_, kRequestTimeout, secrets_.api);
  MW_ASSIGN_OR_RETURN(setup_, ConnectAs("setup"));
  setup_api_ = std::make_unique<JetStreamApi>(*setup_, kRequestTimeout, secrets_.api);
  records_ = std::make_unique<RecordKeeper>(*setup_api_, kSpace, secrets_);
  return absl::OkStatus();
}

absl::Status Mesh::Harden() {
  MW_RETURN_IF_ERROR(HardenSpace({.directory = directory_ + "/space"}, Clock::System()).status());
  Disconnect();
  return ConnectPrivileged();
}

void Mesh::Disconnect() {
  records_.reset();
  setup_api_.reset();
  setup_.reset();
  root_api_.reset();
  root_.reset();
}

absl::Status Mesh::RestartBroker() {
  Disconnect();
  MW_ASSIGN_OR_RETURN(const std::string config, ServerConfigWithoutStore(PathOf("server.conf")));
  MW_RETURN_IF_ERROR(broker_->SetConfig(config));
  MW_RETURN_IF_ERROR(broker_->Restart());
  return ConnectPrivileged();
}

Mesh::~Mesh() {
  Disconnect();
  broker_.reset();
  cluster_.reset();
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::string Mesh::SecretApi(std::string_view tail) const {
  return fmt::format("$JS.API.{}.{}", secrets_.api, tail);
}

std::string Mesh::PathOf(std::string_view name) const { return fmt::format("{}/space/{}", directory_, name); }

absl::StatusOr<std::unique_ptr<Connection>> Mesh::Connect(std::shared_ptr<const Creds> creds) {
  ConnectionOptions options;
  options.servers = cluster_ == nullptr ? urls() : cluster_->direct_urls();
  options.name = "test";
  options.creds = std::move(creds);
  return Connection::Open(std::move(options));
}

absl::StatusOr<std::unique_ptr<Connection>> Mesh::ConnectAs(std::string_view name) {
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Load(PathOf(fmt::format("creds/{}.creds", name))));
  return Connect(std::make_shared<const Creds>(std::move(creds)));
}

absl::StatusOr<std::shared_ptr<const Creds>> Mesh::Mint(Profile profile, const SpaceSecrets& secrets) {
  MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  MintOptions options;
  options.profile = profile;
  options.permissions.space = kSpace;
  options.permissions.id = user.public_key().text();
  options.permissions.secrets = secrets;
  MW_ASSIGN_OR_RETURN(Creds creds, MintCreds(*issuer_, options, std::move(user), Clock::System()));
  return std::make_shared<const Creds>(std::move(creds));
}

absl::StatusOr<TestAgent> Mesh::Provision(const std::string& agent, std::optional<KeyPair> user) {
  if (!user.has_value()) {
    MW_ASSIGN_OR_RETURN(user, KeyPair::Generate(NkeyKind::kUser));
  }
  TestAgent provisioned;
  provisioned.name = agent;
  provisioned.id = user->public_key().text();
  MW_ASSIGN_OR_RETURN(const ProvisionResult result, ProvisionId(agent, provisioned.id));
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Make(result.jwt, *std::move(user)));
  provisioned.creds = std::make_shared<const Creds>(std::move(creds));
  MW_ASSIGN_OR_RETURN(provisioned.connection, Connect(provisioned.creds));
  return provisioned;
}

absl::StatusOr<ProvisionResult> Mesh::ProvisionId(const std::string& agent, const std::string& id) {
  return ProvisionAgent({.api = *setup_api_,
                         .records = *records_,
                         .policy = *policy_,
                         .issuer = *issuer_,
                         .clock = Clock::System()},
                        {.agent = agent, .id = id, .subscribe = std::nullopt});
}

absl::StatusOr<std::unique_ptr<Process>> Mesh::LaunchManager(const std::vector<std::string>& arguments,
                                                             const std::string& log_path) {
  const std::string config = fmt::format(
      "space: {}\nservers: [\"{}\"]\ncredentials: {}\nmover_credentials: {}\npolicy: {}/policy.yaml\n",
      kSpace, fmt::join(urls(), "\", \""), PathOf("creds/manager.creds"), PathOf("creds/mover.creds"),
      directory_);
  const std::string path = directory_ + "/meshwardend.yaml";
  MW_RETURN_IF_ERROR(WriteFile(path, config, {.mode = FileMode::kReadable, .if_exists = IfExists::kReplace}));
  ProcessOptions options;
  options.argv = {Runfile("manager/meshwardend"), "--config", path};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.error_path = log_path;
  return Process::Start(options);
}

absl::StatusOr<std::unique_ptr<Process>> Mesh::StartManager() {
  MW_ASSIGN_OR_RETURN(std::unique_ptr<Process> manager, LaunchManager({}));
  MW_RETURN_IF_ERROR(manager->WaitForOutput("ready", kPatience));
  return manager;
}

absl::StatusOr<std::unique_ptr<Process>> Mesh::StartWatchingManager() {
  MW_ASSIGN_OR_RETURN(std::unique_ptr<Process> manager,
                      LaunchManager({"--watcher-credentials", PathOf("creds/watcher.creds")}));
  MW_RETURN_IF_ERROR(manager->WaitForOutput("the places of all durables are known", kPatience));
  MW_RETURN_IF_ERROR(manager->WaitForOutput("ready", kPatience));
  return manager;
}

absl::StatusOr<std::vector<std::string>> Mesh::FiltersOf(std::string_view id) {
  // After a restart of the broker the test's own connection may still be on its way back.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  absl::StatusOr<ConsumerInfo> info = absl::UnavailableError("not asked yet");
  while (absl::IsUnavailable(info.status()) && std::chrono::steady_clock::now() < deadline) {
    info = root_api_->GetConsumer(ChatStream(kSpace), ChatDurable(id));
    std::this_thread::yield();
  }
  MW_RETURN_IF_ERROR(info.status());
  std::vector<std::string> filters = info->config.Filters();
  std::sort(filters.begin(), filters.end());
  return filters;
}

absl::StatusOr<ControlReply> SetChannels(TestAgent& agent, const std::vector<std::string>& channels) {
  return SendRaw(agent, SetChannelsPayload(agent.id, channels));
}

absl::StatusOr<ControlReply> SendRaw(TestAgent& agent, std::string_view payload) {
  MW_ASSIGN_OR_RETURN(
      const NatsMessage answer,
      agent.connection->Request(ControlSubject(kSpace, kSelfService, agent.id), payload, kRequestTimeout));
  return DecodeControlReply(answer.payload);
}

std::string SetChannelsPayload(std::string_view from_id, const std::vector<std::string>& channels) {
  const Json payload = {{"op", "setChannels"},
                        {"args", {{"channels", channels}}},
                        {"from", {{"id", from_id}, {"name", "test"}}}};
  return DumpJson(payload);
}

std::vector<std::string> FiltersFor(const std::vector<std::string>& channels) {
  std::vector<std::string> filters;
  for (const std::string& channel : channels) {
    filters.push_back(fmt::format("cotal.{}.chat.*.{}", kSpace, channel));
  }
  std::sort(filters.begin(), filters.end());
  return filters;
}

absl::StatusOr<std::vector<NatsMessage>> Receive(TestAgent& agent, std::string_view stream,
                                                 std::string_view consumer) {
  MW_ASSIGN_OR_RETURN(std::vector<NatsMessage> messages, Fetch(*agent.connection, stream, consumer, {}));
  // A message that has just been stored may not have been counted for the consumer yet.
  if (messages.empty()) {
    MW_ASSIGN_OR_RETURN(messages, Fetch(*agent.connection, stream, consumer, {.wait = kSettleTime}));
  }
  for (const NatsMessage& message : messages) MW_RETURN_IF_ERROR(Ack(*agent.connection, message));
  MW_RETURN_IF_ERROR(agent.connection->Flush(kRequestTimeout));
  return messages;
}

}  // namespace meshwarden::testing
