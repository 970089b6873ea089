#include "manager/cli/creds_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace meshwarden {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const SystemTime kIssued{std::chrono::seconds(1'800'000'000)};

CredentialView SomeCredential() {
  CredentialView view;
  view.id = "UALICE";
  view.name = "mover";
  view.account = "AACCOUNT";
  view.issuer = "ASIGNING";
  view.issued_at = kIssued;
  view.space = "main";
  view.profile = Profile::kMover;
  view.permissions.publish = SubjectRules{.allow = {"a.b"}, .deny = {"c.d"}};
  return view;
}

TEST(CredsReport, WordsTellWhoAndWhat) {
  const std::string words = DescribeCredential(SomeCredential(), kIssued);
  EXPECT_THAT(words, AllOf(HasSubstr("identity   UALICE\n"),
                           HasSubstr("profile    mover (moves chat filters, mends durables)\n"),
                           HasSubstr("issued     2027-01-15T08:00:00Z\n"), HasSubstr("expires    never\n")));
  EXPECT_THAT(words, AllOf(HasSubstr("may publish\n  a.b\nmay not publish\n  c.d\n"),
                           HasSubstr("may subscribe anything in its account\n")));
}

TEST(CredsReport, AnExpiredCredentialIsCalledSo) {
  CredentialView view = SomeCredential();
  view.expires = kIssued + std::chrono::hours(1);
  EXPECT_THAT(DescribeCredential(view, kIssued), Not(HasSubstr("EXPIRED")));
  EXPECT_THAT(DescribeCredential(view, *view.expires), HasSubstr("2027-01-15T09:00:00Z, so it has EXPIRED"));
}

TEST(CredsReport, ForeignTextCannotSteerTheTerminal) {
  CredentialView view = SomeCredential();
  view.name = "x\x1b[2J\nprofile    admin";
  EXPECT_THAT(DescribeCredential(view, kIssued), HasSubstr("name       x\\u001b[2J\\nprofile"));
}

TEST(CredsReport, JsonHasTheSame) {
  const Json json = CredentialToJson(SomeCredential(), kIssued);
  EXPECT_EQ(json["id"], "UALICE");
  EXPECT_EQ(json["profile"], "mover");
  EXPECT_EQ(json["expires"], nullptr);
  EXPECT_EQ(json["publish"], Json::parse(R"({"allow":["a.b"],"deny":["c.d"]})"));
  EXPECT_EQ(json["subscribe"], nullptr);
}

}  // namespace
}  // namespace meshwarden
