#include "manager/peers/number_window.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>

namespace meshwarden::number_window_test {
namespace {

TEST(NumberWindowTest, EachNumberIsTakenOnce) {
  NumberWindow window;
  for (const std::uint64_t number : std::initializer_list<std::uint64_t>{1, 3, 2, 100, 99})
    EXPECT_TRUE(window.Take(number)) << number;
  for (const std::uint64_t number : std::initializer_list<std::uint64_t>{1, 2, 3, 99, 100})
    EXPECT_FALSE(window.Take(number)) << number;
}

TEST(NumberWindowTest, WhatLiesFarBackCountsAsTaken) {
  NumberWindow window;
  EXPECT_TRUE(window.Take(100'000));
  EXPECT_FALSE(window.Take(1));
  EXPECT_TRUE(window.Take(99'000));
  EXPECT_TRUE(window.Take(UINT64_MAX));
  EXPECT_FALSE(window.Take(99'001));
}

}  // namespace
}  // namespace meshwarden::number_window_test
