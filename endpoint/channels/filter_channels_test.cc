#include "endpoint/channels/filter_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshwarden::filter_channels_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FilterChannels ReadOf(std::vector<std::string> filters) {
  ConsumerConfig config;
  config.filter_subjects = std::move(filters);
  return ReadFilter("main", config);
}

TEST(ReadFilter, NamesChannelsAndPatternsInTheirOrder) {
  const FilterChannels read =
      ReadOf({"cotal.main.chat.*.general", "cotal.main.chat.*.team.>", "cotal.main.chat.*.star.*"});
  EXPECT_THAT(read.channels, ElementsAre("general", "team.>", "star.*"));
  EXPECT_THAT(read.unreadable, IsEmpty());
}

TEST(ReadFilter, AParkedDurableReadsNothing) {
  const FilterChannels read = ReadOf({"cotal.main.chat.=none.=none"});
  EXPECT_THAT(read.channels, IsEmpty());
  EXPECT_THAT(read.unreadable, IsEmpty());
}

TEST(ReadFilter, WhatIsNoChannelsFilterIsSaid) {
  EXPECT_THAT(ReadOf({}).unreadable, ElementsAre("everything"));
  const FilterChannels read =
      ReadOf({"cotal.other.chat.*.general", "cotal.main.chat.*.general", "cotal.main.>"});
  EXPECT_THAT(read.channels, ElementsAre("general"));
  EXPECT_THAT(read.unreadable, ElementsAre("cotal.other.chat.*.general", "cotal.main.>"));
}

}  // namespace
}  // namespace meshwarden::filter_channels_test
