// What an agent does to the channel registry by the answers that it aims, and what a watching manager makes
// of it: row T25 of the threat model. With its control case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/registry.h"
#include "proto/subject.h"
#include "tests/integration/watch_fixture.h"

namespace meshwarden::testing::threats_registry_test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNoCopy[] = "is unreadable, and no copy of it is known";

std::size_t CountIn(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class RegistryThreats : public WatchFixture {
 protected:
  // What the registry says of a channel; nothing readable: "damaged".
  std::string RegistryEntry(const std::string& channel) {
    const absl::StatusOr<StoredMessage> stored =
        api().LastMessage("KV_cotal_channels_main", "$KV.cotal_channels_main." + channel);
    return stored.ok() && DecodeChannelConfig(stored->payload).ok() ? stored->payload : "damaged";
  }
  void Describe(const std::string& channel, const std::string& description) {
    ChannelConfig config;
    config.description = description;
    ASSERT_THAT(Privileged(api(), "main").SetChannelConfig(channel, config), IsOk());
  }
  static std::string KeyOf(const std::string& channel) { return "$KV.cotal_channels_main." + channel; }
  // Does something that stores one message under the entry of `channel`, and waits until it is there.
  void Store(const std::string& channel, const std::function<void()>& something) {
    const std::uint64_t before = LastSeqOf(channel);
    ASSERT_NO_FATAL_FAILURE(something());
    ASSERT_TRUE(Eventually([&] { return LastSeqOf(channel) > before; }));
  }
  std::uint64_t LastSeqOf(const std::string& channel) {
    const absl::StatusOr<StoredMessage> stored = api().LastMessage("KV_cotal_channels_main", KeyOf(channel));
    return stored.ok() ? stored->seq : 0;
  }
  // An answer without a body.
  void AimJunkAtEntry(const std::string& channel) {
    ASSERT_NO_FATAL_FAILURE(Drain());
    ASSERT_NO_FATAL_FAILURE(Store(channel, [&] { Aim(KeyOf(channel)); }));
  }
  // What `mallory` asks on `subject` is answered there.
  void AimAnswerAtEntry(const std::string& channel, const std::string& subject, std::string_view body) {
    ASSERT_NO_FATAL_FAILURE(Store(channel, [&] {
      ASSERT_THAT(mallory_.connection->PublishRequest(subject, KeyOf(channel), body), IsOk());
      ASSERT_THAT(mallory_.connection->Flush(kPatience), IsOk());
    }));
  }
};

TEST_F(RegistryThreats, T25_ARegistryEntryThatWasReplacedIsPutBack) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  // One that is set while the manager runs is known to it too.
  ASSERT_NO_FATAL_FAILURE(Describe("ops", "for some"));
  const std::string general = RegistryEntry("general");
  const std::string ops = RegistryEntry("ops");
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("general") == general; }));
  EXPECT_TRUE(
      Logs("an entry of the channel registry was replaced by what is none; put back channel=general"));
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("ops"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("ops") == ops; }));
}

// An object like any other, and no entry.
TEST_F(RegistryThreats, T25_AnAnswerOfTheBrokerIsNoEntry) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  ASSERT_NO_FATAL_FAILURE(Describe("ops", "for some"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  const std::string general = RegistryEntry("general");
  const std::string ops = RegistryEntry("ops");
  ASSERT_NO_FATAL_FAILURE(AimAnswerAtEntry("general", *ChatSubject("main", mallory_.id, "general"), "text"));
  EXPECT_TRUE(Logs("put back channel=general"));
  EXPECT_EQ(RegistryEntry("general"), general);
  ASSERT_NO_FATAL_FAILURE(
      AimAnswerAtEntry("ops", "$JS.API.CONSUMER.INFO.CHAT_main." + ChatDurable(mallory_.id), ""));
  EXPECT_TRUE(Logs("put back channel=ops"));
  EXPECT_EQ(RegistryEntry("ops"), ops);
}

TEST_F(RegistryThreats, T25_AnEntryThatWasTakenOutStaysOut) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  ASSERT_NO_FATAL_FAILURE(Describe("ops", "for some"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_THAT(Privileged(api(), "main").RemoveChannelConfig("ops"), IsOk());
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_TRUE(Eventually([&] { return RegistryEntry("general") != "damaged"; }));
  EXPECT_EQ(RegistryEntry("ops"), "damaged");
  EXPECT_THAT(manager_->Output(), Not(HasSubstr("channel=ops")));
}

// Keys are an agent's choice, so that each of them as a thing of its own would let it fill the log, and what
// the log takes down to be told apart.
TEST_F(RegistryThreats, T25_JunkUnderManyKeysIsOneLine) {
  ASSERT_NO_FATAL_FAILURE(Describe("zone", "for all"));
  ASSERT_NO_FATAL_FAILURE(Watch());
  ASSERT_NO_FATAL_FAILURE(Drain());
  for (const std::string key : {"a1", "a2", "a3"}) Aim("$KV.cotal_channels_main." + key);
  ASSERT_TRUE(Logs(kNoCopy));
  // Control: what comes later is read after them, and told.
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("zone"));
  ASSERT_TRUE(Logs("put back channel=zone"));
  EXPECT_EQ(CountIn(manager_->Output(), kNoCopy), 1u) << manager_->Output();
}

TEST_F(RegistryThreats, T25_Control_WithoutAWatcherItStaysReplaced) {
  ASSERT_NO_FATAL_FAILURE(Describe("general", "for all"));
  MW_ASSERT_OK_AND_ASSIGN(manager_, mesh().StartManager());
  ASSERT_NO_FATAL_FAILURE(AimJunkAtEntry("general"));
  EXPECT_FALSE(Eventually([&] { return RegistryEntry("general") != "damaged"; }, milliseconds(3000)));
}

}  // namespace
}  // namespace meshwarden::testing::threats_registry_test
