#include "tests/conformance/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status_matchers.h"

namespace meshwarden::conformance::credentials_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CredentialCasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> text = ReadFile("tests/conformance/vectors/credentials.json", 1 << 20);
    ASSERT_THAT(text, ::meshwarden::testing::IsOk());
    credentials_ = *ParseJson(*text, {});
  }
  // The lines of what fails.
  std::vector<std::string> Failures() const { return RunCredentialCases(credentials_).failures; }

  Json credentials_;
};

TEST_F(CredentialCasesTest, EveryVectorOfTheTreeComesOut) {
  const CaseResults results = RunCredentialCases(credentials_);
  EXPECT_THAT(results.failures, ElementsAre());
  EXPECT_EQ(results.passed,
            static_cast<int>(credentials_.at("users").size() + credentials_.at("creds").size()) + 12);
}

TEST_F(CredentialCasesTest, SeedOfAnotherKeyFails) {
  std::swap(credentials_["users"][0]["id"], credentials_["users"][1]["id"]);
  EXPECT_THAT(Failures(),
              ElementsAre(HasSubstr("user seed: its key is"), HasSubstr("user seed: its key is")));
}

TEST_F(CredentialCasesTest, TokenWithOtherClaimsFails) {
  credentials_["sys"]["claims"]["iat"] = 1;
  EXPECT_THAT(Failures(), ElementsAre("sys token: other claims than the vector's"));
}

TEST_F(CredentialCasesTest, TokenOfAnotherOperatorIsNotEncodedTheSame) {
  credentials_["operator"]["seed"] = credentials_["account"]["seed"];
  credentials_["operator"]["claims"]["sub"] = credentials_["account"]["pub"];
  EXPECT_THAT(Failures(),
              ElementsAre(HasSubstr("operator token: other claims"), HasSubstr("operator token encoded"),
                          HasSubstr("account token encoded"), HasSubstr("sys token encoded")));
}

TEST_F(CredentialCasesTest, AnotherLimitInTheTrustChainFails) {
  credentials_["sys"]["claims"]["nats"]["limits"]["subs"] = 5;
  EXPECT_THAT(Failures(), ElementsAre(HasSubstr("sys token"), HasSubstr("trust chain: sys claims")));
}

TEST_F(CredentialCasesTest, CredsWithAnotherOutcomeFail) {
  credentials_["creds"] = Json::array({credentials_["creds"][0], credentials_["creds"][0]});
  credentials_["creds"][0]["id"] = "U";
  credentials_["creds"][1]["error"] = "creds: no";
  EXPECT_THAT(Failures(), ElementsAre(HasSubstr("got id U"), HasSubstr("got \"no error\"")));
}

TEST_F(CredentialCasesTest, AnotherServerSettingFails) {
  const std::string config = credentials_["serverConfig"].get<std::string>();
  credentials_["serverConfig"] = config + "max_payload: 5\n";
  EXPECT_THAT(Failures(), ElementsAre("server configuration: no setting max_payload"));
  std::string changed = config;
  changed.replace(changed.find("65536"), 5, "65537");
  credentials_["serverConfig"] = changed;
  EXPECT_THAT(Failures(), ElementsAre("server configuration: max_control_line is 65536"));
}

TEST_F(CredentialCasesTest, IssuerOfAnotherAccountFails) {
  credentials_["stripped"]["account"]["pub"] = credentials_["sys"]["pub"];
  EXPECT_THAT(Failures(), ElementsAre("stripped issuer: read as another issuer"));
}

TEST_F(CredentialCasesTest, MissingPartsFail) {
  credentials_.erase("creds");
  EXPECT_THAT(Failures(), ElementsAre(HasSubstr("malformed credentials")));
}

}  // namespace
}  // namespace meshwarden::conformance::credentials_test
