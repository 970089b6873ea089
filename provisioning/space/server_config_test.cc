#include "provisioning/space/server_config.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::server_config_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

ServerConfigOptions Options() {
  ServerConfigOptions options;
  options.store_dir = "/var/lib/nats";
  return options;
}

std::string Format(const ServerConfigOptions& options) {
  return FormatServerConfig({.operator_jwt = "o.p.q",
                             .account_id = "AACCOUNT",
                             .account_jwt = "a.b.c",
                             .system_id = "ASYSTEM",
                             .system_jwt = "s.t.u"},
                            options);
}

TEST(ServerConfigTest, TextIsTheWholeConfiguration) {
  EXPECT_EQ(Format(Options()),
            "# nats-server configuration of a space, made by meshwarden.\n"
            "host: \"127.0.0.1\"\n"
            "port: 4222\n"
            "max_control_line: 65536\n"
            "ping_interval: \"2s\"\n"
            "ping_max: 2\n"
            "jetstream {\n"
            "  store_dir: \"/var/lib/nats\"\n"
            "}\n"
            "operator: o.p.q\n"
            "system_account: ASYSTEM\n"
            "resolver: MEMORY\n"
            "resolver_preload {\n"
            "  AACCOUNT: a.b.c\n"
            "  ASYSTEM: s.t.u\n"
            "}\n");
}

TEST(ServerConfigTest, TlsStandsThereOnlyWithACertificate) {
  ServerConfigOptions options = Options();
  EXPECT_THAT(Format(options), Not(HasSubstr("tls")));
  options.tls_cert = "/tls/server.pem";
  options.tls_key = "/tls/server.key";
  EXPECT_THAT(Format(options),
              HasSubstr("tls {\n  cert_file: \"/tls/server.pem\"\n  key_file: \"/tls/server.key\"\n}\n"));
  options.tls_ca = "/tls/ca.pem";
  EXPECT_THAT(Format(options), HasSubstr("  ca_file: \"/tls/ca.pem\"\n  verify: true\n}\n"));
}

TEST(ServerConfigTest, NoValueBecomesAnotherSetting) {
  ServerConfigOptions options = Options();
  options.store_dir = "/a\"\nauthorization { }\\";
  const std::string text = Format(options);
  EXPECT_THAT(text, HasSubstr(R"(store_dir: "/a\"\x0aauthorization { }\\")"));
  EXPECT_THAT(text, Not(HasSubstr("\nauthorization")));
}

TEST(ServerConfigTest, PortsOfTheRangeOnly) {
  ServerConfigOptions options = Options();
  for (const int port : {1, 4222, 65535}) {
    options.port = port;
    EXPECT_THAT(CheckServerConfig(options), IsOk());
  }
  for (const int port : {-1, 0, 65536}) {
    options.port = port;
    EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("between 1 and 65535")));
  }
}

TEST(ServerConfigTest, EmptyAndUnprintableValuesAreRefused) {
  ServerConfigOptions options = Options();
  options.store_dir = "";
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("store directory is empty")));
  options.store_dir = "/var\nport: 1";
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("control characters")));
  options = Options();
  options.host = "";
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("host is empty")));
  options.host = std::string("h\0", 2);
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("control characters")));
}

TEST(ServerConfigTest, HalfATlsConfigurationIsRefused) {
  ServerConfigOptions options = Options();
  options.tls_cert = "/c";
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("both")));
  options.tls_key = "/k";
  EXPECT_THAT(CheckServerConfig(options), IsOk());
  options = Options();
  options.tls_ca = "/ca";
  EXPECT_THAT(CheckServerConfig(options), StatusIs(kInvalid, HasSubstr("own certificate")));
}

TEST(ServerConfigTest, TheSystemAccountsTokenIsFoundWhereverItStands) {
  EXPECT_THAT(SystemJwtIn("system_account: AB\nresolver_preload {\n  CD: eyJa.b.c\n  AB: eyJx.y_z.w-1\n}\n"),
              IsOkAndHolds("eyJx.y_z.w-1"));
  EXPECT_THAT(SystemJwtIn("resolver_preload: { \"AB\" = \"eyJx.y.z\" }\nsystem_account = \"AB\" # us\n"),
              IsOkAndHolds("eyJx.y.z"));
  EXPECT_THAT(SystemJwtIn("system_account AB\nresolver_preload {AB:eyJx.y.z}"), IsOkAndHolds("eyJx.y.z"));
}

TEST(ServerConfigTest, ATextWithoutThatTokenIsRefused) {
  for (const std::string text :
       {"", "system_account:", "system_account: AB\n", "AB: eyJx.y.z",
        "system_account: AB\nAB: eyJx.y.z\nAB: eyJx.y.z\n", "system_account: AB\nCD: eyJx.y.z\n"}) {
    EXPECT_THAT(SystemJwtIn(text), StatusIs(kInvalid)) << text;
  }
}

}  // namespace
}  // namespace meshwarden::server_config_test
