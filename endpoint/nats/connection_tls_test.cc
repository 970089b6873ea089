// Connections over TLS: whom they trust, and that a busy one stays whole.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/process.h"

namespace meshwarden::testing::connection_tls_test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::chrono::milliseconds kTimeout = seconds(20);

// Makes `<folder>/<name>.crt` and `.key` for the host "localhost" and 127.0.0.1, signed by itself.
void MakeCertificate(const std::string& folder, const std::string& name,
                     const std::string& subjects = "DNS:localhost,IP:127.0.0.1") {
  MW_ASSERT_OK_AND_ASSIGN(
      const Finished made,
      RunProgram(
          {.argv = {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=" + subjects, "-keyout",
                    fmt::format("{}/{}.key", folder, name), "-out", fmt::format("{}/{}.crt", folder, name)},
           .environment = {},
           .directory = {}},
          kTimeout));
  ASSERT_EQ(made.exit_code, 0) << made.output;
}

class ConnectionTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeCertificate(folder_, "server");
    MakeCertificate(folder_, "stranger");
    const std::string config =
        fmt::format("tls {{ cert_file: \"{0}/server.crt\", key_file: \"{0}/server.key\" }}", folder_);
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({.config = config}));
  }
  // "server.key" as "encrypted.key", with a passphrase.
  void EncryptKey() {
    MW_ASSERT_OK_AND_ASSIGN(
        const Finished made,
        RunProgram({.argv = {"/usr/bin/openssl", "pkey", "-in", folder_ + "/server.key", "-aes256",
                             "-passout", "pass:secret", "-out", folder_ + "/encrypted.key"},
                    .environment = {},
                    .directory = {}},
                   kTimeout));
    ASSERT_EQ(made.exit_code, 0) << made.output;
  }
  // In the place of the one that speaks first.
  void StartBrokerThatShakesHandsFirst() {
    const std::string config = fmt::format(
        "tls {{ cert_file: \"{0}/server.crt\", key_file: \"{0}/server.key\", handshake_first: true }}",
        folder_);
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({.config = config}));
  }
  ConnectionOptions Options(const std::string& ca) {
    ConnectionOptions options;
    options.servers = {fmt::format("tls://localhost:{}", broker_->port())};
    options.tls.ca_file = fmt::format("{}/{}.crt", folder_, ca);
    return options;
  }

  const std::string folder_ = ::testing::TempDir();
  std::unique_ptr<TestBroker> broker_;
};

TEST_F(ConnectionTlsTest, TrustedServerIsConnectedTo) {
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(Options("server")));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionTlsTest, UnknownAuthorityIsRefused) {
  const auto connection = Connection::Open(Options("stranger"));
  EXPECT_THAT(connection, StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ConnectionTlsTest, CertificateOfAnotherNameIsRefused) {
  ConnectionOptions options = Options("server");
  options.tls.server_name = "elsewhere";
  EXPECT_THAT(Connection::Open(options), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ConnectionTlsTest, ServerNamedByAddressIsCheckedToo) {
  ConnectionOptions options = Options("server");
  options.servers = {fmt::format("tls://127.0.0.1:{}", broker_->port())};
  EXPECT_THAT(Connection::Open(options), IsOk());
}

// One that has several certificates, of which the first is for another name.
TEST_F(ConnectionTlsTest, AServerThatGoesByTheNameIsConnectedToAtEachOfItsAddresses) {
  MakeCertificate(folder_, "other", "DNS:elsewhere");
  MakeCertificate(folder_, "named", "DNS:localhost");
  const std::string config = fmt::format(
      R"(tls {{ certs: [ {{ cert_file: "{0}/other.crt", key_file: "{0}/other.key" }},
                         {{ cert_file: "{0}/named.crt", key_file: "{0}/named.key" }} ] }})",
      folder_);
  MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({.config = config}));
  ConnectionOptions options = Options("named");
  options.resolve = [](const std::string&) { return std::vector<std::string>{"127.0.0.1", "127.0.0.2"}; };
  EXPECT_THAT(Connection::Open(options), IsOk());
}

TEST_F(ConnectionTlsTest, MissingAuthorityFileIsNamed) {
  ConnectionOptions options = Options("absent");
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("absent.crt")));
}

TEST_F(ConnectionTlsTest, AnEncryptedKeyIsRefusedWithWords) {
  EncryptKey();
  ConnectionOptions options = Options("server");
  options.tls.cert_file = folder_ + "/server.crt";
  options.tls.key_file = folder_ + "/encrypted.key";
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("encrypted.key"), HasSubstr("it is encrypted"))));
}

TEST_F(ConnectionTlsTest, AKeyOfAnotherCertificateIsRefusedWithWords) {
  ConnectionOptions options = Options("server");
  options.tls.cert_file = folder_ + "/server.crt";
  options.tls.key_file = folder_ + "/stranger.key";
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("stranger.key"), HasSubstr("is not the key of the certificate"))));
  options.tls.key_file = folder_ + "/server.key";
  EXPECT_THAT(Connection::Open(options), IsOk());
}

TEST_F(ConnectionTlsTest, AServerThatShakesHandsFirstIsConnectedTo) {
  StartBrokerThatShakesHandsFirst();
  ConnectionOptions options = Options("server");
  options.tls.handshake_first = true;
  options.reconnect_wait = std::chrono::milliseconds(20);
  Collector<bool> states;
  options.on_state = [&states](bool connected) { states.Add(connected); };
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(options));
  EXPECT_THAT(connection->server_version(), Not(IsEmpty()));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
  ASSERT_THAT(broker_->Restart(), IsOk());
  EXPECT_THAT(states.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionTlsTest, AServerThatShakesHandsFirstMustBeTrustedToo) {
  StartBrokerThatShakesHandsFirst();
  ConnectionOptions options = Options("stranger");
  options.tls.handshake_first = true;
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not trusted")));
  options = Options("server");
  options.tls.handshake_first = true;
  options.tls.server_name = "elsewhere";
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not trusted")));
}

TEST_F(ConnectionTlsTest, WhoeverWaitsForTheOtherToBeginSaysSo) {
  StartBrokerThatShakesHandsFirst();
  ConnectionOptions waiting = Options("server");
  waiting.connect_timeout = std::chrono::milliseconds(500);
  EXPECT_THAT(Connection::Open(waiting),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("handshake_first")));
}

TEST_F(ConnectionTlsTest, AServerThatSpeaksFirstIsToldApart) {
  ConnectionOptions options = Options("server");
  options.tls.handshake_first = true;
  EXPECT_THAT(Connection::Open(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("does the server speak TLS first?")));
}

TEST_F(ConnectionTlsTest, PlainConnectionToATlsServerIsRefused) {
  ConnectionOptions options = Options("server");
  options.servers = {broker_->url()};
  EXPECT_THAT(Connection::Open(options), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ConnectionTlsTest, WritingToAKilledServerIsAnErrorNotASignal) {
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(Options("server")));
  ASSERT_THAT(broker_->Kill(), IsOk());
  absl::Status status;
  // What is sent before the loss is noticed may fill what is kept for a slow server.
  while (status.ok() || absl::IsResourceExhausted(status)) {
    status = connection->Publish("a", std::string(10'000, 'x'));
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
}

// The library must not read and write one TLS stream at the same time.
TEST_F(ConnectionTlsTest, ManyLargeMessagesBothWaysArriveWhole) {
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, Connection::Open(Options("server")));
  MW_ASSERT_OK_AND_ASSIGN(const auto echo, connection->Subscribe("echo", "", [&](const NatsMessage& message) {
    EXPECT_THAT(connection->Publish(message.reply, message.payload), IsOk());
  }));
  ASSERT_THAT(connection->Flush(kTimeout), IsOk());
  Collector<bool> same;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string payload(static_cast<std::size_t>(50'000 + t), static_cast<char>('a' + t));
      for (int i = 0; i < 50; ++i) {
        const absl::StatusOr<NatsMessage> answer = connection->Request("echo", payload, kTimeout);
        same.Add(answer.ok() && answer->payload == payload);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same.Await(200), AllOf(SizeIs(200), Each(true)));
}

}  // namespace
}  // namespace meshwarden::testing::connection_tls_test
