// E10: what happens to a message between the broker and the handler.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/uuid.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e10_receiving_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::milliseconds kShortAckWait{1000};
constexpr std::chrono::milliseconds kRequest{5000};

class ReceivingTest : public BothModes {
 protected:
  Json ConsumerState(const std::string& stream, const std::string& durable) {
    const auto answer =
        space_->root().Request(fmt::format("$JS.API.CONSUMER.INFO.{}.{}", stream, durable), "", kRequest);
    if (!answer.ok()) return Json::object();
    return ParseJsonObject(answer->payload, {}).value_or(Json::object());
  }
  // Waits until the broker holds nothing for the durable: all was delivered and settled.
  bool AwaitSettled(const std::string& stream, const std::string& durable) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      const Json state = ConsumerState(stream, durable);
      if (state.value("num_ack_pending", -1) == 0 && state.value("num_pending", -1) == 0) return true;
    }
    return false;
  }
  bool AwaitChatSettled(const Member& member) {
    return AwaitSettled("CHAT_main", ChatDurable(member.endpoint->id()));
  }
  std::uint64_t Redelivered(const Member& member) {
    return ConsumerState("CHAT_main", ChatDurable(member.endpoint->id())).value("num_redelivered", 0ULL);
  }
  // Options of a member whose durable redelivers soon.
  absl::StatusOr<EndpointOptions> ImpatientOptions() {
    MW_ASSIGN_OR_RETURN(EndpointOptions options, space_->OptionsFor("bob"));
    options.ack_wait = kShortAckWait;
    if (space_->mode() == Mode::kOpen) return options;
    return Impatient(std::move(options));
  }
  absl::StatusOr<EndpointOptions> Impatient(EndpointOptions options) {
    for (const auto& [stream, durable] : {std::pair("CHAT_main", ChatDurable(options.card.id)),
                                          std::pair("DM_main", DmDurable(options.card.id))}) {
      MW_ASSIGN_OR_RETURN(ConsumerInfo info, space_->root_api().GetConsumer(stream, durable));
      info.config.ack_wait = kShortAckWait;
      MW_RETURN_IF_ERROR(space_->root_api().UpdateConsumer(stream, info.config).status());
    }
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(, ReceivingTest, kBothModes, kModeName);

TEST_P(ReceivingTest, E10_WhatCannotBeReadIsTerminatedAndReportedAndNeverHandedOver) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, ImpatientOptions());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  const std::string subject = "cotal.main.chat.PEER.general";
  ASSERT_THAT(space_->Store(subject, "no JSON"), IsOk());
  ASSERT_THAT(space_->Store(subject, ""), IsOk());
  ASSERT_THAT(space_->Store(subject, R"({"id":"x"})"), IsOk());
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("after"));
  EXPECT_EQ(bob->errors.Await(3).size(), 3u);
  EXPECT_TRUE(bob->AwaitError("can't be read"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(Redelivered(*bob), 0u);
}

// Only what the row names is a reason to lose a message: a peer may be sloppy in the rest.
TEST_P(ReceivingTest, E10_WhatTheSubjectTellsBetterMayBeMissing) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  const std::string bare =
      R"({"id":"m1","ts":1,"from":{"id":"PEER"},"parts":[{"kind":"text","text":"bare"}]})";
  const std::string subject = UnicastSubject("main", bob->endpoint->id(), "PEER");
  for (const std::string& to : {std::string("cotal.main.chat.PEER.general"), subject}) {
    ASSERT_THAT(space_->Store(to, bare), IsOk());
    ASSERT_THAT(space_->Store(to, bare), IsOk());
  }
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  // By its id and sender it is the same one message, wherever it comes.
  EXPECT_THAT(bob->Texts(2), UnorderedElementsAre("bare", "after"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(bob->messages.Await(0).size(), 2u);
  EXPECT_THAT(bob->errors.Await(0), IsEmpty());
}

TEST_P(ReceivingTest, E10_ASenderWhoIsNotTheSubjectsIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Json without_from = ParseJsonObject(PeerMessage("PEER", "general", "no from"), {}).value();
  without_from.erase("from");
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", DumpJson(without_from)), IsOk());
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", PeerMessage("VICTIM", "general", "forged")),
              IsOk());
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("after"));
  EXPECT_TRUE(bob->AwaitError("is not its sender, PEER"));
  EXPECT_EQ(bob->errors.Await(2).size(), 2u);
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(bob->messages.Await(0).size(), 1u);
}

TEST_P(ReceivingTest, E10_ASubjectThatNobodyWritesIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  // What the broker lets pass for "*": a sender that is no token.
  ASSERT_THAT(space_->Store("cotal.main.chat.PE+ER.general", PeerMessage("PE+ER", "general", "odd")), IsOk());
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("after"));
  EXPECT_TRUE(bob->AwaitError("does not have the shape"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
}

TEST_P(ReceivingTest, E10_DirectMessagesAndTasksAreHeldToTheSame) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  const std::string id = bob->endpoint->id();
  ASSERT_THAT(space_->Store(UnicastSubject("main", id, "PEER"), "no JSON"), IsOk());
  ASSERT_THAT(space_->Store(UnicastSubject("main", id, "PEER"), PeerMessage("VICTIM", "general", "forged")),
              IsOk());
  ASSERT_THAT(space_->Store(UnicastSubject("main", id, "PEER"), PeerMessage("PEER", "general", "dm")),
              IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("dm"));
  ASSERT_THAT(space_->Store(AnycastSubject("main", "reviewer", "PEER"), "no JSON"), IsOk());
  ASSERT_THAT(space_->Store(AnycastSubject("main", "reviewer", "PEER"), PeerMessage("VICTIM", "x", "forged")),
              IsOk());
  ASSERT_THAT(space_->Store(AnycastSubject("main", "reviewer", "PEER"), PeerMessage("PEER", "x", "task")),
              IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("dm", "task"));
  EXPECT_EQ(bob->errors.Await(4).size(), 4u);
  EXPECT_TRUE(AwaitSettled("DM_main", DmDurable(id)));
  EXPECT_TRUE(AwaitSettled("TASK_main", TaskDurable("reviewer")));
  // The kind is told by the subject, whatever the payload says.
  EXPECT_EQ(bob->messages.Await(2)[0].kind, Delivery::kDm);
  EXPECT_EQ(bob->messages.Await(2)[0].message.destination.name, id);
  EXPECT_EQ(bob->messages.Await(2)[1].kind, Delivery::kAnycast);
}

TEST_P(ReceivingTest, E10_OwnEchoIsAckedAndNotHandedOver) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_THAT(bob->endpoint->Multicast(Text("mine")), IsOk());
  ASSERT_THAT(space_->Post("general", "theirs"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("theirs"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_THAT(bob->errors.Await(0), IsEmpty());
}

TEST_P(ReceivingTest, E10_WhatWasBackfilledIsAckedAndDroppedLive) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("bob"));
  if (GetParam() == Mode::kOpen) {
    // The first attempt makes streams and durable, as a provisioner does in auth mode.
    MW_ASSERT_OK_AND_ASSIGN(const auto before, space_->Enter(options));
  }
  ASSERT_THAT(space_->Post("general", "one"), IsOk());
  ASSERT_THAT(space_->Post("general", "two"), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  EXPECT_THAT(bob->Texts(2), ElementsAre("one", "two"));
  EXPECT_TRUE(bob->messages.Await(2)[1].historical);
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(ConsumerState("CHAT_main", ChatDurable(options.card.id))["delivered"].value("consumer_seq", 0),
            2);
  EXPECT_EQ(bob->messages.Await(0).size(), 2u);
}

TEST_P(ReceivingTest, E10_AckedMessagesAreGoneFromTheDurable) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  for (int i = 0; i < 50; ++i) ASSERT_THAT(space_->Post("general", fmt::format("{}", i)), IsOk());
  EXPECT_EQ(bob->Texts(50).size(), 50u);
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(Redelivered(*bob), 0u);
}

TEST_P(ReceivingTest, E10_ANakBringsItAgainAtOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options, Settling::kByTest));
  ASSERT_THAT(space_->Post("general", "again"), IsOk());
  ASSERT_EQ(bob->messages.Await(1).size(), 1u);
  ASSERT_THAT(bob->messages.Await(1)[0].settle.Nak(), IsOk());
  ASSERT_THAT(bob->Texts(2), ElementsAre("again", "again"));
  ASSERT_THAT(bob->messages.Await(2)[1].settle.Ack(), IsOk());
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(bob->messages.Await(0).size(), 2u);
}

TEST_P(ReceivingTest, E10_UnackedComesAgainAfterTheAckWait) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, ImpatientOptions());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options, Settling::kByTest));
  ASSERT_THAT(space_->Post("general", "patience"), IsOk());
  ASSERT_THAT(space_->Store(UnicastSubject("main", options.card.id, "PEER"), PeerMessage("PEER", "x", "dm")),
              IsOk());
  EXPECT_EQ(bob->Texts(4).size(), 4u);
  for (const ReceivedMessage& message : bob->messages.Await(4)) ASSERT_THAT(message.settle.Ack(), IsOk());
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_TRUE(AwaitSettled("DM_main", DmDurable(options.card.id)));
}

TEST_P(ReceivingTest, E10_ARedeliveryAfterALeaveIsAckedAndDropped) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, ImpatientOptions());
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options, Settling::kByTest));
  ASSERT_THAT(bob->endpoint->JoinChannel("ops"), IsOk());
  ASSERT_THAT(space_->Post("ops", "left behind"), IsOk());
  ASSERT_EQ(bob->messages.Await(1).size(), 1u);
  ASSERT_THAT(bob->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  const std::size_t handed_over = bob->messages.Await(1).size();
  if (GetParam() == Mode::kAuth) {
    // The manager's move wrote the whole configuration, the usual time included.
    ASSERT_THAT(Impatient(options), IsOk());
  }
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(bob->messages.Await(0).size(), handed_over);
}

TEST_P(ReceivingTest, E10_ACopyOfAMessageIsHandedOverOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  const std::string copied = PeerMessage("PEER", "general", "once");
  for (int i = 0; i < 3; ++i) ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", copied), IsOk());
  // Somebody else's message with the same id is another message.
  const std::string id = ParseJsonObject(copied, {}).value().value("id", "");
  ASSERT_THAT(space_->Store("cotal.main.chat.OTHER.general", PeerMessage("OTHER", "general", "other", id)),
              IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("once", "other"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
  EXPECT_EQ(bob->messages.Await(0).size(), 2u);
}

TEST_P(ReceivingTest, E10_TenThousandIdsAreRemembered) {
  constexpr int kMessages = 10'000;
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  const std::string first = PeerMessage("PEER", "general", "first");
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", first), IsOk());
  for (int i = 1; i < kMessages; ++i) {
    const std::string sender = fmt::format("PEER{}", i % 20);  // a thousand of each are kept
    ASSERT_THAT(space_->root().Publish(fmt::format("cotal.main.chat.{}.general", sender),
                                       PeerMessage(sender, "general", "filler")),
                IsOk());
    // Not faster than the test's own connection may buffer.
    if (i % 500 == 0) {
      ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    }
  }
  ASSERT_EQ(bob->messages.Await(kMessages, kPatience * 3).size(), static_cast<std::size_t>(kMessages));
  ASSERT_THAT(space_->Store("cotal.main.chat.PEER.general", first), IsOk());
  ASSERT_THAT(space_->Post("general", "last"), IsOk());
  ASSERT_TRUE(bob->AwaitText("last"));
  EXPECT_EQ(bob->messages.Await(0).size(), static_cast<std::size_t>(kMessages) + 1);
}

// A stored message has the headers that its sender chose; those of a status end no pull.
TEST_P(ReceivingTest, E10_AStoredMessageThatLooksLikeAStatusIsTerminated) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  NatsMessage lie;
  lie.subject = "cotal.main.chat.PEER.general";
  lie.headers = {{"Status", "409"}, {"Description", "lies"}};
  ASSERT_THAT(space_->root().RequestMessage(lie, kRequest), IsOk());
  lie.headers = {{"Status", "100"}};
  ASSERT_THAT(space_->root().RequestMessage(lie, kRequest), IsOk());
  ASSERT_THAT(space_->Post("general", "after"), IsOk());
  EXPECT_THAT(bob->Texts(1), ElementsAre("after"));
  EXPECT_TRUE(AwaitChatSettled(*bob));
  for (const absl::Status& error : bob->errors.Await(2)) {
    EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument) << error;
  }
}

}  // namespace
}  // namespace meshwarden::testing::e10_receiving_test
