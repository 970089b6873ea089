#include "proto/names.h"

#include <gtest/gtest.h>

namespace meshwarden::names_test {
namespace {

TEST(NamesTest, StreamsAndBucketsAreNamedAfterTheSpace) {
  EXPECT_EQ(ChatStream("main"), "CHAT_main");
  EXPECT_EQ(DmStream("main"), "DM_main");
  EXPECT_EQ(TaskStream("main"), "TASK_main");
  EXPECT_EQ(PresenceBucket("main"), "cotal_presence_main");
  EXPECT_EQ(ChannelBucket("main"), "cotal_channels_main");
  EXPECT_EQ(AgentBucket("main"), "meshwarden_agents_main");
}

TEST(NamesTest, ConsumersAreNamedAfterTheirReader) {
  EXPECT_EQ(ChatDurable("UA"), "chat_UA");
  EXPECT_EQ(ChatHistoryConsumer("UA"), "chathist_UA");
  EXPECT_EQ(DmDurable("UA"), "dm_UA");
  EXPECT_EQ(TaskDurable("reviewer"), "svc_reviewer");
}

TEST(NamesTest, NoPartCarriesADotOrAWildcard) {
  EXPECT_EQ(ChatStream("a.>"), "CHAT_a__");
  EXPECT_EQ(ChatDurable("*"), "chat__");
  EXPECT_EQ(TaskDurable("code review"), "svc_code_review");
  EXPECT_EQ(InboxPrefix("U.A"), "_INBOX_U_A");
}

TEST(NamesTest, BucketsLieInStreams) {
  EXPECT_EQ(BucketStream("cotal_presence_main"), "KV_cotal_presence_main");
  EXPECT_EQ(BucketSubject("cotal_channels_main", kChannelDefaultsKey), "$KV.cotal_channels_main.=defaults");
}

}  // namespace
}  // namespace meshwarden::names_test
