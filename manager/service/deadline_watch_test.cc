#include "manager/service/deadline_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>

namespace meshwarden::deadline_watch_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Waiting final : public Expirable {
 public:
  void Expire() override { expired.set_value(steady_clock::now()); }
  std::promise<steady_clock::time_point> expired;
};

TEST(DeadlineWatch, WhatStillExistsExpiresOnceAndNotEarly) {
  DeadlineWatch watch(milliseconds(20));
  const auto object = std::make_shared<Waiting>();
  const auto start = steady_clock::now();
  watch.Watch(object);
  // A second call would throw out of the promise.
  EXPECT_GE(object->expired.get_future().get() - start, milliseconds(20));
}

TEST(DeadlineWatch, WhatIsGoneIsPassedOver) {
  DeadlineWatch watch(milliseconds(1));
  auto gone = std::make_shared<Waiting>();
  std::future<steady_clock::time_point> never = gone->expired.get_future();
  watch.Watch(gone);
  gone.reset();
  const auto later = std::make_shared<Waiting>();
  watch.Watch(later);
  later->expired.get_future().get();
  EXPECT_THROW(never.get(), std::future_error);  // the promise was broken, not kept
}

TEST(DeadlineWatch, DeadlinesAreKeptInOrder) {
  DeadlineWatch watch(milliseconds(5));
  const auto first = std::make_shared<Waiting>();
  const auto second = std::make_shared<Waiting>();
  watch.Watch(first);
  watch.Watch(second);
  EXPECT_LE(first->expired.get_future().get(), second->expired.get_future().get());
}

TEST(DeadlineWatch, DestructionDoesNotWaitForDeadlines) {
  const auto object = std::make_shared<Waiting>();
  const auto start = steady_clock::now();
  {
    DeadlineWatch watch(std::chrono::hours(1));
    watch.Watch(object);
  }
  EXPECT_LT(steady_clock::now() - start, std::chrono::minutes(1));
  EXPECT_EQ(object->expired.get_future().wait_for(milliseconds(0)), std::future_status::timeout);
}

}  // namespace
}  // namespace meshwarden::deadline_watch_test
