// Connections that log in with a credential.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "tests/support/broker.h"

namespace meshwarden::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kTimeout = seconds(20);

KeyPair NewKey(NkeyKind kind) { return *KeyPair::Generate(kind); }

std::string Sign(const KeyPair& issuer, const KeyPair& subject, const char* claims) {
  const JwtClaims jwt{
      .subject = subject.public_key().text(), .name = "test", .nats = Json::parse(claims), .expires = {}};
  return *EncodeJwt(jwt, issuer, Clock::System().Now());
}

std::shared_ptr<const Creds> MakeUser(const KeyPair& account) {
  KeyPair user = NewKey(NkeyKind::kUser);
  std::string jwt = Sign(account, user, R"({"subs":-1,"data":-1,"payload":-1,"type":"user","version":2})");
  return std::make_shared<const Creds>(*Creds::Make(std::move(jwt), std::move(user)));
}

class ConnectionCredsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const KeyPair op = NewKey(NkeyKind::kOperator);
    const std::string config = fmt::format(
        "operator: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}\n",
        Sign(op, op, R"({"type":"operator","version":2})"), account_.public_key().text(),
        Sign(op, account_,
             R"({"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,
                 "conn":-1,"leaf":-1},"type":"account","version":2})"));
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({.config = config}));
  }
  absl::StatusOr<std::unique_ptr<Connection>> OpenAs(std::shared_ptr<const Creds> creds) {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    options.creds = std::move(creds);
    return Connection::Open(std::move(options));
  }

  const KeyPair account_ = NewKey(NkeyKind::kAccount);
  std::unique_ptr<TestBroker> broker_;
};

TEST_F(ConnectionCredsTest, IdentityIsTheCredentials) {
  const auto creds = MakeUser(account_);
  MW_ASSERT_OK_AND_ASSIGN(const auto connection, OpenAs(creds));
  EXPECT_EQ(connection->id(), creds->id());
  EXPECT_THAT(connection->NewInbox(), StartsWith("_INBOX_" + creds->id() + "."));
  EXPECT_THAT(connection->Flush(kTimeout), IsOk());
}

TEST_F(ConnectionCredsTest, EverySignatureIsAccepted) {
  for (int i = 0; i < 40; ++i) EXPECT_THAT(OpenAs(MakeUser(account_)), IsOk());
}

TEST_F(ConnectionCredsTest, CredentialOfAnotherAccountIsRefused) {
  const KeyPair other = NewKey(NkeyKind::kAccount);
  EXPECT_THAT(OpenAs(MakeUser(other)),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(broker_->url())));
}

TEST_F(ConnectionCredsTest, NoCredentialIsRefused) {
  EXPECT_THAT(OpenAs(nullptr), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ConnectionCredsTest, RefusalDoesNotShowTheCredential) {
  const KeyPair other = NewKey(NkeyKind::kAccount);
  const auto creds = MakeUser(other);
  const std::string message(OpenAs(creds).status().message());
  EXPECT_THAT(message, Not(HasSubstr(creds->jwt())));
  EXPECT_THAT(message, Not(HasSubstr(std::string(creds->key_pair().Seed().ExposeText()))));
}

}  // namespace
}  // namespace meshwarden::testing
