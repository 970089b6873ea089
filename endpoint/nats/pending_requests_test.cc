#include "endpoint/nats/pending_requests.h"

#include "base/status_matchers.h"

namespace meshwarden::testing::pending_requests_test {
namespace {

using std::chrono::seconds;
using ::testing::SizeIs;
using TimePoint = PendingRequests::TimePoint;

const TimePoint kStart{seconds(1000)};

class PendingRequestsTest : public ::testing::Test {
 protected:
  std::optional<PendingRequests::Ticket> Add(std::string_view subject, TimePoint deadline) {
    PendingRequests::Callback done = [this](const absl::StatusOr<NatsMessage>&) { ++called_; };
    return requests_.Add(subject, deadline, done);
  }

  PendingRequests requests_{3};
  int called_ = 0;
};

TEST_F(PendingRequestsTest, CallbackIsTakenOnce) {
  const auto ticket = Add("a", kStart);
  ASSERT_TRUE(ticket.has_value());
  const PendingRequests::Callback done = requests_.Take(ticket->token);
  ASSERT_TRUE(done != nullptr);
  done(NatsMessage{});
  EXPECT_EQ(called_, 1);
  EXPECT_TRUE(requests_.Take(ticket->token) == nullptr);
  EXPECT_EQ(requests_.size(), 0U);
}

TEST_F(PendingRequestsTest, FullTableLeavesTheCallbackWithItsOwner) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Add("a", kStart).has_value());
  PendingRequests::Callback done = [](const absl::StatusOr<NatsMessage>&) {};
  EXPECT_FALSE(requests_.Add("a", kStart, done).has_value());
  EXPECT_TRUE(done != nullptr);
}

TEST_F(PendingRequestsTest, TokenOfAnEndedWaitFindsNothingInTheSlotsNextUse) {
  const auto first = Add("a", kStart);
  requests_.Take(first->token);
  const auto second = Add("a", kStart);
  EXPECT_NE(first->token, second->token);
  EXPECT_TRUE(requests_.Take(first->token) == nullptr);
  EXPECT_TRUE(requests_.Take(second->token) != nullptr);
}

TEST_F(PendingRequestsTest, TokensNobodyWasGivenFindNothing) {
  Add("a", kStart);
  EXPECT_TRUE(requests_.Take(0) == nullptr);
  EXPECT_TRUE(requests_.Take(UINT64_MAX) == nullptr);
}

TEST_F(PendingRequestsTest, DeadlineIsInclusive) {
  Add("a", kStart + seconds(1));
  Add("a", kStart + seconds(2));
  TimePoint next;
  EXPECT_THAT(requests_.TakeExpired(kStart, next), SizeIs(0));
  EXPECT_EQ(next, kStart + seconds(1));
  EXPECT_THAT(requests_.TakeExpired(kStart + seconds(1), next), SizeIs(1));
  EXPECT_EQ(next, kStart + seconds(2));
}

TEST_F(PendingRequestsTest, WithoutRequestsNoCallIsNeeded) {
  TimePoint next;
  requests_.TakeExpired(kStart, next);
  EXPECT_EQ(next, TimePoint::max());
}

TEST_F(PendingRequestsTest, OnlyAnEarlierDeadlineAsksToBeWoken) {
  EXPECT_TRUE(Add("a", kStart + seconds(5))->wake);
  EXPECT_FALSE(Add("a", kStart + seconds(6))->wake);
  EXPECT_TRUE(Add("a", kStart + seconds(4))->wake);
}

TEST_F(PendingRequestsTest, SubjectTakesItsOwnOnly) {
  Add("a.b", kStart);
  Add("a.bc", kStart);
  EXPECT_THAT(requests_.TakeSubject("a", PendingRequests::Match::kWhole), SizeIs(0));
  EXPECT_THAT(requests_.TakeSubject("a.b", PendingRequests::Match::kWhole), SizeIs(1));
  EXPECT_THAT(requests_.TakeSubject("a.b", PendingRequests::Match::kPrefix), SizeIs(1));
}

TEST_F(PendingRequestsTest, AllAreTaken) {
  for (int i = 0; i < 3; ++i) Add("a", kStart);
  EXPECT_THAT(requests_.TakeAll(), SizeIs(3));
  EXPECT_THAT(requests_.TakeAll(), SizeIs(0));
}

}  // namespace
}  // namespace meshwarden::testing::pending_requests_test
