#include "endpoint/space/open_requests.h"

#include <gtest/gtest.h>

namespace meshwarden::open_requests_test {
namespace {

TEST(OpenRequestsTest, EachSenderHasItsOwnPlaces) {
  OpenRequests requests(2);
  OpenRequests::Place first = requests.Open("a");
  const OpenRequests::Place second = requests.Open("a");
  EXPECT_NE(first, nullptr);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(requests.Open("a"), nullptr);
  EXPECT_NE(requests.Open("b"), nullptr);
  first.reset();
  const OpenRequests::Place third = requests.Open("a");
  EXPECT_NE(third, nullptr);
  EXPECT_EQ(requests.Open("a"), nullptr);
}

TEST(OpenRequestsTest, APlaceIsHeldUntilItsLastCopyGoes) {
  OpenRequests requests(1);
  OpenRequests::Place place = requests.Open("a");
  OpenRequests::Place copy = place;
  place.reset();
  EXPECT_EQ(requests.Open("a"), nullptr);
  copy.reset();
  EXPECT_NE(requests.Open("a"), nullptr);
}

}  // namespace
}  // namespace meshwarden::open_requests_test
