#include "manager/cli/creds_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace meshwarden::creds_report_test {
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

TEST(CredsReport, WhatFewCredentialsHaveIsTold) {
  const std::string usual = DescribeCredential(SomeCredential(), kIssued);
  CredentialView view = SomeCredential();
  view.not_before = kIssued + std::chrono::hours(1);
  view.bearer = true;
  view.responses = Responses{.max = 1, .ttl = std::chrono::milliseconds(1500)};
  view.sources = {"10.0.0.0/8", "x\x1b"};
  view.times = {"08:00:00 to 18:00:00"};
  view.connection_types = {"WEBSOCKET"};
  view.limits = {{"subs", 10}, {"payload", 1024}};
  const std::string words = DescribeCredential(view, kIssued);
  for (const char* line :
       {"valid from 2027-01-15T09:00:00Z, so it is NOT VALID YET\n",
        "key        NOT ASKED FOR: a bearer token",
        "may answer each message, at most 1 times within 1.5 s, wherever its sender says",
        "good from  10.0.0.0/8, x\\u001b\n", "good at    08:00:00 to 18:00:00\n", "connects   by WEBSOCKET\n",
        "limited to 1024 bytes a message\n", "limited to 10 subscriptions\n"}) {
    EXPECT_THAT(words, HasSubstr(line));
    EXPECT_THAT(usual, Not(HasSubstr(line)));
  }
  EXPECT_THAT(DescribeCredential(view, *view.not_before), Not(HasSubstr("NOT VALID YET")));
  const Json json = CredentialToJson(view, kIssued);
  EXPECT_EQ(json["bearer"], true);
  EXPECT_EQ(json["notBefore"], "2027-01-15T09:00:00Z");
  EXPECT_EQ(json["responses"]["max"], 1);
  EXPECT_EQ(json["limits"]["subs"], 10);
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
}  // namespace meshwarden::creds_report_test
