// Connections that log in with a credential.
#include <fmt/ranges.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/identity/creds.h"
#include "proto/identity/jwt.h"
#include "proto/identity/nkey.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"

namespace meshwarden::testing::connection_creds_test {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kTimeout = seconds(20);

KeyPair NewKey(NkeyKind kind) { return *KeyPair::Generate(kind); }

std::string Sign(const KeyPair& issuer, const KeyPair& subject, const char* claims) {
  const JwtClaims jwt{
      .subject = subject.public_key().text(), .name = "test", .nats = Json::parse(claims), .expires = {}};
  return *EncodeJwt(jwt, issuer, Clock::System().Now());
}

Creds MakeUser(const KeyPair& account, const KeyPair& user, std::optional<SystemTime> expires) {
  const JwtClaims jwt{.subject = user.public_key().text(),
                      .name = "test",
                      .nats = Json::parse(R"({"subs":-1,"data":-1,"payload":-1,"type":"user","version":2})"),
                      .expires = expires};
  return *Creds::Make(*EncodeJwt(jwt, account, Clock::System().Now()),
                      *KeyPair::FromSeed(user.Seed().ExposeText()));
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

// In whatever order they are tried: that one is away is no news beside that the other refuses.
TEST_F(ConnectionCredsTest, ARefusalIsToldRatherThanAServerThatIsAway) {
  for (int i = 0; i < 8; ++i) {
    ConnectionOptions options;
    options.servers = {"nats://127.0.0.1:1", broker_->url(), "nats://127.0.0.1:2"};
    EXPECT_THAT(Connection::Open(std::move(options)),
                StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(broker_->url())));
  }
}

TEST_F(ConnectionCredsTest, OfSeveralThatAreAwayItIsAlwaysTheFirst) {
  for (int i = 0; i < 8; ++i) {
    ConnectionOptions options;
    options.servers = {"nats://127.0.0.1:2", "nats://127.0.0.1:1"};
    EXPECT_THAT(Connection::Open(std::move(options)),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:2")));
  }
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

// A connection whose credential lies in a file.
class CredsOnDiskTest : public ConnectionCredsTest {
 protected:
  void SetUp() override {
    ConnectionCredsTest::SetUp();
    path_ = ::testing::TempDir() + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void Write(const Creds& creds) { ASSERT_THAT(creds.Save(path_, IfExists::kReplace), IsOk()); }
  void WriteFor(seconds lifetime) { Write(MakeUser(account_, user_, Clock::System().Now() + lifetime)); }
  void Connect() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(options.creds_file, CredsFile::Open(path_));
    options.reconnect_wait = std::chrono::milliseconds(20);
    options.on_state = [this](bool connected) { states_.Add(connected); };
    options.on_error = [this](const absl::Status& status) { errors_.Add(std::string(status.message())); };
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
  }
  bool AwaitError(const std::string& part, const std::string& other = "") {
    return errors_.AwaitAny([&](const std::string& error) {
      return error.find(part) != std::string::npos && error.find(other) != std::string::npos;
    });
  }
  std::size_t RefusedLogins() const {
    const std::string log = broker_->log();
    std::size_t count = 0;
    for (auto at = log.find("authentication error"); at != std::string::npos;
         at = log.find("authentication error", at + 1)) {
      ++count;
    }
    return count;
  }
  void Let(std::chrono::milliseconds pass) {
    Collector<bool> never;
    never.Await(1, pass);
  }

  const KeyPair user_ = NewKey(NkeyKind::kUser);
  std::string path_;
  Collector<bool> states_;
  Collector<std::string> errors_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(CredsOnDiskTest, WhatIsRenewedInTimeIsTakenAtTheNextConnect) {
  WriteFor(seconds(6));
  Connect();
  WriteFor(seconds(1000));
  EXPECT_THAT(states_.Await(3), ElementsAre(true, false, true));
  EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
}

TEST_F(CredsOnDiskTest, WhatHasExpiredIsToldWithItsFileUntilAGoodOneIsThere) {
  WriteFor(seconds(6));
  Connect();
  EXPECT_TRUE(AwaitError("the credential expired at 20", "file " + path_));
  Let(seconds(3));
  // Not 150.
  EXPECT_LE(RefusedLogins(), 20U);
  // What stays refused is told once, in the words that the server and the file have for it: perhaps in others
  // in the second in which it ends.
  std::vector<std::string> told = errors_.Await(0);
  std::erase_if(told, [](const std::string& error) {
    return !error.starts_with("reconnect") || error.find("the credential expired at") == std::string::npos;
  });
  EXPECT_THAT(told, SizeIs(AllOf(Ge(1), Le(2))));
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), told.size()) << fmt::format("{}", told);
  WriteFor(seconds(1000));
  EXPECT_TRUE(states_.AwaitLast([](bool connected) { return connected; }));
  EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
}

TEST_F(CredsOnDiskTest, AnotherIdentityOnDiskChangesNobody) {
  WriteFor(seconds(1000));
  Connect();
  const KeyPair other = NewKey(NkeyKind::kUser);
  Write(MakeUser(account_, other, std::nullopt));
  ASSERT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_EQ(connection_->id(), user_.public_key().text());
  EXPECT_TRUE(AwaitError(path_, other.public_key().text()));
  EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
}

TEST_F(CredsOnDiskTest, WhatTheServerRefusesDoesNotDisplaceWhatItTakes) {
  WriteFor(seconds(1000));
  Connect();
  // Of this account by its own word, and signed by a key that the server does not know.
  const KeyPair stranger = NewKey(NkeyKind::kAccount);
  const JwtClaims claims{
      .subject = user_.public_key().text(),
      .name = "test",
      .nats = Json::parse(fmt::format(
          R"({{"subs":-1,"data":-1,"payload":-1,"type":"user","version":2,"issuer_account":"{}"}})",
          account_.public_key().text())),
      .expires = {}};
  Write(*Creds::Make(*EncodeJwt(claims, stranger, Clock::System().Now()),
                     *KeyPair::FromSeed(user_.Seed().ExposeText())));
  ASSERT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_TRUE(AwaitError("Authorization", "file " + path_));
}

TEST_F(CredsOnDiskTest, WhatIsTooLongForTheServerDoesNotDisplaceWhatItTakes) {
  WriteFor(seconds(1000));
  Connect();
  const JwtClaims claims{
      .subject = user_.public_key().text(),
      .name = std::string(6'000, 'x'),
      .nats = Json::parse(R"({"subs":-1,"data":-1,"payload":-1,"type":"user","version":2})"),
      .expires = {}};
  Write(*Creds::Make(*EncodeJwt(claims, account_, Clock::System().Now()),
                     *KeyPair::FromSeed(user_.Seed().ExposeText())));
  ASSERT_THAT(connection_->Reconnect(), IsOk());
  EXPECT_TRUE(AwaitError("with what lies in the creds file " + path_));
  EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
}

TEST_F(CredsOnDiskTest, TextThatHasExpiredIsToldToo) {
  ConnectionOptions options;
  options.servers = {broker_->url()};
  options.creds =
      std::make_shared<const Creds>(MakeUser(account_, user_, Clock::System().Now() - seconds(10)));
  EXPECT_THAT(Connection::Open(std::move(options)),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("the credential expired at 20")));
}

}  // namespace
}  // namespace meshwarden::testing::connection_creds_test
