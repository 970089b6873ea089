#include "manager/daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/status_matchers.h"

namespace meshwarden::config_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPath[] = "/etc/meshwarden/meshwardend.yaml";

absl::StatusOr<Config> Parse(std::string_view yaml) { return ParseConfig(yaml, kPath); }

// The message for a file that must be refused.
std::string Refusal(std::string_view yaml) {
  const absl::StatusOr<Config> config = Parse(yaml);
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument)) << yaml;
  return std::string(config.status().message());
}

TEST(Config, AWholeFileIsRead) {
  MW_ASSERT_OK_AND_ASSIGN(const Config config, Parse(R"(
space: main
servers: [nats://10.0.0.1:4222, nats://10.0.0.2:4222]
credentials: creds/manager.creds
mover_credentials: /secret/mover.creds
watcher_credentials: creds/watcher.creds
issuer: ../issuer.json
policy: policy.d
log: {level: debug, format: json}
limits: {in_flight: 8, per_agent_waiting: 4, waiting: 32}
tls: {ca: ca.pem, cert: c.pem, key: c.key, server_name: nats.example}
)"));
  EXPECT_EQ(config.space, "main");
  EXPECT_THAT(config.servers, ElementsAre("nats://10.0.0.1:4222", "nats://10.0.0.2:4222"));
  EXPECT_EQ(config.credentials, "/etc/meshwarden/creds/manager.creds");
  EXPECT_EQ(config.mover_credentials, "/secret/mover.creds");
  EXPECT_EQ(config.watcher_credentials, "/etc/meshwarden/creds/watcher.creds");
  EXPECT_EQ(config.issuer, "/etc/issuer.json");
  EXPECT_EQ(config.policy, "/etc/meshwarden/policy.d");
}

TEST(Config, SectionsAreRead) {
  MW_ASSERT_OK_AND_ASSIGN(const Config config, Parse("log: {level: debug, format: json}\n"
                                                     "limits: {in_flight: 8, per_agent_waiting: 4}\n"
                                                     "tls: {ca: ca.pem, server_name: nats.example, "
                                                     "handshake_first: true}\n"));
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.limits.running, 8U);
  EXPECT_EQ(config.limits.waiting_per_agent, 4U);
  EXPECT_TRUE(config.tls.required);
  EXPECT_EQ(config.tls.ca_file, "/etc/meshwarden/ca.pem");
  EXPECT_TRUE(config.tls.handshake_first);
}

TEST(Config, HandshakeFirstIsTrueOrFalse) {
  EXPECT_FALSE(Parse("tls: {ca: ca.pem, handshake_first: false}\n")->tls.handshake_first);
  EXPECT_THAT(Parse("tls: {ca: ca.pem, handshake_first: auto}\n"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("true or false")));
}

TEST(Config, WhatIsLeftOutHasItsDefault) {
  MW_ASSERT_OK_AND_ASSIGN(const Config config, Parse("space: main\n"));
  EXPECT_THAT(config.servers, IsEmpty());
  EXPECT_EQ(config.limits.running, 256U);
  EXPECT_EQ(config.limits.waiting_per_agent, 16U);
  EXPECT_EQ(config.limits.waiting, 1024U);
  EXPECT_EQ(config.log.level, LogLevel::kInfo);
  EXPECT_EQ(config.watcher_credentials, "");
  EXPECT_FALSE(config.tls.required);
}

TEST(Config, OneServerMayBeAString) {
  MW_ASSERT_OK_AND_ASSIGN(const Config config, Parse("servers: nats://localhost:4222\n"));
  EXPECT_THAT(config.servers, ElementsAre("nats://localhost:4222"));
  MW_ASSERT_OK_AND_ASSIGN(const Config list, Parse("servers: nats://a:1, nats://b:2,c\n"));
  EXPECT_THAT(list.servers, ElementsAre("nats://a:1", "nats://b:2", "c"));
  MW_ASSERT_OK_AND_ASSIGN(const Config both, Parse("servers: [nats://a:1, \"nats://b:2,c\"]\n"));
  EXPECT_THAT(both.servers, ElementsAre("nats://a:1", "nats://b:2", "c"));
  EXPECT_THAT(Refusal("servers: nats://a:1,,c\n"), HasSubstr("the host is missing"));
  EXPECT_THAT(Refusal("servers: nats://a:1,\n"), HasSubstr("the host is missing"));
}

TEST(Config, AnUnknownKeyIsNamedWithItsPlaceAndASuggestion) {
  EXPECT_THAT(Refusal("space: main\nmover_credential: x\n"),
              AllOf(HasSubstr("meshwardend.yaml:2:1: unknown key \"mover_credential\" in the configuration"),
                    HasSubstr("mover_credentials")));
  EXPECT_THAT(Refusal("log: {leval: info}\n"),
              AllOf(HasSubstr(":1:7: unknown key \"leval\" in log"), HasSubstr("level")));
  EXPECT_THAT(Refusal("zzzzzzzz: 1\n"), HasSubstr("the keys are space, servers, credentials"));
}

TEST(Config, KeysOfLaterVersionsAreRefusedAsSuch) {
  EXPECT_THAT(Refusal("metrics: {listen: 1}\n"), HasSubstr("this version of meshwardend has no metrics"));
  EXPECT_THAT(Refusal("audit: {interval: 1h}\n"), HasSubstr("this version of meshwardend has no audit"));
}

TEST(Config, EveryProblemIsNamedInOneRun) {
  EXPECT_THAT(Refusal("space: a b\nservers: http://x\nlimits: {in_flight: 0}\nlog: {format: xml}\n"),
              AllOf(HasSubstr(":1:8: the name of a space"), HasSubstr(":2:10: "),
                    HasSubstr(":3:21: this must be a whole number from 1 to 1024"),
                    HasSubstr(":4:15: the log format must be text or json")));
}

TEST(Config, WrongTypesAreRefused) {
  EXPECT_THAT(Refusal("space: [main]\n"), HasSubstr("this must be a text"));
  EXPECT_THAT(Refusal("servers: []\n"), HasSubstr("servers must name between 1 and 64"));
  EXPECT_THAT(Refusal("servers: {a: b}\n"), HasSubstr("this must be a text"));
  EXPECT_THAT(Refusal("log: info\n"), HasSubstr("log must be a mapping"));
  EXPECT_THAT(Refusal("- space\n"), HasSubstr("the configuration must be a mapping"));
}

TEST(Config, LimitsHaveLimits) {
  EXPECT_THAT(Parse("limits: {in_flight: 1024, waiting: 65536, per_agent_waiting: 0}\n"), IsOk());
  EXPECT_THAT(Refusal("limits: {in_flight: 1025}\n"), HasSubstr("from 1 to 1024"));
  EXPECT_THAT(Refusal("limits: {waiting: 65537}\n"), HasSubstr("from 0 to 65536"));
  EXPECT_THAT(Refusal("limits: {waiting: -1}\n"), HasSubstr("from 0 to 65536"));
  EXPECT_THAT(Refusal("limits: {waiting: 1k}\n"), HasSubstr("from 0 to 65536"));
}

TEST(Config, RepeatedKeysAndAliasesAreRefused) {
  EXPECT_THAT(Refusal("space: a\nspace: b\n"), HasSubstr("\"space\" appears twice"));
  EXPECT_THAT(Refusal("space: &a x\npolicy: *a\n"), HasSubstr("aliases are not allowed"));
}

TEST(Config, AnEmptyFileSaysWhatItNeeds) {
  EXPECT_THAT(Refusal(" \n"), HasSubstr("the configuration is empty"));
}

TEST(Config, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(LoadConfig("/nowhere/x.yaml"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/x.yaml")));
}

TEST(CheckComplete, NamesWhatIsMissingWithItsFlag) {
  Config config;
  config.space = "main";
  config.policy = "p";
  EXPECT_THAT(
      CheckComplete(config),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("lacks credentials (--credentials), mover_credentials (--mover-credentials);")));
  config.credentials = "a";
  config.mover_credentials = "b";
  EXPECT_THAT(CheckComplete(config), IsOk());
}

TEST(CheckComplete, ACertificateNeedsItsKey) {
  Config config{.space = "main",
                .servers = {},
                .credentials = "a",
                .mover_credentials = "b",
                .watcher_credentials = "",
                .issuer = "",
                .policy = "p",
                .log = {},
                .limits = {},
                .tls = {}};
  config.tls.cert_file = "c.pem";
  EXPECT_THAT(CheckComplete(config), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cert and key")));
}

}  // namespace
}  // namespace meshwarden::config_test
