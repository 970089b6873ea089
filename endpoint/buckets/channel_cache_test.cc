#include "endpoint/buckets/channel_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::channel_cache_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

BucketEntry Entry(const std::string& key) {
  BucketEntry entry;
  entry.key = key;
  entry.payload = "{}";
  return entry;
}

TEST(ChannelCacheTest, KeepsTheRecordsOfChannels) {
  ChannelCache cache;
  EXPECT_THAT(cache.Apply(Entry("team.a")), IsOk());
  EXPECT_THAT(cache.Apply(Entry("=defaults")), IsOk());
  EXPECT_THAT(cache.All(), SizeIs(1));
}

TEST(ChannelCacheTest, T33_AKeyThatIsNoChannelIsNeitherKeptNorShownAsItIs) {
  ChannelCache cache;
  for (const std::string key :
       {">", "*", "team.*", "a/b", "", "a..b", "ops\x1b[2J", "ops\xE2\x80\xAE", "=other"}) {
    const absl::Status refused = cache.Apply(Entry(key));
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no channel"))) << key;
    EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("\x1b")));
    EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("\xE2\x80\xAE")));
  }
  EXPECT_THAT(cache.All(), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::channel_cache_test
