#include "provisioning/records/record_keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proto/channel_pattern.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "provisioning/minting/profiles.h"

namespace meshwarden::record_keys_test {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Not;

constexpr char kToken[] = "ABCDEFGHIJKLMNOPQRSTUVWX27";
const RecordKeys kKeys(kToken);

// The keys that the rights of `profile` let it write.
MATCHER_P(WrittenBy, profile, "") {
  ProfileOptions options;
  options.space = "main";
  options.id = "UX";
  options.secrets = {.api = std::string(26, 'A'), .records = kToken};
  const std::vector<std::string> allow = PermissionsOf(profile, options)->publish->allow;
  const std::string subject = BucketSubject(AgentBucket("main"), arg);
  return std::any_of(allow.begin(), allow.end(),
                     [&subject](const std::string& pattern) { return PatternCovers(pattern, subject); });
}

std::string NewId(NkeyKind kind = NkeyKind::kUser) { return KeyPair::Generate(kind)->public_key().text(); }

TEST(RecordKeysTest, EachLiesUnderTheToken) {
  EXPECT_EQ(kKeys.Record("UX"), "ABCDEFGHIJKLMNOPQRSTUVWX27.rec.UX");
  EXPECT_EQ(kKeys.AgentPlace("worker", 0), "ABCDEFGHIJKLMNOPQRSTUVWX27.place.agent.776f726b6572.0");
  EXPECT_EQ(kKeys.OwnerPlace("UX", 41), "ABCDEFGHIJKLMNOPQRSTUVWX27.place.owner.UX.41");
  EXPECT_EQ(kKeys.Lease("a"), "ABCDEFGHIJKLMNOPQRSTUVWX27.lease.a");
  EXPECT_EQ(kKeys.Policy("a"), "ABCDEFGHIJKLMNOPQRSTUVWX27.policy.a");
  EXPECT_EQ(kKeys.Moved(), "ABCDEFGHIJKLMNOPQRSTUVWX27.moved");
}

TEST(RecordKeysTest, AnyNameOfAnAgentIsOneToken) {
  EXPECT_EQ(kKeys.AgentPlace("a.*> \xc3\xa9", 7), "ABCDEFGHIJKLMNOPQRSTUVWX27.place.agent.612e2a3e20c3a9.7");
}

TEST(RecordKeysTest, WhoeverHasNoTokenKnowsOfNone) {
  EXPECT_TRUE(kKeys.known());
  EXPECT_FALSE(RecordKeys("").known());
}

TEST(RecordKeysTest, SetupWritesAllOfThemAndTheMoverWhatManagersTellEachOther) {
  const std::vector<std::string> provisioned = {kKeys.Record("UX"), kKeys.AgentPlace("worker", 0),
                                                kKeys.OwnerPlace("UX", 0), kKeys.Moved()};
  const std::vector<std::string> told = {kKeys.Lease("a"), kKeys.Policy("a")};
  EXPECT_THAT(provisioned, Each(AllOf(WrittenBy(Profile::kSetup), Not(WrittenBy(Profile::kMover)))));
  EXPECT_THAT(told, Each(AllOf(WrittenBy(Profile::kSetup), WrittenBy(Profile::kMover))));
}

TEST(RecordKeysTest, MovedIsFoundWithoutTheToken) {
  EXPECT_TRUE(PatternCovers(kMovedUnderAnyToken, kKeys.Moved()));
  EXPECT_FALSE(PatternCovers(kMovedUnderAnyToken, kKeys.Record("moved")));
}

TEST(RecordKeysTest, AnEarlierKeyIsAnIdAndNothingElse) {
  const std::string id = NewId();
  EXPECT_TRUE(IsEarlierRecordKey(id));
  std::string lower = id;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return std::tolower(c); });
  std::string damaged = id;
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  for (const std::string& key : {std::string(), id + "A", id + ".x", "x." + id, id.substr(1), lower, damaged,
                                 NewId(NkeyKind::kAccount), kKeys.Record(id), kKeys.Moved()}) {
    EXPECT_FALSE(IsEarlierRecordKey(key)) << key;
  }
}

}  // namespace
}  // namespace meshwarden::record_keys_test
