#include "manager/peers/passed_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace meshwarden::passed_requests_test {
namespace {

using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

PassedRequests::Time At(int ms) { return PassedRequests::Time(milliseconds(ms)); }

class PassedRequestsTest : public ::testing::Test {
 protected:
  void Pass(std::uint64_t number, int at) {
    EXPECT_TRUE(requests_.Keep(
        number, {.request = {.sender = "UA", .message = {}, .arrived = At(at)}, .to = one_, .told = At(at)}));
  }
  PassedRequests::OwnerOf Owner() {
    return [this](const std::string&) { return owner_; };
  }

  const Peer one_{.instance = "ONE", .id = "UM"};
  const Peer two_{.instance = "TWO", .id = "UM"};
  const Peer* owner_ = &one_;
  PassedRequests requests_;
};

TEST_F(PassedRequestsTest, WhatWasTakenIsDone) {
  Pass(1, 0);
  requests_.Took("ONE", 1);
  EXPECT_THAT(requests_.TakeOld(At(1000)), IsEmpty());
}

TEST_F(PassedRequestsTest, NobodyElseTakesIt) {
  Pass(1, 0);
  requests_.Took("TWO", 1);
  requests_.Took("ONE", 2);
  EXPECT_THAT(requests_.TakeOld(At(1000)), SizeIs(1));
}

TEST_F(PassedRequestsTest, WhatIsNotTakenIsSentAgain) {
  Pass(1, 0);
  EXPECT_THAT(requests_.ToSendAgain(At(0), At(400), Owner()), IsEmpty());
  EXPECT_THAT(requests_.ToSendAgain(At(1), At(400), Owner()), SizeIs(1));
  EXPECT_THAT(requests_.ToSendAgain(At(1), At(400), Owner()), IsEmpty());
}

TEST_F(PassedRequestsTest, WhatBecameAnothersIsSentToThatOne) {
  Pass(1, 0);
  Pass(2, 10);
  std::uint64_t number = 2;
  const auto next = [&number] { return ++number; };
  EXPECT_THAT(requests_.Readdress(Owner(), next, At(100)), IsEmpty());
  owner_ = &two_;
  EXPECT_THAT(requests_.ToSendAgain(At(1), At(400), Owner()), IsEmpty());
  const auto moved = requests_.Readdress(Owner(), next, At(500));
  ASSERT_THAT(moved, SizeIs(2));
  EXPECT_EQ(moved[0].first, 3U);
  EXPECT_EQ(moved[0].second.to, two_);
  // However often it changes hands: it is as old as it is.
  EXPECT_EQ(moved[0].second.request.arrived, At(0));
  EXPECT_EQ(moved[1].second.request.arrived, At(10));
  EXPECT_THAT(requests_.Readdress(Owner(), next, At(500)), IsEmpty());
  requests_.Took("TWO", 3);
  EXPECT_THAT(requests_.TakeOld(At(1000)), SizeIs(1));
}

TEST_F(PassedRequestsTest, WhatIsNobodyElsesAnyMoreIsTakenOut) {
  Pass(1, 0);
  EXPECT_THAT(requests_.TakeOwn(Owner()), IsEmpty());
  owner_ = nullptr;
  EXPECT_THAT(requests_.TakeOwn(Owner()), SizeIs(1));
  EXPECT_THAT(requests_.TakeOwn(Owner()), IsEmpty());
}

TEST_F(PassedRequestsTest, ThoseOfOneSenderAreTakenOut) {
  Pass(1, 0);
  Pass(2, 0);
  EXPECT_THAT(requests_.TakeOf("UB"), IsEmpty());
  EXPECT_THAT(requests_.TakeOf("UA"), SizeIs(2));
  EXPECT_THAT(requests_.TakeOf("UA"), IsEmpty());
}

TEST_F(PassedRequestsTest, OldOnesAreTakenOut) {
  Pass(1, 0);
  Pass(2, 500);
  EXPECT_THAT(requests_.TakeOld(At(500)), SizeIs(1));
  EXPECT_THAT(requests_.TakeOld(At(501)), SizeIs(1));
}

TEST_F(PassedRequestsTest, TooMuchIsNotKept) {
  const auto large = [this](const std::string& sender) {
    PassedRequests::Request request{.sender = sender, .message = {}, .arrived = At(0)};
    request.message.payload = std::string(200 * 1024, 'x');
    return PassedRequests::Passed{.request = std::move(request), .to = one_, .told = At(0)};
  };
  EXPECT_TRUE(requests_.Keep(1, large("UA")));
  EXPECT_FALSE(requests_.Keep(2, large("UA")));
  requests_.Took("ONE", 1);
  EXPECT_TRUE(requests_.Keep(3, large("UA")));
  std::uint64_t number = 3;
  while (requests_.Keep(number + 1, large(std::to_string(number)))) ++number;
  EXPECT_EQ(number - 2, (8U << 20) / (200 * 1024));
  EXPECT_THAT(requests_.TakeOld(At(1)), SizeIs(number - 2));
  EXPECT_TRUE(requests_.Keep(1, large("UA")));
}

TEST_F(PassedRequestsTest, OneSenderTakesOnlyItsOwnPlaces) {
  for (std::uint64_t number = 1; number <= 32; ++number) Pass(number, 0);
  const PassedRequests::Request more{.sender = "UA", .message = {}, .arrived = At(0)};
  EXPECT_FALSE(requests_.Keep(33, {.request = more, .to = one_, .told = At(0)}));
  PassedRequests::Request others = more;
  others.sender = "UB";
  EXPECT_TRUE(requests_.Keep(34, {.request = others, .to = one_, .told = At(0)}));
  requests_.Took("ONE", 1);
  EXPECT_TRUE(requests_.Keep(35, {.request = more, .to = one_, .told = At(0)}));
}

TEST_F(PassedRequestsTest, TooManyAreNotKept) {
  PassedRequests::Request request{.sender = "", .message = {}, .arrived = At(0)};
  for (std::uint64_t number = 1; number <= 4096; ++number) {
    request.sender = std::to_string(number);
    ASSERT_TRUE(requests_.Keep(number, {.request = request, .to = one_, .told = At(0)}));
  }
  request.sender = "UA";
  EXPECT_FALSE(requests_.Keep(5000, {.request = request, .to = one_, .told = At(0)}));
}

}  // namespace
}  // namespace meshwarden::passed_requests_test
