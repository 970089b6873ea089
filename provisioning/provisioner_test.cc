#include "provisioning/provisioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/identity/jwt.h"
#include "proto/names.h"
#include "provisioning/provisioner_fixture.h"
#include "provisioning/records/record_keeper.h"

namespace meshwarden::provisioner_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
Strings Keep(const AgentPolicy& agent, const Strings& filters) {
  return ChannelsToKeep(agent, kSpace, filters, agent.subscribe);
}

TEST(ChannelsToKeepTest, WhatPolicyStillAllowsStays) {
  const AgentPolicy agent = Agent("worker", {"general"}, {"general", "team.>"});
  EXPECT_THAT(Keep(agent, {"cotal.main.chat.*.team.a", "cotal.main.chat.*.general"}),
              ElementsAre("team.a", "general"));
  EXPECT_THAT(Keep(agent, {"cotal.main.chat.*.team.*.x", "cotal.main.chat.*.ops"}), ElementsAre("team.*.x"));
}

TEST(ChannelsToKeepTest, PatternBeyondPolicyIsNotNarrowedButDropped) {
  const AgentPolicy agent = Agent("worker", {"general"}, {"general", "team.*"});
  EXPECT_THAT(Keep(agent, {"cotal.main.chat.*.team.>", "cotal.main.chat.*.team.a"}), ElementsAre("team.a"));
}

TEST(ChannelsToKeepTest, NothingLeftMeansTheChannelsAtBirth) {
  const AgentPolicy agent = Agent("worker", {"general", "team.a"}, {"general", "team.*"});
  EXPECT_THAT(Keep(agent, {"cotal.main.chat.*.ops"}), ElementsAre("general", "team.a"));
  EXPECT_THAT(Keep(agent, {}), ElementsAre("general", "team.a"));
}

TEST(ChannelsToKeepTest, WhatIsNoChatFilterOfTheSpaceIsBeyondIt) {
  const AgentPolicy agent = Agent("worker", {"general"}, {">"});
  for (const char* filter :
       {">", "cotal.>", "cotal.main.>", "cotal.main.chat.>", "cotal.other.chat.*.general",
        "cotal.main.chat.UX.general", "cotal.main.inst.*.general", ""}) {
    EXPECT_THAT(Keep(agent, {filter}), ElementsAre("general")) << filter;
  }
}

TEST_F(ProvisionerTest, MakesDurablesRecordAndCredential) {
  AgentPolicy worker = Agent("worker", {"general", "team.a"}, {"general", "team.>"});
  worker.role = "builder";
  worker.credential_ttl = std::chrono::hours(24);
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult result, Provision({worker}, options_));
  EXPECT_TRUE(result.created);
  EXPECT_THAT(result.channels, ElementsAre("general", "team.a"));
  EXPECT_THAT(Chat(id_)->config.Filters(),
              ElementsAre("cotal.main.chat.*.general", "cotal.main.chat.*.team.a"));
  EXPECT_THAT(api_->GetConsumer(DmStream(kSpace), DmDurable(id_)), IsOk());
  EXPECT_THAT(api_->GetConsumer(TaskStream(kSpace), TaskDurable("builder")), IsOk());
  EXPECT_EQ(records_->Read(id_)->agent, "worker");
}

TEST_F(ProvisionerTest, CredentialSaysWhatThePolicySays) {
  AgentPolicy worker = Agent("worker", {"general"}, {"general", "team.>"});
  worker.allow_publish = GrantsOf({"ops"});
  worker.capabilities = {"spawn"};
  worker.credential_ttl = std::chrono::milliseconds(1500);
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult result, Provision({worker}, options_));
  MW_ASSERT_OK_AND_ASSIGN(const DecodedJwt jwt, DecodeJwt(result.jwt));
  EXPECT_EQ(jwt.claims.subject, id_);
  EXPECT_EQ(jwt.issuer, issuer_->signing_key().public_key().text());
  EXPECT_EQ(jwt.claims.expires, kNow + std::chrono::seconds(2));
  const std::string allow = jwt.claims.nats.at("pub").at("allow").dump();
  EXPECT_THAT(allow, HasSubstr("cotal.main.chat." + id_ + ".ops"));
  EXPECT_THAT(allow, HasSubstr(".cotal.main.chat.*.team.>"));
  EXPECT_THAT(allow, HasSubstr("cotal.main.ctl.manager." + id_));
}

TEST_F(ProvisionerTest, SecondTimeChangesNothing) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  ASSERT_THAT(Provision({worker}, options_), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo before, Chat(id_));
  const std::uint64_t records_before = api_->GetStream(BucketStream(AgentBucket(kSpace)))->last_seq;
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult again, Provision({worker}, options_));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo after, Chat(id_));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(ToJson(after.config), ToJson(before.config));
  EXPECT_EQ(after.delivered_stream_seq, before.delivered_stream_seq);
  EXPECT_EQ(api_->GetStream(BucketStream(AgentBucket(kSpace)))->last_seq, records_before);
}

TEST_F(ProvisionerTest, ChannelsThatTheAgentMovedToStay) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general", "team.>"});
  ASSERT_THAT(Provision({worker}, options_), IsOk());
  ASSERT_THAT(Privileged(*api_, kSpace).SetChatFilterFor(id_, Strings{"team.b"}), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult again, Provision({worker}, options_));
  EXPECT_THAT(again.channels, ElementsAre("team.b"));
  EXPECT_THAT(Chat(id_)->config.Filters(), ElementsAre("cotal.main.chat.*.team.b"));
}

TEST_F(ProvisionerTest, FilterBeyondTodaysPolicyIsCutBack) {
  ASSERT_THAT(Provision({Agent("worker", {"general", "ops"}, {"general", "ops"})}, options_), IsOk());
  const AgentPolicy narrower = Agent("worker", {"general"}, {"general"});
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult again, Provision({narrower}, options_));
  EXPECT_FALSE(again.created);
  EXPECT_THAT(again.channels, ElementsAre("general"));
  EXPECT_THAT(Chat(id_)->config.Filters(), ElementsAre("cotal.main.chat.*.general"));
  const AgentPolicy elsewhere = Agent("worker", {"ops"}, {"ops"});
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult moved, Provision({elsewhere}, options_));
  EXPECT_THAT(moved.channels, ElementsAre("ops"));
}

TEST_F(ProvisionerTest, GivenChannelsReplaceThoseOfThePolicyAtBirth) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general", "team.>"});
  ProvisionOptions options = options_;
  options.subscribe = {"team.a", "team.>"};
  MW_ASSERT_OK_AND_ASSIGN(const ProvisionResult result, Provision({worker}, options));
  EXPECT_THAT(result.channels, ElementsAre("team.>"));
}

TEST_F(ProvisionerTest, ChannelsOutsideAreRefusedInThePeersWords) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general", "team.*"});
  ProvisionOptions options = options_;
  options.subscribe = {"team.>"};
  EXPECT_THAT(Provision({worker}, options),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "channel \"team.>\" is not within allowSubscribe [general, team.*]"));
  options.subscribe = {"foo/bar"};
  EXPECT_THAT(Provision({worker}, options), StatusIs(kInvalid, HasSubstr("invalid channel")));
  options.subscribe = Strings{};
  EXPECT_THAT(Provision({worker}, options), StatusIs(kInvalid));
  EXPECT_TRUE(IsUnknown(id_));
}

TEST_F(ProvisionerTest, UnknownAgentsAndOddIdsAreRefused) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  ProvisionOptions options = options_;
  options.agent = "stranger";
  EXPECT_THAT(Provision({worker}, options),
              StatusIs(absl::StatusCode::kNotFound, "the policy has no agent \"stranger\""));
  options = options_;
  for (const std::string& id : {std::string(">"), std::string(), issuer_->account().text()}) {
    options.id = id;
    EXPECT_THAT(Provision({worker}, options), StatusIs(kInvalid, HasSubstr("identity: nkeys")));
  }
  EXPECT_THAT(Provision({worker}, options_, "other"), StatusIs(kPrecondition, HasSubstr("space \"other\"")));
  EXPECT_TRUE(IsUnknown(id_));
}

TEST_F(ProvisionerTest, PinnedAgentDemandsItsIdAndItsIdItsAgent) {
  AgentPolicy bot = Agent("bot", {"ops"}, {"ops"});
  bot.id = NewId();
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  EXPECT_THAT(Provision({bot, worker}, {.agent = "bot", .id = id_, .subscribe = std::nullopt}),
              StatusIs(kPrecondition, HasSubstr("agent \"bot\" is pinned to the id")));
  EXPECT_THAT(Provision({bot, worker}, {.agent = "worker", .id = *bot.id, .subscribe = std::nullopt}),
              StatusIs(kPrecondition, HasSubstr("is pinned to agent \"bot\"")));
  EXPECT_TRUE(IsUnknown(id_));
  EXPECT_TRUE(IsUnknown(*bot.id));
  EXPECT_THAT(Provision({bot, worker}, {.agent = "bot", .id = *bot.id, .subscribe = std::nullopt}), IsOk());
}

TEST_F(ProvisionerTest, IdentityDoesNotChangeItsAgent) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  const AgentPolicy planner = Agent("planner", {"plans"}, {"plans"});
  ASSERT_THAT(Provision({worker, planner}, options_), IsOk());
  EXPECT_THAT(Provision({worker, planner}, {.agent = "planner", .id = id_, .subscribe = std::nullopt}),
              StatusIs(kPrecondition, HasSubstr("recorded as agent \"worker\"")));
  EXPECT_THAT(Chat(id_)->config.Filters(), ElementsAre("cotal.main.chat.*.general"));
}

TEST_F(ProvisionerTest, WhatIsRecordedAndNotLiveStaysSo) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  ASSERT_THAT(
      records_->Begin({.id = id_, .agent = "worker", .provisioned_at = kNow, .state = RecordState::kRevoked}),
      IsOk());
  EXPECT_THAT(Provision({worker}, options_), StatusIs(kPrecondition, HasSubstr("is recorded as revoked")));
  EXPECT_THAT(Chat(id_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ProvisionerTest, ADamagedRecordIsNotProvisionedOver) {
  const AgentPolicy worker = Agent("worker", {"general"}, {"general"});
  const RecordBucket bucket(*api_, kSpace);
  const std::string key = RecordKeys(secrets_.records).Record(id_);
  ASSERT_THAT(bucket.Put(key, "junk", 0), IsOkAndHolds(true));
  EXPECT_THAT(Provision({worker}, options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("under a new identity")));
  EXPECT_THAT(Chat(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(bucket.Get(key)->value, "junk");
}

TEST_F(ProvisionerTest, ACredentialOfBeforeTheMoveIsToldToTakeTheNewOne) {
  records_ = std::make_unique<RecordKeeper>(*api_, kSpace, SpaceSecrets{});
  EXPECT_THAT(Provision({Agent("worker", {"general"}, {"general"})}, options_),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("space harden")));
  EXPECT_THAT(Chat(id_), StatusIs(absl::StatusCode::kNotFound));
}

// Servers from 2.15 on stop at 1,000 consumers a stream, unless the account's token names a limit.
TEST_F(ProvisionerTest, StreamHoldsMoreAgentsThanServersAllowByThemselves) {
  for (int i = 0; i < 1001; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerConfig config,
                            ChatDurableConfig(kSpace, "agent" + std::to_string(i), Strings{"general"}));
    ASSERT_THAT(api_->CreateConsumer(ChatStream(kSpace), config), IsOk()) << i;
  }
  EXPECT_EQ(api_->GetStream(ChatStream(kSpace))->consumers, 1001U);
}

TEST_F(ProvisionerTest, SpaceThatIsNotSetUpIsToldWhatToDo) {
  ASSERT_THAT(broker_->RestartEmpty(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect());
  EXPECT_THAT(Provision({Agent("worker", {"general"}, {"general"})}, options_),
              StatusIs(kPrecondition, HasSubstr("space setup")));
}

}  // namespace
}  // namespace meshwarden::provisioner_test
