// E11: whose the durables are.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e11_durables_test {
namespace {

using ::testing::ElementsAre;

class DurablesTest : public ::testing::Test {
 protected:
  void Enter(Mode mode) { MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(mode)); }
  std::size_t Consumers(const std::string& stream) {
    const auto info = space_->root_api().GetStream(stream);
    return info.ok() ? info->consumers : 0;
  }
  Json Info(const std::string& stream, const std::string& durable) {
    const auto answer = space_->root().Request(fmt::format("$JS.API.CONSUMER.INFO.{}.{}", stream, durable),
                                               "", std::chrono::milliseconds(5000));
    if (!answer.ok()) return Json::object();
    return ParseJsonObject(answer->payload, {}).value_or(Json::object());
  }
  // Without one of its durables an agent does not start, says which one, and makes none.
  void ExpectMissing(const std::string& stream, const std::string& durable, const std::string& error) {
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    const std::string name = durable + (durable == "svc_" ? "reviewer" : options.card.id);
    ASSERT_THAT(space_->root_api().DeleteConsumer(stream, name), IsOk());
    const std::size_t consumers = Consumers(stream);
    const auto started = space_->Enter(options);
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(started.status().message()),
                ::testing::HasSubstr(fmt::format(fmt::runtime(error), name)));
    EXPECT_EQ(Consumers(stream), consumers);
  }

  std::unique_ptr<TestSpace> space_;
};

TEST_F(DurablesTest, E11_AuthModeBindsAndNeverCreates) {
  Enter(Mode::kAuth);
  ExpectMissing(
      "CHAT_main", "chat_",
      "chat durable {} not pre-created — a launcher must call provisionChatDurable (auth mode binds "
      "the durable, it never self-creates)");
  ExpectMissing("DM_main", "dm_", "{} not pre-created — a launcher must call provisionDmInbox");
  ExpectMissing("TASK_main", "svc_", "{} not pre-created — a launcher must call provisionTaskQueue");
}

TEST_F(DurablesTest, E11_ARoleThatTheCredentialDoesNotHaveIsToldAsSuch) {
  Enter(Mode::kAuth);
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("narrow"));
  options.card.role = "reviewer";
  const auto started = space_->Enter(options);
  EXPECT_EQ(started.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(started.status().message()),
              ::testing::HasSubstr("durable svc_reviewer is not this credential's to bind"));
}

TEST_F(DurablesTest, E11_AuthModeLeavesTheDurablesAsTheyWere) {
  Enter(Mode::kAuth);
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.inactive_threshold = std::chrono::seconds(5);
  const std::string chat = ChatDurable(options.card.id);
  const Json before = Info("CHAT_main", chat);
  ASSERT_TRUE(before.contains("config"));
  {
    MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
    ASSERT_THAT(space_->Post("general", "x"), IsOk());
    ASSERT_THAT(bob->Texts(1), ElementsAre("x"));
  }
  const Json after = Info("CHAT_main", chat);
  EXPECT_EQ(after["config"], before["config"]);
  EXPECT_EQ(after["created"], before["created"]);
  EXPECT_FALSE(after["config"].contains("inactive_threshold"));
}

TEST_F(DurablesTest, E11_OpenModeMakesItsOwnWithTheThresholdAndBindsThemAgain) {
  Enter(Mode::kOpen);
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.inactive_threshold = std::chrono::seconds(77);
  options.ack_wait = std::chrono::seconds(11);
  const std::string chat = ChatDurable(options.card.id);
  const std::string dm = DmDurable(options.card.id);
  { MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options)); }
  const Json first = Info("CHAT_main", chat);
  const Json inbox = Info("DM_main", dm);
  for (const Json& made : {first, inbox}) {
    ASSERT_TRUE(made.contains("config")) << made;
    EXPECT_EQ(made["config"].value("inactive_threshold", 0LL), 77'000'000'000LL);
    EXPECT_EQ(made["config"].value("ack_wait", 0LL), 11'000'000'000LL);
  }
  EXPECT_FALSE(Info("TASK_main", TaskDurable("reviewer"))["config"].contains("inactive_threshold"));
  { MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options)); }
  EXPECT_EQ(Info("CHAT_main", chat)["created"], first["created"]);
  EXPECT_EQ(Info("DM_main", dm)["created"], inbox["created"]);
}

}  // namespace
}  // namespace meshwarden::testing::e11_durables_test
