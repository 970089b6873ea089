#include "manager/watch/suspect.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/names.h"

namespace meshwarden::suspect_test {
namespace {

constexpr char kId[] = "UBWELKWEPGVQ7Y5GYA7ISJOSML4ZB2ISDZ4WGYEJ4Q4IBDM3EMTVE5VD";

std::string Plain(const std::string& stream, const std::string& durable) {
  return "$JS.ACK." + stream + "." + durable + ".1.636.1.1795943588193347247.0";
}
std::string WithDomain(const std::string& stream, const std::string& durable) {
  return "$JS.ACK._.hash." + stream + "." + durable + ".1.636.1.1795943588193347247.0.random";
}

TEST(SuspectOf, NamesTheAgentOfADurableInBothFormsOfAReply) {
  for (const std::string& durable : {ChatDurable(kId), ChatHistoryConsumer(kId)}) {
    for (const std::string& reply : {Plain("CHAT_main", durable), WithDomain("CHAT_main", durable)}) {
      const auto suspect = SuspectOf("main", reply);
      ASSERT_TRUE(suspect.has_value()) << reply;
      EXPECT_EQ(suspect->id, kId);
      EXPECT_EQ(suspect->stream, "CHAT_main");
      EXPECT_EQ(suspect->durable, durable);
      EXPECT_EQ(suspect->role, "");
    }
  }
  EXPECT_EQ(SuspectOf("main", Plain("DM_main", DmDurable(kId)))->id, kId);
}

TEST(SuspectOf, OfARoleQueueItIsSomeMember) {
  const auto suspect = SuspectOf("main", Plain("TASK_main", TaskDurable("reviewer")));
  ASSERT_TRUE(suspect.has_value());
  EXPECT_EQ(suspect->id, "");
  EXPECT_EQ(suspect->role, "reviewer");
}

// Of those an agent chooses the names, and could choose another's.
TEST(SuspectOf, AConsumerOfABucketOrOfAnotherSpaceNamesNobody) {
  EXPECT_FALSE(SuspectOf("main", Plain("KV_cotal_presence_main", ChatDurable(kId))));
  EXPECT_FALSE(SuspectOf("main", Plain("KV_cotal_channels_main", DmDurable(kId))));
  EXPECT_FALSE(SuspectOf("main", Plain("CHAT_other", ChatDurable(kId))));
  EXPECT_FALSE(SuspectOf("main", WithDomain("TASK_other", TaskDurable("reviewer"))));
}

TEST(SuspectOf, WhatIsNoAgentsDurableNamesNobody) {
  std::string damaged = kId;
  damaged.back() = 'A';
  for (const std::string& durable : {std::string("chat_"), std::string("chat_UA"), std::string("x"),
                                     ChatDurable(damaged), TaskDurable(kId), std::string("chatx_") + kId}) {
    EXPECT_FALSE(SuspectOf("main", Plain("CHAT_main", durable))) << durable;
  }
  EXPECT_FALSE(SuspectOf("main", Plain("TASK_main", "chat_reviewer")));
  EXPECT_FALSE(SuspectOf("main", Plain("TASK_main", "svc_")));
  EXPECT_FALSE(SuspectOf("main", ""));
  EXPECT_FALSE(SuspectOf("main", "_INBOX_" + std::string(kId) + ".1"));
}

TEST(AgentOfDurable, IsTheIdBehindTheKind) {
  EXPECT_EQ(AgentOfDurable(ChatDurable(kId)), kId);
  EXPECT_EQ(AgentOfDurable(DmDurable(kId)), kId);
  EXPECT_EQ(AgentOfDurable(TaskDurable("reviewer")), std::nullopt);
  EXPECT_EQ(AgentOfDurable(kId), std::nullopt);
  EXPECT_EQ(AgentOfDurable(""), std::nullopt);
}

TEST(AgentOfChatDurable, IsNotTheOneOfAHistoryReader) {
  EXPECT_EQ(AgentOfChatDurable(ChatDurable(kId)), kId);
  EXPECT_EQ(AgentOfChatDurable(ChatHistoryConsumer(kId)), std::nullopt);
  EXPECT_EQ(AgentOfChatDurable(DmDurable(kId)), std::nullopt);
  EXPECT_EQ(AgentOfChatDurable(""), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::suspect_test
