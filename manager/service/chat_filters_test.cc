#include "manager/service/chat_filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "tests/support/broker.h"

namespace meshwarden::chat_filters_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Strings = std::vector<std::string>;

class ChatFiltersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, std::chrono::seconds(10));
    ASSERT_THAT(Privileged(*api_, "main").CreateSpaceStreams(1), IsOk());
  }
  absl::StatusOr<Strings> Read(const std::string& id) {
    std::array<JetStreamApi*, 1> apis = {api_.get()};
    BrokerChatFilters filters(apis, "main");
    std::promise<absl::StatusOr<Strings>> channels;
    filters.Read(id, [&channels](absl::StatusOr<Strings> read) { channels.set_value(std::move(read)); });
    return channels.get_future().get();
  }
  // What is read with a durable that has these filter subjects.
  absl::StatusOr<Strings> ReadWith(const Strings& filter_subjects) {
    MW_ASSIGN_OR_RETURN(ConsumerConfig config, ChatDurableConfig("main", "UA", Strings{"general"}));
    config.filter_subjects = filter_subjects;
    MW_RETURN_IF_ERROR(api_->CreateConsumer("CHAT_main", config).status());
    absl::StatusOr<Strings> channels = Read("UA");
    MW_RETURN_IF_ERROR(api_->DeleteConsumer("CHAT_main", "chat_UA"));
    return channels;
  }

  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
};

TEST_F(ChatFiltersTest, FiltersOfTheChatAreChannels) {
  EXPECT_THAT(ReadWith({"cotal.main.chat.*.general", "cotal.main.chat.*.team.>"}),
              IsOkAndHolds(ElementsAre("general", "team.>")));
}

TEST_F(ChatFiltersTest, WhatChannelsCannotTellIsNotLeftOut) {
  for (const std::string filter : {"cotal.main.chat.UB.general", "cotal.main.chat.>", "cotal.>"}) {
    EXPECT_THAT(ReadWith({filter}), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(filter)));
  }
  EXPECT_THAT(ReadWith({"cotal.main.chat.*.general", "cotal.main.chat.UB.ops"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("chat.UB.ops")));
}

TEST_F(ChatFiltersTest, WhoWasParkedReadsNothing) {
  EXPECT_THAT(ReadWith({"cotal.main.chat.=none.=none"}), IsOkAndHolds(ElementsAre()));
}

TEST_F(ChatFiltersTest, NoDurableIsNotFound) {
  EXPECT_THAT(Read("UNOBODY"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace meshwarden::chat_filters_test
