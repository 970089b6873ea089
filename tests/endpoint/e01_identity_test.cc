// E1: who an endpoint is, and what it refuses to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e01_identity_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EndpointOptions Named(std::string name) {
  EndpointOptions options;
  options.card.name = std::move(name);
  return options;
}

absl::Status Refusal(EndpointOptions options) { return Endpoint::Make(std::move(options), {}).status(); }

auto Invalid(const char* part) { return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part)); }

TEST(IdentityTest, E1_ANameThatIsNoDisplayNameIsRefused) {
  for (const char* name : {"", " ada", "ada ", "\tada", "a\nb", "a\rb", "owner/ada"}) {
    EXPECT_THAT(Refusal(Named(name)), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
  for (const char* name : {"ada", "Ada Lovelace", "\"Ada\" \\ L.", "Ада"}) {
    EXPECT_THAT(Refusal(Named(name)), IsOk()) << name;
  }
}

TEST(IdentityTest, E1_AnIdIsTheOneGivenElseARandomOne) {
  EndpointOptions options = Named("ada");
  options.card.id = "ada-1";
  MW_ASSERT_OK_AND_ASSIGN(const auto given, Endpoint::Make(options, {}));
  EXPECT_EQ(given->id(), "ada-1");
  EXPECT_EQ(given->card().id, "ada-1");
  MW_ASSERT_OK_AND_ASSIGN(const auto one, Endpoint::Make(Named("ada"), {}));
  MW_ASSERT_OK_AND_ASSIGN(const auto two, Endpoint::Make(Named("ada"), {}));
  EXPECT_NE(one->id(), "");
  EXPECT_NE(one->id(), two->id());
}

TEST(IdentityTest, E1_WhatWouldBreakASubjectIsRefused) {
  for (const char* bad : {"a.b", "*", ">", "a b", "a\n"}) {
    EndpointOptions id = Named("ada");
    id.card.id = bad;
    EXPECT_THAT(Refusal(id), Invalid("can't be an id")) << bad;
    EndpointOptions space = Named("ada");
    space.space = bad;
    EXPECT_THAT(Refusal(space), Invalid("can't be a space")) << bad;
  }
  EndpointOptions empty = Named("ada");
  empty.space = "";
  EXPECT_THAT(Refusal(empty), Invalid("space"));
  EndpointOptions channel = Named("ada");
  channel.channels = {"general", "a..b"};
  EXPECT_THAT(Refusal(channel), StatusIs(absl::StatusCode::kInvalidArgument));
  EndpointOptions times = Named("ada");
  times.retry_wait = std::chrono::milliseconds(0);
  EXPECT_THAT(Refusal(times), Invalid("times"));
}

class CredsIdentityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(options_, space_->OptionsFor("ada"));
  }
  std::unique_ptr<TestSpace> space_;
  EndpointOptions options_;
};

TEST_F(CredsIdentityTest, E1_TheIdIsTheCreds) {
  const std::string id = options_.creds->id();
  MW_ASSERT_OK_AND_ASSIGN(const auto same, Endpoint::Make(options_, {}));
  EXPECT_EQ(same->id(), id);
  options_.card.id = "";
  MW_ASSERT_OK_AND_ASSIGN(const auto unsaid, Endpoint::Make(options_, {}));
  EXPECT_EQ(unsaid->id(), id);
  options_.card.id = "somebody-else";
  EXPECT_THAT(Refusal(options_), Invalid("not the identity of the creds"));
}

TEST_F(CredsIdentityTest, E1_CredsExcludeOtherWaysToLogIn) {
  EndpointOptions token = options_;
  token.token = std::make_shared<const Secret>(Secret::CopyOf("t"));
  EXPECT_THAT(Refusal(token), Invalid("creds can't be combined"));
  EndpointOptions user = options_;
  user.user = "u";
  EXPECT_THAT(Refusal(user), Invalid("creds can't be combined"));
  EndpointOptions password = options_;
  password.password = std::make_shared<const Secret>(Secret::CopyOf("hunter2"));
  EXPECT_THAT(Refusal(password), Invalid("creds can't be combined"));
  EXPECT_THAT(std::string(Refusal(password).message()), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace meshwarden::testing::e01_identity_test
