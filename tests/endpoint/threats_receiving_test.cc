// What an agent with a valid credential can't make another's endpoint do: rows T9, T10, T13, T19 and T26 of
// the threat model, with the library on the receiving side. Each attempt has its control case: that it stores
// or delivers something at all.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::threats_receiving_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::chrono::milliseconds kRequest{5000};

// A message with a data part that holds the JSON text `data`, which no encoder of ours need write.
std::string MessageWithData(const std::string& sender, const std::string& channel, const std::string& data) {
  std::string message = PeerMessage(sender, channel, "and");
  message.insert(message.rfind(']'), R"(,{"kind":"data","data":)" + data + "}");
  return message;
}

std::string QuotedText(std::size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }

class ReceivingThreats : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    ASSERT_THAT(space_->StartManager(), IsOk());
    MW_ASSERT_OK_AND_ASSIGN(mallory_, space_->mesh().Provision("ada"));
    MW_ASSERT_OK_AND_ASSIGN(victim_, space_->Enter("bob"));
    MW_ASSERT_OK_AND_ASSIGN(other_, space_->Enter("cy"));
  }
  const std::string& victim() { return victim_->endpoint->id(); }
  const std::string& other() { return other_->endpoint->id(); }
  std::uint64_t LastSeq(const std::string& stream) {
    const auto info = space_->root_api().GetStream(stream);
    return info.ok() ? info->last_seq : 0;
  }
  std::uint64_t Messages(const std::string& stream) {
    const auto info = space_->root_api().GetStream(stream);
    return info.ok() ? info->messages : 0;
  }
  // Mallory's own publish, which the broker must store.
  void Store(const std::string& stream, const std::string& subject, const std::string& payload) {
    const std::uint64_t before = LastSeq(stream);
    ASSERT_THAT(mallory_.connection->Request(subject, payload, kRequest), IsOk());
    ASSERT_EQ(LastSeq(stream), before + 1);
  }
  // After which everything stored before it has been looked at.
  void SendMarks(const std::string& mark) {
    ASSERT_THAT(other_->endpoint->Multicast(Text(mark), "general"), IsOk());
    ASSERT_TRUE(victim_->AwaitText(mark));
    ASSERT_THAT(other_->endpoint->Unicast(victim(), Text(mark + " dm")), IsOk());
    ASSERT_TRUE(victim_->AwaitText(mark + " dm"));
  }
  std::size_t Times(Member& member, const std::string& text) {
    std::size_t times = 0;
    for (const ReceivedMessage& message : member.messages.Await(0)) {
      if (TextOf(message.message) == text) ++times;
    }
    return times;
  }
  // The stream forgets at once which message ids it has stored; else it does so after two minutes.
  void ForgetDuplicates(const std::string& name) {
    for (const StreamConfig& config : SpaceStreams("main", 1)) {
      if (config.name != name) continue;
      StreamConfig shorter = config;
      shorter.json["duplicate_window"] = 100'000'000;
      ASSERT_THAT(space_->root_api().UpdateStream(shorter), IsOk());
    }
  }
  void PullInto(const std::string& consumer, const std::string& reply, int batch = 1) {
    ASSERT_THAT(mallory_.connection->PublishRequest("$JS.API.CONSUMER.MSG.NEXT.CHAT_main." + consumer, reply,
                                                    fmt::format(R"({{"batch":{},"no_wait":true}})", batch)),
                IsOk());
    ASSERT_THAT(mallory_.connection->Flush(kPatience), IsOk());
  }
  // Mallory's history reader of `channel`, from the first message on.
  std::string MakeHistory(const std::string& channel) {
    const std::string name = ChatHistoryConsumer(mallory_.id);
    const std::string filter = "cotal.main.chat.*." + channel;
    const auto made =
        mallory_.connection->Request(fmt::format("$JS.API.CONSUMER.CREATE.CHAT_main.{}.{}", name, filter),
                                     DumpJson({{"stream_name", "CHAT_main"},
                                               {"action", "create"},
                                               {"config",
                                                {{"name", name},
                                                 {"ack_policy", "none"},
                                                 {"deliver_policy", "all"},
                                                 {"mem_storage", true},
                                                 {"inactive_threshold", 30'000'000'000},
                                                 {"filter_subject", filter}}}}),
                                     kRequest);
    EXPECT_THAT(made, IsOk());
    return name;
  }
  // By its sequence: what nobody accepts is gone from the queue at once.
  bool AwaitStored(const std::string& stream, std::uint64_t seq) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (LastSeq(stream) < seq) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
    }
    return true;
  }

  std::unique_ptr<TestSpace> space_;
  TestAgent mallory_;
  std::unique_ptr<Member> victim_;
  std::unique_ptr<Member> other_;
};

TEST_F(ReceivingThreats, T6_AForgedSenderReachesNoHandlerOnAnyPath) {
  const std::string forged = PeerMessage(other(), "general", "forged");
  Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".general", forged);
  Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".ops", forged);
  Store("DM_main", UnicastSubject("main", victim(), mallory_.id), forged);
  Store("TASK_main", AnycastSubject("main", "reviewer", mallory_.id), forged);
  // Control: the same places, in her own name.
  Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".general",
        PeerMessage(mallory_.id, "general", "own chat"));
  Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".ops", PeerMessage(mallory_.id, "ops", "own ops"));
  Store("DM_main", UnicastSubject("main", victim(), mallory_.id), PeerMessage(mallory_.id, "x", "own dm"));
  EXPECT_TRUE(victim_->AwaitText("own chat"));
  EXPECT_TRUE(victim_->AwaitText("own dm"));
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, victim_->endpoint->JoinChannel("ops"));
  EXPECT_EQ(joined.backfilled, 1u);
  EXPECT_TRUE(victim_->AwaitText("own ops"));
  MW_ASSERT_OK_AND_ASSIGN(const Recalled recalled, victim_->endpoint->RecallChannel("ops", 0));
  ASSERT_EQ(recalled.messages.size(), 1u);
  EXPECT_EQ(TextOf(recalled.messages[0]), "own ops");
  MW_ASSERT_OK_AND_ASSIGN(const auto history, victim_->endpoint->ChannelHistory("general", 10));
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(TextOf(history[0]), "own chat");
  SendMarks("mark");
  EXPECT_EQ(Times(*victim_, "forged"), 0u);
  EXPECT_EQ(Times(*other_, "forged"), 0u);
  // It names her, not the one whose name she took.
  EXPECT_TRUE(victim_->AwaitError("is not its sender, " + mallory_.id));
}

TEST_F(ReceivingThreats, T9_TheLibraryReadsNobodyElsesMailNorTasks) {
  ASSERT_THAT(other_->endpoint->Unicast(victim(), Text("private")), IsOk());
  ASSERT_TRUE(victim_->AwaitText("private"));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("narrow"));
  MW_ASSERT_OK_AND_ASSIGN(const auto spy, space_->Enter(options));
  EXPECT_TRUE(absl::IsPermissionDenied(spy->endpoint->DmHistory(victim(), 10).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(spy->endpoint->RecallChannel("ops", 0).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(spy->endpoint->ListMembers(std::nullopt).status()));
  Collector<Tapped> tapped;
  (void)spy->endpoint->Tap("inst.>", [&](const Tapped& message) { tapped.Add(message); });
  EXPECT_TRUE(spy->AwaitError("inst"));
  ASSERT_THAT(other_->endpoint->Unicast(victim(), Text("private too")), IsOk());
  ASSERT_TRUE(victim_->AwaitText("private too"));
  ASSERT_THAT(other_->endpoint->Multicast(Text("public")), IsOk());
  ASSERT_TRUE(spy->AwaitText("public"));
  EXPECT_THAT(tapped.Await(0), IsEmpty());
  EXPECT_EQ(spy->messages.Await(0).size(), 1u);
  // A role that the credential does not have.
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions pretender, space_->OptionsFor("narrow"));
  pretender.card.role = "reviewer";
  EXPECT_TRUE(absl::IsPermissionDenied(space_->Enter(pretender).status()));
  // Control: one who may read it all.
  MW_ASSERT_OK_AND_ASSIGN(const auto read, [&]() -> absl::StatusOr<StoredMessage> {
    return space_->root_api().LastMessage("DM_main", UnicastSubject("main", victim(), other()));
  }());
  EXPECT_THAT(read.payload, ::testing::HasSubstr("private too"));
}

TEST_F(ReceivingThreats, T10_APushConsumersDeliveriesReachNoHandler) {
  const std::string forged = PeerMessage(other(), "general", "forged");
  // Presence is what she may write; the consumer brings it to wherever it is told.
  ASSERT_THAT(
      mallory_.connection->Request(BucketSubject(PresenceBucket("main"), mallory_.id), forged, kRequest),
      IsOk());
  const std::uint64_t chat = LastSeq("CHAT_main");
  const std::uint64_t mail = LastSeq("DM_main");
  const std::uint64_t tasks = LastSeq("TASK_main");
  const auto create = [&](const std::string& name, const std::string& target) {
    return mallory_.connection->Request("$JS.API.CONSUMER.CREATE.KV_cotal_presence_main." + name,
                                        DumpJson({{"stream_name", "KV_cotal_presence_main"},
                                                  {"action", "create"},
                                                  {"config",
                                                   {{"name", name},
                                                    {"deliver_policy", "all"},
                                                    {"ack_policy", "none"},
                                                    {"deliver_subject", target}}}}),
                                        kRequest);
  };
  const std::vector<std::string> targets = {
      "cotal.main.chat." + other() + ".general", UnicastSubject("main", victim(), other()),
      AnycastSubject("main", "reviewer", other()), ControlSubject("main", "self", victim())};
  for (std::size_t i = 0; i < targets.size(); ++i)
    ASSERT_THAT(create(fmt::format("evil{}", i), targets[i]), IsOk());
  // Control: where somebody listens by that very name, it arrives.
  Collector<NatsMessage> heard;
  MW_ASSERT_OK_AND_ASSIGN(const auto listening,
                          mallory_.connection->Subscribe(InboxPrefix(mallory_.id) + ".here", "",
                                                         [&](NatsMessage m) { heard.Add(std::move(m)); }));
  ASSERT_THAT(create("control", InboxPrefix(mallory_.id) + ".here"), IsOk());
  EXPECT_TRUE(heard.AwaitAny([&](const NatsMessage& m) { return m.payload == forged; }));
  EXPECT_EQ(LastSeq("CHAT_main"), chat);
  EXPECT_EQ(LastSeq("DM_main"), mail);
  EXPECT_EQ(LastSeq("TASK_main"), tasks);
  SendMarks("mark");
  EXPECT_EQ(Times(*victim_, "forged"), 0u);
  EXPECT_EQ(Times(*other_, "forged"), 0u);
}

// A pull whose reply is a chat subject makes the broker store what it delivers once more, under the subject
// of the one who wrote it.
TEST_F(ReceivingThreats, T19_ACopyByPullIsHandedOverOnceOnEveryPath) {
  ForgetDuplicates("CHAT_main");
  ASSERT_THAT(other_->endpoint->Multicast(Text("pay 10"), "general"), IsOk());
  ASSERT_THAT(other_->endpoint->Multicast(Text("pay 20"), "ops"), IsOk());
  ASSERT_TRUE(victim_->AwaitText("pay 10"));
  const std::uint64_t before = Messages("CHAT_main");
  // Her own durable first, then her history reader, again and again until the broker's memory of ids is over.
  PullInto(ChatDurable(mallory_.id), "cotal.main.chat." + other() + ".general");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (Messages("CHAT_main") < before + 3 && std::chrono::steady_clock::now() < deadline) {
    for (const std::string channel : {"general", "ops"}) {
      const std::string reader = MakeHistory(channel);
      PullInto(reader, "cotal.main.chat." + other() + "." + channel);
      (void)mallory_.connection->Request("$JS.API.CONSUMER.DELETE.CHAT_main." + reader, "", kRequest);
    }
  }
  // Control: the copies are there.
  ASSERT_GE(Messages("CHAT_main"), before + 3);
  SendMarks("mark");
  EXPECT_EQ(Times(*victim_, "pay 10"), 1u);
  // Backfill and recall.
  ASSERT_THAT(victim_->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_TRUE(victim_->AwaitText("pay 20"));
  ASSERT_THAT(other_->endpoint->Multicast(Text("end"), "ops"), IsOk());
  ASSERT_TRUE(victim_->AwaitText("end"));
  EXPECT_EQ(Times(*victim_, "pay 20"), 1u);
  for (const std::string channel : {"general", "ops"}) {
    MW_ASSERT_OK_AND_ASSIGN(const Recalled recalled, victim_->endpoint->RecallChannel(channel, 0));
    EXPECT_EQ(recalled.messages.size(), 2u) << channel;
  }
}

// JSON that is only unusual: another program on the same contract writes and reads it without a thought.
TEST_F(ReceivingThreats, T13_WhatPeersMaySayIsDelivered) {
  std::string numbers = "0";
  for (int i = 1; i < 8'200; ++i) numbers += "," + std::to_string(i);
  for (const std::string& data : {"[" + numbers + "]", std::string(30, '[') + std::string(30, ']'),
                                  std::string(R"({"cut \ud83d":"\udc00","a\u0000b":1e300})")}) {
    Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".general",
          MessageWithData(mallory_.id, "general", data));
  }
  SendMarks("mark");
  std::vector<std::string> read;
  for (const ReceivedMessage& message : victim_->messages.Await(0)) {
    if (message.message.from.id == mallory_.id) read.push_back(DumpJson(message.message.parts.at(1).data));
  }
  EXPECT_THAT(read, ElementsAre("[" + numbers + "]", std::string(30, '[') + std::string(30, ']'),
                                "{\"cut \uFFFD\":\"\uFFFD\",\"a\\u0000b\":1e+300}"));
}

TEST_F(ReceivingThreats, T26_CostlyMessagesHoldNoReaderUp) {
  constexpr int kMessages = 20;
  std::string keys = "\"\":0";
  for (int i = 0; i < 16'000; ++i) keys += fmt::format(",\"{:x}\":0", i);
  const auto time_behind = [&](const std::string& data, const std::string& mark) {
    for (int i = 0; i < kMessages; ++i) {
      Store("DM_main", UnicastSubject("main", victim(), mallory_.id),
            MessageWithData(mallory_.id, "general", data));
    }
    const auto begin = std::chrono::steady_clock::now();
    SendMarks(mark);
    return std::chrono::steady_clock::now() - begin;
  };
  // Control: as many bytes that are one text.
  const auto plain = time_behind(QuotedText(keys.size()), "behind texts");
  const auto costly = time_behind("{" + keys + "}", "behind keys");
  EXPECT_LT(costly, plain + std::chrono::seconds(5));
  std::size_t delivered = 0;
  for (const ReceivedMessage& message : victim_->messages.Await(0)) {
    if (message.message.from.id == mallory_.id) ++delivered;
  }
  EXPECT_EQ(delivered, 2u * kMessages);
}

// The reply may lie in another stream, or be a control subject: there the copy has the subject of a chat
// message, which is none of theirs.
TEST_F(ReceivingThreats, T19_ACopyIntoAnotherStreamOrAServiceDoesNothing) {
  // A chat message that is a control request and a direct message at once.
  Json crafted = ParseJsonObject(PeerMessage(mallory_.id, "general", "crafted"), {}).value();
  crafted["op"] = "setChannels";
  crafted["args"] = {{"channels", {"ops"}}};
  const auto copy = [&](const std::string& reply) {
    Store("CHAT_main", "cotal.main.chat." + mallory_.id + ".general", DumpJson(crafted));
    const std::string reader = MakeHistory("general");
    // The broker may have nothing at once, though it is stored: the pull is made until it has delivered.
    EXPECT_TRUE(Eventually([&] {
      const auto info = space_->root_api().GetConsumer("CHAT_main", reader);
      if (info.ok() && info->delivered_consumer_seq > 0) return true;
      PullInto(reader, reply);
      return false;
    }));
    (void)mallory_.connection->Request("$JS.API.CONSUMER.DELETE.CHAT_main." + reader, "", kRequest);
  };
  const std::uint64_t mail = LastSeq("DM_main");
  const std::uint64_t tasks = LastSeq("TASK_main");
  copy(UnicastSubject("main", victim(), other()));
  copy(AnycastSubject("main", "reviewer", other()));
  // Control: both streams have stored it.
  EXPECT_TRUE(AwaitStored("DM_main", mail + 1));
  EXPECT_TRUE(AwaitStored("TASK_main", tasks + 1));
  copy(ControlSubject("main", "self", mallory_.id));
  copy(ControlSubject("main", "self", victim()));
  SendMarks("mark");
  for (const ReceivedMessage& message : victim_->messages.Await(0)) {
    if (TextOf(message.message) == "crafted") {
      EXPECT_EQ(message.kind, Delivery::kChannel);
    }
  }
  EXPECT_EQ(Times(*victim_, "crafted"), 1u);
  // The manager answers still, and has moved nobody's filter.
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, SetChannels(mallory_, {"general"}));
  EXPECT_TRUE(reply.ok) << reply.error;
  EXPECT_THAT(*space_->FilterOf(victim()), ElementsAre("general"));
  EXPECT_THAT(*space_->FilterOf(mallory_.id), ElementsAre("general"));
}

}  // namespace
}  // namespace meshwarden::testing::threats_receiving_test
