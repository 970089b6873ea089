#include "provisioning/records/record_bucket.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/support/broker.h"

namespace meshwarden::record_bucket_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr char kSpace[] = "main";
constexpr char kToken[] = "ABCDEFGHIJKLMNOPQRSTUVWX27";

// A server on which everybody is `user`: one who may do anything, or one who may read the bucket and no more.
std::string ConfigFor(std::string_view user) {
  return fmt::format(R"(
jetstream: {{}}
no_auth_user: {1}
authorization: {{ users: [
  {{ user: all, password: all }}
  {{ user: reader, password: reader,
     permissions: {{ publish: "$JS.API.STREAM.MSG.GET.KV_{0}", subscribe: ">" }} }}
] }}
)",
                     AgentBucket(kSpace), user);
}

class RecordBucketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::BrokerOptions options;
    options.config = ConfigFor("all");
    MW_ASSERT_OK_AND_ASSIGN(broker_, testing::TestBroker::Start(std::move(options)));
    ASSERT_NO_FATAL_FAILURE(Connect());
    ASSERT_THAT(Privileged(*api_, kSpace).CreateSpaceStreams(/*replicas=*/1), IsOk());
  }
  void Connect() {
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    bucket_ = std::make_unique<RecordBucket>(*api_, kSpace);
  }

  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::unique_ptr<RecordBucket> bucket_;
};

TEST_F(RecordBucketTest, WhatIsPutIsThereAtItsRevision) {
  MW_ASSERT_OK_AND_ASSIGN(const StoredKey none, bucket_->Get("a.b"));
  EXPECT_EQ(none.revision, 0U);
  EXPECT_EQ(none.value, std::nullopt);
  ASSERT_THAT(bucket_->Put("a.b", "one", 0), IsOkAndHolds(true));
  MW_ASSERT_OK_AND_ASSIGN(const StoredKey one, bucket_->Get("a.b"));
  EXPECT_EQ(one.value, "one");
  ASSERT_THAT(bucket_->Put("a.b", "two", one.revision), IsOkAndHolds(true));
  EXPECT_EQ(bucket_->Get("a.b")->value, "two");
}

TEST_F(RecordBucketTest, WhoeverComesLaterReplacesNothing) {
  ASSERT_THAT(bucket_->Put("a", "one", 0), IsOkAndHolds(true));
  EXPECT_THAT(bucket_->Put("a", "two", 0), IsOkAndHolds(false));
  EXPECT_THAT(bucket_->Put("a", "two", 77), IsOkAndHolds(false));
  EXPECT_EQ(bucket_->Get("a")->value, "one");
}

TEST_F(RecordBucketTest, AMarkerIsNoValueAndHasARevision) {
  ASSERT_THAT(bucket_->Put("a", "one", 0), IsOkAndHolds(true));
  ASSERT_THAT(bucket_->Delete("a"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const StoredKey marker, bucket_->Get("a"));
  EXPECT_EQ(marker.value, std::nullopt);
  EXPECT_EQ(marker.revision, 2U);
  EXPECT_THAT(bucket_->Put("a", "two", 0), IsOkAndHolds(false));
  EXPECT_THAT(bucket_->Put("a", "two", marker.revision), IsOkAndHolds(true));
}

TEST_F(RecordBucketTest, APatternFindsAnythingThatWasStored) {
  EXPECT_THAT(bucket_->Find("*.moved"), IsOkAndHolds(false));
  ASSERT_THAT(bucket_->Put("moved", "x", 0), IsOkAndHolds(true));
  ASSERT_THAT(bucket_->Put("a.b.moved", "x", 0), IsOkAndHolds(true));
  EXPECT_THAT(bucket_->Find("*.moved"), IsOkAndHolds(false));
  ASSERT_THAT(bucket_->Put("a.moved", "x", 0), IsOkAndHolds(true));
  EXPECT_THAT(bucket_->Find("*.moved"), IsOkAndHolds(true));
  ASSERT_THAT(bucket_->Delete("a.moved"), IsOk());
  EXPECT_THAT(bucket_->Find("*.moved"), IsOkAndHolds(true));
}

TEST_F(RecordBucketTest, AListIsOfKeys) {
  for (const char* key : {"a", "b", "c.d"}) ASSERT_THAT(bucket_->Put(key, "x", 0), IsOkAndHolds(true));
  EXPECT_THAT(*bucket_->List("*"), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(*bucket_->List(">"), UnorderedElementsAre("a", "b", "c.d"));
  EXPECT_THAT(*bucket_->List("x.*"), UnorderedElementsAre());
}

// A wildcard would be answered with another key's value.
TEST_F(RecordBucketTest, AnAnswerOfAnotherKeyIsNotTaken) {
  ASSERT_THAT(bucket_->Put("a", "one", 0), IsOkAndHolds(true));
  EXPECT_THAT(bucket_->Get("*"), StatusIs(absl::StatusCode::kInternal, HasSubstr("another key")));
}

TEST_F(RecordBucketTest, NoErrorRepeatsAToken) {
  ASSERT_THAT(broker_->SetConfig(ConfigFor("reader")), IsOk());
  ASSERT_THAT(broker_->Restart(), IsOk());
  ASSERT_NO_FATAL_FAILURE(Connect());
  const std::string key = std::string(kToken) + ".rec.UX";
  const auto denied = [](const auto& outcome) {
    EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kPermissionDenied,
                                  AllOf(HasSubstr("***.rec.UX"), Not(HasSubstr(kToken)))));
  };
  denied(bucket_->Put(key, "x", 0));
  denied(bucket_->Delete(key));
  EXPECT_THAT(bucket_->Get(key), IsOk());
}

TEST_F(RecordBucketTest, AMissingBucketIsToldWithWhatToDo) {
  const RecordBucket elsewhere(*api_, "elsewhere");
  const auto refused = [](const auto& outcome) {
    EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("space setup")));
  };
  refused(elsewhere.Get("a"));
  refused(elsewhere.Find("*"));
  refused(elsewhere.List("*"));
}

TEST_F(RecordBucketTest, ABrokerThatIsAwayHasNotSaidNo) {
  ASSERT_THAT(broker_->Kill(), IsOk());
  EXPECT_THAT(bucket_->Get("a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(bucket_->Find("a"), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace meshwarden::record_bucket_test
