#include "tests/conformance/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status_matchers.h"

namespace meshwarden::conformance::profiles_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ProfileCasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cases_ = Read("profiles.json");
    credentials_ = Read("credentials.json");
  }
  static Json Read(const std::string& name) {
    return *ParseJson(*ReadFile("tests/conformance/vectors/" + name, 4 << 20), {.max_bytes = 4 << 20});
  }
  // The first case of a profile, as a list of its own.
  Json First(std::string_view profile) const {
    for (const Json& test_case : cases_) {
      if (test_case.at("profile") == profile) return Json::array({test_case});
    }
    return Json::array();
  }
  CaseResults Run(const Json& cases) const { return RunProfileCases(cases, credentials_); }

  Json cases_;
  Json credentials_;
};

TEST_F(ProfileCasesTest, EveryVectorOfTheTreeComesOut) {
  const CaseResults results = Run(cases_);
  const auto admins = std::count_if(cases_.begin(), cases_.end(),
                                    [](const Json& test_case) { return test_case.at("profile") == "admin"; });
  EXPECT_THAT(results.failures, ElementsAre());
  EXPECT_GT(results.passed, 0);
  EXPECT_EQ(results.decided_otherwise, admins);
  EXPECT_EQ(results.passed + results.decided_otherwise, static_cast<int>(cases_.size()));
}

TEST_F(ProfileCasesTest, OrderOfAListMatters) {
  Json changed = First("agent");
  Json& allow = changed[0]["claims"]["nats"]["pub"]["allow"];
  std::swap(allow[0], allow[1]);
  EXPECT_THAT(Run(changed).failures, ElementsAre(HasSubstr("/nats/pub/allow/0")));
}

TEST_F(ProfileCasesTest, OrderOfKeysAndTheSignersClaimsDoNotMatter) {
  Json changed = First("agent");
  Json& claims = changed[0]["claims"];
  claims["exp"] = 1;
  claims["iat"] = 2;
  claims["iss"] = "another";
  const Json nats = claims["nats"];
  claims.erase("nats");
  claims["nats"] = nats;
  EXPECT_EQ(Run(changed).passed, 1);
}

TEST_F(ProfileCasesTest, MissingDenialFails) {
  Json changed = First("agent");
  changed[0]["claims"]["nats"]["pub"].erase("deny");
  EXPECT_THAT(Run(changed).failures, ElementsAre(HasSubstr("/nats/pub/deny")));
}

// A peer grants a history reader on "team.*", which a broker takes as leave for "team.>" too.
TEST_F(ProfileCasesTest, HistoryOfAPatternThatEndsInAStarIsDecidedOtherwise) {
  Json changed = First("agent");
  changed[0]["opts"]["allowSubscribe"] = {"general", "team.*"};
  Json& allow = changed[0]["claims"]["nats"]["pub"]["allow"];
  const auto general = std::find_if(allow.begin(), allow.end(), [](const Json& subject) {
    return subject.get<std::string>().ends_with("chat.*.general");
  });
  ASSERT_NE(general, allow.end());
  std::string widening = general->get<std::string>();
  widening.replace(widening.rfind("general"), 7, "team.*");
  allow.insert(general + 1, widening);
  const CaseResults results = Run(changed);
  EXPECT_THAT(results.failures, ElementsAre());
  EXPECT_EQ(results.decided_otherwise, 1);
}

TEST_F(ProfileCasesTest, AdminsOtherClaimsAreNotDecidedOtherwise) {
  Json changed = First("admin");
  changed[0]["claims"]["nats"]["pub"]["allow"].push_back("$JS.API.STREAM.PURGE.DM_main");
  const CaseResults results = Run(changed);
  EXPECT_EQ(results.decided_otherwise, 0);
  EXPECT_EQ(results.failed, 1);
}

TEST_F(ProfileCasesTest, WrongErrorTextFails) {
  Json changed = First("agent");
  changed[0].erase("claims");
  changed[0]["error"] = "invalid channel";
  EXPECT_THAT(Run(changed).failures, ElementsAre(HasSubstr("got \"no error\"")));
}

TEST_F(ProfileCasesTest, UnknownProfilesOptionsAndShapesFail) {
  Json unknown = First("agent");
  unknown[0]["profile"] = "root";
  unknown.push_back(First("agent")[0]);
  unknown[1]["opts"]["more"] = true;
  unknown.push_back(7);
  const CaseResults results = Run(unknown);
  EXPECT_THAT(results.failures,
              ElementsAre(HasSubstr("no profile \"root\""), HasSubstr("unknown option \"more\""),
                          HasSubstr("malformed case 7")));
}

}  // namespace
}  // namespace meshwarden::conformance::profiles_test
