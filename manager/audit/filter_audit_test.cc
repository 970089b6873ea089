#include "manager/audit/filter_audit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "proto/channel_pattern.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "tests/support/broker.h"

namespace meshwarden::filter_audit_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::TestBroker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Channels = std::vector<std::string>;

constexpr std::chrono::milliseconds kTimeout{10'000};

// An agent that may read general and ops, and reads secret too.
class FilterAuditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    privileged_ = std::make_unique<Privileged>(*api_, "main");
    ASSERT_THAT(privileged_->CreateSpaceStreams(/*replicas=*/1), IsOk());
    ASSERT_THAT(privileged_->ProvisionChatDurable(id_, Channels{"ops", "secret"}), IsOk());
  }
  std::shared_ptr<const Policy> SomePolicy() const {
    AgentPolicy ada;
    ada.name = "ada";
    ada.id = id_;
    ada.subscribe = {"general"};
    for (const char* channel : {"general", "ops"}) {
      ada.allow_subscribe.push_back({*ChannelPattern::Parse(channel), {}, "agent"});
    }
    return Policy::Create("main", "r1", {ada}).value();
  }
  FilterAudit Cut(FilterAuditParts::InTurn in_turn) {
    const absl::StatusOr<FilterAudit> audit = CutFiltersBack(
        {.api = *api_,
         .space = "main",
         .policy = SomePolicy(),
         .read_record = [](const std::string&, const auto& done) { done(absl::NotFoundError("none")); },
         .in_turn = std::move(in_turn),
         .log = log_});
    EXPECT_THAT(audit, IsOk());
    return audit.ok() ? *audit : FilterAudit{};
  }
  Channels Read() {
    Channels channels;
    for (const std::string& filter :
         api_->GetConsumer(ChatStream("main"), ChatDurable(id_))->config.Filters()) {
      channels.push_back(ChannelOfFilter("main", filter).value_or(filter));
    }
    return channels;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<Privileged> privileged_;
  std::ostringstream log_text_;
  Log log_{{}, std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  const std::string id_ = KeyPair::Generate(NkeyKind::kUser)->public_key().text();
};

TEST_F(FilterAuditTest, WhatIsTooMuchIsTakenAway) {
  const FilterAudit audit = Cut(nullptr);
  EXPECT_EQ(audit.cut, 1U);
  EXPECT_THAT(Read(), ElementsAre("ops"));
}

TEST_F(FilterAuditTest, WhatARequestMovedBeforeItsTurnStays) {
  std::weak_ptr<void> turn;
  const FilterAudit audit = Cut([&](const std::string& id, const auto& act) {
    EXPECT_EQ(id, id_);
    EXPECT_THAT(privileged_->SetChatFilterFor(id_, Channels{"general"}), IsOk());
    const auto mine = std::make_shared<int>();
    turn = mine;
    act(mine);
  });
  EXPECT_EQ(audit.cut, 0U);
  EXPECT_THAT(Read(), ElementsAre("general"));
  EXPECT_TRUE(turn.expired());
}

// Nobody is told that all is well where something could not be looked at.
TEST_F(FilterAuditTest, WhatCannotBeReadIsCountedAsFailed) {
  const std::string other = KeyPair::Generate(NkeyKind::kUser)->public_key().text();
  std::string filters;
  for (int i = 0; i < 1'500; ++i) {
    filters += fmt::format(R"({}"cotal.main.chat.{}.x")", i == 0 ? "" : ",", i);
  }
  MW_ASSERT_OK_AND_ASSIGN(
      const NatsMessage made,
      connection_->Request(
          "$JS.API.CONSUMER.CREATE.CHAT_main.chat_" + other,
          fmt::format(R"({{"stream_name":"CHAT_main","config":{{"durable_name":"chat_{0}",)"
                      R"("name":"chat_{0}","ack_policy":"explicit","filter_subjects":[{1}]}}}})",
                      other, filters),
          kTimeout));
  ASSERT_THAT(made.payload, Not(HasSubstr("error")));
  const FilterAudit audit = Cut(nullptr);
  EXPECT_EQ(audit.failed, 1U);
  EXPECT_EQ(audit.cut, 1U);
  EXPECT_THAT(log_text_.str(), HasSubstr(other));
}

}  // namespace
}  // namespace meshwarden::filter_audit_test
