// E9: multicast, unicast and anycast.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e09_sending_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMessageId[] = "7c1f0f6e-58a5-4c0f-9a51-0d0d3d8c2f10";

class SendingTest : public BothModes {};
INSTANTIATE_TEST_SUITE_P(, SendingTest, kBothModes, kModeName);

TEST_P(SendingTest, E9_EachKindReachesItsReceiverAndSaysWhichItIs) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Content content = Text("hello");
  content.mentions = {" Bob ", "bob"};
  content.reply_to = "0d8e6a3c-6b3c-4d6a-9d58-0a3f3b0c8f11";
  content.context_id = "ctx-1";
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage sent, ada->endpoint->Multicast(content));
  ASSERT_THAT(bob->Texts(1), ElementsAre("hello"));
  const ReceivedMessage got = bob->messages.Await(1).front();
  EXPECT_EQ(got.message, sent);
  EXPECT_EQ(got.kind, Delivery::kChannel);
  EXPECT_FALSE(got.historical);
  EXPECT_THAT(got.message.mentions, ElementsAre("bob"));
  EXPECT_EQ(got.message.destination.name, "general");

  ASSERT_THAT(ada->endpoint->Unicast(bob->endpoint->id(), Text("psst")), IsOk());
  ASSERT_THAT(bob->Texts(2), ElementsAre("hello", "psst"));
  EXPECT_EQ(bob->messages.Await(2).back().kind, Delivery::kDm);
  ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text("please")), IsOk());
  ASSERT_THAT(bob->Texts(3), ElementsAre("hello", "psst", "please"));
  EXPECT_EQ(bob->messages.Await(3).back().kind, Delivery::kAnycast);
}

TEST_P(SendingTest, E9_APatternIsNoChannelToSendTo) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const auto sent = ada->endpoint->Multicast(Text("x"), "team.>");
  EXPECT_EQ(sent.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sent.status().message()), HasSubstr("pattern"));
}

TEST_P(SendingTest, E9_WithoutAChannelAMessageGoesToTheFirstConcreteOneJoinedElseToGeneral) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.channels = {"team.>", "ops"};
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  EXPECT_EQ(ada->endpoint->DefaultChannel(), "ops");
  options.channels = {"team.>"};
  MW_ASSERT_OK_AND_ASSIGN(const auto patterns, space_->Make(options));
  EXPECT_EQ(patterns->endpoint->DefaultChannel(), "general");
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions sends_only, space_->OptionsFor("bob"));
  sends_only.channels = {"team.>", "ops"};
  sends_only.receive = false;
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(sends_only));
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage sent, bob->endpoint->Multicast(Text("x")));
  EXPECT_EQ(sent.destination, (Destination{.delivery = Delivery::kChannel, .name = "ops"}));
  MW_ASSERT_OK_AND_ASSIGN(
      const auto stored,
      space_->root_api().LastMessage(ChatStream("main"), "cotal.main.chat." + bob->endpoint->id() + ".ops"));
  EXPECT_EQ(stored.payload, EncodeMessage(sent));
}

TEST_P(SendingTest, E9_PartsOfEveryKindArriveAsTheyWereSent) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Content content = Text("see the numbers — ☃");
  content.parts.push_back(
      Part::Data({{"zeta", 1}, {"alpha", {1.5, nullptr, true, "x"}}, {"nested", {{"deep", Json::array()}}}}));
  content.parts.push_back(Part::Data(nullptr));
  Part extension;
  extension.kind = "com.example.image";
  extension.unknown = {{"url", "https://example.com/x.png"}, {"width", 64}};
  content.parts.push_back(extension);
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage sent, ada->endpoint->Multicast(content));
  EXPECT_EQ(sent.parts, content.parts);
  EXPECT_FALSE(sent.id.empty());
  EXPECT_EQ(sent.from.id, ada->endpoint->id());
  EXPECT_EQ(sent.from.name, "ada");
  EXPECT_EQ(sent.from.role, "planner");
  const auto received = bob->messages.Await(1);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received.front().message, sent);
  EXPECT_EQ(DumpJson(received.front().message.parts[1].data), DumpJson(content.parts[1].data));
}

TEST_P(SendingTest, E9_ALargeMessageArrivesAndATooLargeOneIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const MeshMessage small, ada->endpoint->Multicast(Text("")));
  const std::size_t overhead = EncodeMessage(small).size();
  const std::string large(kMaxMessageBytes - overhead - 1024, 'x');
  ASSERT_THAT(ada->endpoint->Multicast(Text(large)), IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("", large));
  // The broker counts the header with the message id as well.
  EXPECT_THAT(ada->endpoint->Multicast(Text(std::string(kMaxMessageBytes - overhead, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ada->endpoint->Multicast(Text(std::string(kMaxMessageBytes - overhead + 1, 'x'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 1048576")));
  // And the connection lives on.
  ASSERT_THAT(ada->endpoint->Multicast(Text("after")), IsOk());
  EXPECT_TRUE(bob->AwaitText("after"));
  EXPECT_EQ(bob->messages.Await(3).size(), 3u);
}

TEST_P(SendingTest, E9_WhatReceiversWouldRefuseIsRefusedAndNotStored) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const auto refused = [&](Content content) {
    EXPECT_THAT(ada->endpoint->Multicast(std::move(content)), StatusIs(absl::StatusCode::kInvalidArgument));
  };
  Content no_uuid = Text("x");
  no_uuid.message_id = "one";
  refused(no_uuid);
  Content no_kind;
  no_kind.parts.emplace_back();
  refused(no_kind);
  Json deep = 1;
  for (std::size_t i = 0; i < kMaxMessageDepth; ++i) deep = Json::array({deep});
  Content too_deep;
  too_deep.parts.push_back(Part::Data(deep));
  refused(too_deep);
  Content many_parts;
  many_parts.parts.assign(kMaxMessageValues, Part::Text(""));
  refused(many_parts);
  Content many_mentions = Text("x");
  for (std::size_t i = 0; i < kMaxMessageValues; ++i) many_mentions.mentions.push_back(std::to_string(i));
  refused(many_mentions);
  EXPECT_EQ(space_->root_api().GetStream(ChatStream("main"))->messages, 0u);
}

TEST_P(SendingTest, E9_APlaceThatIsNoneIsRefused) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  for (const std::string channel : {"", "a/b", " general", "team.", "*", "team.*"}) {
    EXPECT_THAT(ada->endpoint->Multicast(Text("x"), channel), StatusIs(absl::StatusCode::kInvalidArgument))
        << channel;
  }
  for (const std::string id : {"", "a.b", "*", ">", "a b"}) {
    EXPECT_THAT(ada->endpoint->Unicast(id, Text("x")), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
  for (const std::string role : {"", "*"}) {
    EXPECT_THAT(ada->endpoint->Anycast(role, Text("x")), StatusIs(absl::StatusCode::kInvalidArgument))
        << role;
  }
}

TEST_P(SendingTest, E9_SendingAgainUnderTheSameIdStoresTheMessageOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Content content = Text("once");
  content.message_id = kMessageId;
  for (int i = 0; i < 3; ++i) {
    MW_ASSERT_OK_AND_ASSIGN(const MeshMessage sent, ada->endpoint->Multicast(content));
    EXPECT_EQ(sent.id, kMessageId);
  }
  ASSERT_THAT(ada->endpoint->Multicast(Text("last")), IsOk());
  EXPECT_THAT(bob->Texts(2), ElementsAre("once", "last"));
  EXPECT_EQ(space_->root_api().GetStream(ChatStream("main"))->messages, 2u);
}

TEST_P(SendingTest, E9_ATaskGoesToOneOfItsRole) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter("cy"));
  constexpr std::size_t kTasks = 20;
  for (std::size_t i = 0; i < kTasks; ++i) {
    ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text(std::to_string(i))), IsOk());
  }
  // A work queue is empty once every task has been acknowledged by whoever got it.
  const auto total = [&] { return bob->messages.Await(0).size() + cy->messages.Await(0).size(); };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline &&
         (total() < kTasks || space_->root_api().GetStream(TaskStream("main"))->messages > 0)) {
    std::this_thread::yield();
  }
  EXPECT_EQ(total(), kTasks);
}

TEST(Sending, E9_AChannelThatThePolicyDoesNotGrantIsDenied) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  MW_ASSERT_OK_AND_ASSIGN(const auto narrow, space->Enter("narrow"));
  const auto denied = narrow->endpoint->Multicast(Text("x"), "ops");
  EXPECT_THAT(denied, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(".ops")));
  EXPECT_TRUE(absl::IsPermissionDenied(denied.status()));
  EXPECT_THAT(narrow->endpoint->Multicast(Text("x"), "general"), IsOk());
}

// An endpoint that only sends, to a test that answers in the place of the stream.
class AnsweredTest : public BothModes {
 protected:
  void SetUp() override {
    BothModes::SetUp();
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
    options.receive = false;
    options.request_timeout = std::chrono::milliseconds(300);
    options.publish_timeout = std::chrono::milliseconds(3000);
    MW_ASSERT_OK_AND_ASSIGN(ada_, space_->Enter(std::move(options)));
  }
  void DeleteStream() { ASSERT_THAT(space_->DeleteStream("CHAT_main"), IsOk()); }
  // Takes the stream's place: request number N gets answer number N, and none if that is empty.
  void AnswerWith(std::vector<std::string> answers) {
    DeleteStream();
    const auto answer = [this, answers = std::move(answers)](const NatsMessage& message) {
      const std::size_t number = asked_++;
      if (number >= answers.size() || answers[number].empty()) return;
      (void)space_->root().Publish(message.reply, answers[number]);
    };
    MW_ASSERT_OK_AND_ASSIGN(subscription_, space_->root().Subscribe("cotal.main.chat.>", "", answer));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
  }

  std::unique_ptr<Member> ada_;
  std::atomic<std::size_t> asked_{0};
  std::unique_ptr<Subscription> subscription_;
};
INSTANTIATE_TEST_SUITE_P(, AnsweredTest, kBothModes, kModeName);

constexpr char kRefusal[] = R"({"error":{"code":400,"err_code":10054,"description":"too large"}})";

TEST_P(AnsweredTest, E9_ARefusalTellsNothingOfAnEarlierAttemptThatWasNotAnswered) {
  AnswerWith({"", kRefusal});
  Content content = Text("x");
  content.message_id = kMessageId;
  EXPECT_THAT(ada_->endpoint->Multicast(content),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       AllOf(HasSubstr(fmt::format("whether message {} was stored is not known", kMessageId)),
                             HasSubstr("too large"))));
  EXPECT_EQ(asked_, 2u);
}

// What 2.10 says to a message that it is still storing. If its leader is cut off then, it never does.
constexpr char kNotStoredYet[] = R"({"stream":"CHAT_main","seq":0,"duplicate":true})";

TEST_P(AnsweredTest, E9_ADuplicateOfWhatIsNotStoredIsSentAgain) {
  // An answer may come too late, on a machine that is slow: then it is given again.
  std::vector<std::string> answers(1000, R"({"stream":"CHAT_main","seq":7,"duplicate":true})");
  answers[0] = "";
  answers[1] = kNotStoredYet;
  AnswerWith(std::move(answers));
  EXPECT_THAT(ada_->endpoint->Multicast(Text("x")), IsOk());
  EXPECT_GE(asked_, 3u);
}

TEST_P(AnsweredTest, E9_ADuplicateOfWhatIsNeverStoredIsNotSaidToBeSent) {
  AnswerWith(std::vector<std::string>(1000, kNotStoredYet));
  EXPECT_THAT(ada_->endpoint->Multicast(Text("x")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("was stored is not known")));
  EXPECT_GT(asked_, 1u);
}

TEST_P(AnsweredTest, E9_ARefusalOfTheFirstAttemptIsTheAnswer) {
  AnswerWith({kRefusal});
  EXPECT_THAT(ada_->endpoint->Multicast(Text("x")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("too large"), Not(HasSubstr("known")))));
  EXPECT_EQ(asked_, 1u);
}

TEST_P(AnsweredTest, E9_ThatNobodyStoresItNowTellsNothingOfAnEarlierAttempt) {
  AnswerWith({""});
  absl::StatusOr<MeshMessage> sent = absl::UnknownError("not called");
  std::thread sender([&] { sent = ada_->endpoint->Multicast(Text("x")); });
  EXPECT_TRUE(Eventually([&] { return asked_ > 0; }));
  subscription_.reset();
  EXPECT_THAT(space_->root().Flush(kPatience), IsOk());
  sender.join();
  EXPECT_THAT(sent, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("stored is not known")));
}

// A cluster that elects the stream's leader answers so for a moment.
TEST_P(AnsweredTest, E9_AStreamThatWasThereIsWaitedFor) {
  ASSERT_THAT(ada_->endpoint->Multicast(Text("before")), IsOk());
  DeleteStream();
  absl::StatusOr<MeshMessage> sent = absl::UnknownError("not called");
  std::thread sender([&] { sent = ada_->endpoint->Multicast(Text("meanwhile")); });
  (void)Eventually([] { return false; }, std::chrono::milliseconds(300));
  EXPECT_THAT(Privileged(space_->root_api(), "main").CreateSpaceStreams(/*replicas=*/1), IsOk());
  sender.join();
  EXPECT_THAT(sent, IsOk());
  EXPECT_EQ(space_->root_api().GetStream(ChatStream("main"))->messages, 1u);
  // Not for ever.
  DeleteStream();
  EXPECT_THAT(ada_->endpoint->Multicast(Text("after")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("is the space \"main\" set up?")));
}

TEST(Sending, E9_WithoutASpaceTheErrorSaysSo) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kOpen));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space->Enter("ada"));
  ASSERT_THAT(space->DeleteStream("CHAT_main"), IsOk());
  EXPECT_THAT(ada->endpoint->Multicast(Text("x")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("is the space \"main\" set up?")));
}

}  // namespace
}  // namespace meshwarden::testing::e09_sending_test
