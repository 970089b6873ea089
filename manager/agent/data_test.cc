#include "manager/agent/data.h"

#include <gtest/gtest.h>

#include <string>

#include "manager/agent/test_message.h"

namespace meshwarden::data_test {
namespace {

using ::meshwarden::testing::TestMeshMessage;

std::string OnTheWire() { return EncodeMessage(TestMeshMessage()); }

TEST(DataTest, SentNamesWhereItWent) {
  MeshMessage message = TestMeshMessage();
  const std::string begin = R"({"id":"01234567-89ab-cdef-0123-456789abcdef","ts":1700000000000,)";
  EXPECT_EQ(SentData(message), begin + R"("channel":"general"})");
  message.destination = {.delivery = Delivery::kDm, .name = "UB"};
  EXPECT_EQ(SentData(message), begin + R"("to":"UB"})");
  message.destination = {.delivery = Delivery::kAnycast, .name = "reviewer"};
  EXPECT_EQ(SentData(message), begin + R"("toService":"reviewer"})");
}

TEST(DataTest, MessagesAndRecall) {
  EXPECT_EQ(MessagesData({}), R"({"messages":[]})");
  EXPECT_EQ(MessagesData({TestMeshMessage(), TestMeshMessage()}),
            R"({"messages":[)" + OnTheWire() + "," + OnTheWire() + "]}");
  EXPECT_EQ(RecalledData({.messages = {TestMeshMessage()}, .dropped = true}),
            R"({"messages":[)" + OnTheWire() + R"(],"dropped":true})");
}

TEST(DataTest, RosterIsAListOfPresences) {
  Presence presence;
  presence.card.id = "a";
  presence.card.name = "Ada";
  EXPECT_EQ(RosterData({presence}), "[" + EncodePresence(presence) + "]");
  EXPECT_EQ(RosterData({}), "[]");
}

TEST(DataTest, Channels) {
  ChannelConfig config;
  config.replay = false;
  EXPECT_EQ(
      ChannelsData({{.channel = "a", .messages = 3, .config = config}, {.channel = "b", .messages = 0}}),
      R"([{"channel":"a","messages":3,"config":{"replay":false}},{"channel":"b","messages":0,"config":{}}])");
}

TEST(DataTest, Members) {
  Presence presence;
  presence.card.id = "a";
  EXPECT_EQ(MembersData({{.channel = "team.>", .ids = {"a", "b"}, .present = {presence}}}),
            R"([{"channel":"team.>","ids":["a","b"],"present":[)" + EncodePresence(presence) + "]}]");
}

}  // namespace
}  // namespace meshwarden::data_test
