#include "proto/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::registry_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

ChannelConfig Config(std::string_view text) { return DecodeChannelConfig(text).value(); }
ChannelDefaults Defaults(std::string_view text) { return DecodeChannelDefaults(text).value(); }

TEST(RegistryTest, RecordsOfAPeerAreReadAndWrittenAlike) {
  constexpr std::string_view kOps = R"({"replay":false,"description":"operations"})";
  MW_ASSERT_OK_AND_ASSIGN(const ChannelConfig config, DecodeChannelConfig(kOps));
  EXPECT_EQ(config.replay, false);
  EXPECT_EQ(config.description, "operations");
  EXPECT_EQ(EncodeChannelConfig(config), kOps);

  constexpr std::string_view kDefaults = R"({"replay":true,"replayWindow":"24h"})";
  MW_ASSERT_OK_AND_ASSIGN(const ChannelDefaults defaults, DecodeChannelDefaults(kDefaults));
  EXPECT_EQ(EncodeChannelDefaults(defaults), kDefaults);
}

TEST(RegistryTest, WindowKeepsItsWords) {
  const ChannelConfig config = Config(R"({"replayWindow":"0090s","later":[1]})");
  EXPECT_EQ(config.replay_window->length(), std::chrono::seconds(90));
  EXPECT_EQ(EncodeChannelConfig(config), R"({"replayWindow":"0090s","later":[1]})");
}

TEST(RegistryTest, UnreadableWindowIsRefused) {
  for (const char* window : {"", "5", "1w", " 5m", "5m ", "-1h", "5\\n", "999999999999d"}) {
    const std::string text = R"({"replayWindow":")" + std::string(window) + "\"}";
    EXPECT_THAT(DecodeChannelConfig(text), StatusIs(kInvalid, HasSubstr("field \"replayWindow\": "))) << text;
    EXPECT_THAT(DecodeChannelDefaults(text), StatusIs(kInvalid, HasSubstr("channel defaults: "))) << text;
  }
}

TEST(RegistryTest, TextsAreBoundedInUtf16Units) {
  const auto with = [](const char* key, std::size_t emoji) {
    Json object = Json::object();
    for (std::size_t i = 0; i < emoji; ++i) object[key] = object.value(key, std::string()) + "😀";
    return object.dump();
  };
  EXPECT_THAT(DecodeChannelConfig(with("description", 100)), IsOk());
  EXPECT_THAT(
      DecodeChannelConfig(with("description", 101)),
      StatusIs(kInvalid, HasSubstr("field \"description\" has 202 characters, more than the 200 allowed")));
  EXPECT_THAT(DecodeChannelConfig(with("instructions", 1000)), IsOk());
  EXPECT_THAT(DecodeChannelConfig(with("instructions", 1001)), StatusIs(kInvalid, HasSubstr("2000 allowed")));
}

TEST(RegistryTest, OddFieldsAreNamed) {
  EXPECT_THAT(DecodeChannelConfig(R"({"replay":"yes"})"),
              StatusIs(kInvalid, "channel record: field \"replay\" must be true or false"));
  EXPECT_THAT(DecodeChannelConfig(R"({"instructions":7})"),
              StatusIs(kInvalid, HasSubstr("\"instructions\"")));
  EXPECT_THAT(DecodeChannelDefaults("[]"), StatusIs(kInvalid, HasSubstr("not an object")));
}

TEST(RegistryTest, FieldsThatAreNullAreNotThere) {
  MW_ASSERT_OK_AND_ASSIGN(
      const ChannelConfig config,
      DecodeChannelConfig(
          R"({"replay":null,"replayWindow":null,"description":null,"instructions":null,"later":null})"));
  EXPECT_EQ(EncodeChannelConfig(config), R"({"later":null})");
  MW_ASSERT_OK_AND_ASSIGN(const ChannelDefaults defaults,
                          DecodeChannelDefaults(R"({"replay":null,"replayWindow":null})"));
  EXPECT_EQ(EncodeChannelDefaults(defaults), "{}");
}

TEST(RegistryTest, SizeIsBounded) {
  const std::string text(kMaxRegistryBytes + 1, ' ');
  EXPECT_THAT(DecodeChannelConfig(text), StatusIs(kInvalid, HasSubstr("65536")));
  EXPECT_THAT(DecodeChannelDefaults(text), StatusIs(kInvalid, HasSubstr("65536")));
}

TEST(RegistryTest, ChannelDecidesBeforeDefaults) {
  EXPECT_FALSE(EffectiveReplay(Config(R"({"replay":false})"), Defaults(R"({"replay":true})")));
  EXPECT_FALSE(EffectiveReplay(Config("{}"), Defaults(R"({"replay":false})")));
  EXPECT_TRUE(EffectiveReplay(Config("{}"), Defaults("{}")));
}

TEST(RegistryTest, WindowFallsBackToDefaultsAndThenToNone) {
  const ChannelDefaults day = Defaults(R"({"replayWindow":"24h"})");
  EXPECT_EQ(EffectiveReplayWindow(Config(R"({"replayWindow":"5m"})"), day), std::chrono::minutes(5));
  EXPECT_EQ(EffectiveReplayWindow(Config("{}"), day), std::chrono::hours(24));
  EXPECT_EQ(EffectiveReplayWindow(Config("{}"), Defaults("{}")), std::nullopt);
}

TEST(RegistryTest, WhatABrokerAnswersIsTold) {
  for (const char* answer :
       {R"({"stream":"CHAT_main","seq":5})",
        R"({"stream":"CHAT_main","domain":"d","seq":5,"duplicate":true})",
        R"({"error":{"code":400,"err_code":10071,"description":"no"},"stream":"CHAT_main","seq":0})",
        R"({"error":{"code":400,"err_code":10071}})",
        R"({"type":"io.nats.jetstream.api.v1.consumer_info_response","name":"x","config":{}})"}) {
    EXPECT_TRUE(IsBrokerAnswer(Config(answer))) << answer;
    EXPECT_TRUE(IsBrokerAnswer(Defaults(answer))) << answer;
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeStoredChannelConfig(answer).status())) << answer;
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeStoredChannelDefaults(answer).status())) << answer;
  }
}

TEST(RegistryTest, ARecordIsNoAnswerWhateverFieldsItHasBesides) {
  for (const char* record :
       {"{}", R"({"stream":"x"})", R"({"seq":1})", R"({"type":"team"})", R"({"error":"x"})",
        R"({"stream":"x","seq":1,"replay":true})", R"({"stream":"x","seq":1,"replayWindow":"1h"})"}) {
    EXPECT_FALSE(IsBrokerAnswer(Config(record))) << record;
    EXPECT_FALSE(IsBrokerAnswer(Defaults(record))) << record;
  }
  for (const char* field : {"description", "instructions"}) {
    const std::string record = R"({"stream":"x","seq":1,")" + std::string(field) + R"(":"y"})";
    EXPECT_FALSE(IsBrokerAnswer(Config(record))) << record;
    EXPECT_TRUE(IsBrokerAnswer(Defaults(record))) << record;
  }
}

}  // namespace
}  // namespace meshwarden::registry_test
