// E3: a new binding takes the place of the old one; nothing runs twice, and what was registered is kept.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e03_rebinding_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int kRebinds = 3;

class RebindingTest : public BothModes {
 protected:
  static void Rebind(Member& member) {
    for (int i = 0; i < kRebinds; ++i) ASSERT_THAT(member.endpoint->Reconnect(), IsOk());
  }
};
INSTANTIATE_TEST_SUITE_P(, RebindingTest, kBothModes, kModeName);

TEST_P(RebindingTest, E3_EachMessageIsHandedOverOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Rebind(*bob);
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    ASSERT_THAT(ada->endpoint->Multicast(Text(fmt::format("all {}", i))), IsOk());
    ASSERT_THAT(ada->endpoint->Unicast(bob->endpoint->id(), Text(fmt::format("you {}", i))), IsOk());
    ASSERT_THAT(ada->endpoint->Anycast("reviewer", Text(fmt::format("task {}", i))), IsOk());
    for (const char* kind : {"all", "you", "task"}) expected.push_back(fmt::format("{} {}", kind, i));
  }
  ASSERT_TRUE(bob->AwaitText("task 4"));
  ASSERT_THAT(ada->endpoint->Multicast(Text("end")), IsOk());
  expected.push_back("end");
  // Room for what must not come.
  EXPECT_THAT(bob->Texts(expected.size() + 1, milliseconds(500)),
              ::testing::UnorderedElementsAreArray(expected));
  EXPECT_TRUE(bob->AwaitText("end"));
}

TEST_P(RebindingTest, E3_HeartbeatsAreNotMoreFrequent) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.heartbeat = milliseconds(200);
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  Rebind(*ada);
  Collector<std::string> beats;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto watch,
      space_->root().Subscribe(BucketSubject(PresenceBucket("main"), ada->endpoint->id()), "",
                               [&](const NatsMessage& message) { beats.Add(message.payload); }));
  const std::size_t count = beats.Await(1000, seconds(2)).size();
  EXPECT_GE(count, 2u);
  EXPECT_LE(count, 12u) << "ten in two seconds";
}

TEST_P(RebindingTest, E3_ServedControlsAnswerOnceAndTapsSeeOnce) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  if (GetParam() == Mode::kAuth) {
    MW_ASSERT_OK_AND_ASSIGN(options.creds, space_->mesh().Mint(Profile::kUnrestricted));
    options.card.id = "";
    options.receive = false;
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Make(options));
  Collector<std::string> tapped;
  Collector<std::string> served;
  const auto tap = [&](const Tapped& seen) { tapped.Add(seen.subject); };
  const auto serve = [&](const ControlRequest& request) {
    served.Add(request.op);
    return Json(request.op);
  };
  // One before the start, the other after it.
  ASSERT_THAT(bob->endpoint->Tap("chat.>", tap), IsOk());
  ASSERT_THAT(bob->endpoint->Start(), IsOk());
  ASSERT_THAT(bob->endpoint->ServeControl("clock", serve), IsOk());
  Rebind(*bob);
  MW_ASSERT_OK_AND_ASSIGN(const std::string subject_id, space_->Post("general", "x"));
  EXPECT_THAT(tapped.Await(2, milliseconds(500)), SizeIs(1));

  Collector<NatsMessage> answers;
  const std::string caller = space_->root().id();
  const std::string inbox = InboxPrefix(caller) + ".x.1";
  MW_ASSERT_OK_AND_ASSIGN(const auto listen, space_->root().Subscribe(inbox, "", [&](NatsMessage message) {
    answers.Add(std::move(message));
  }));
  const Json request = {{"op", "now"}, {"from", {{"id", caller}, {"name", "test"}}}};
  ASSERT_THAT(
      space_->root().PublishRequest(fmt::format("cotal.main.ctl.clock.{}", caller), inbox, DumpJson(request)),
      IsOk());
  EXPECT_THAT(answers.Await(2, milliseconds(500)), SizeIs(1));
  EXPECT_THAT(served.Await(2, milliseconds(100)), ElementsAre("now"));
}

TEST_P(RebindingTest, E3_RosterIsThereAgainAfterARebind) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  Rebind(*bob);
  EXPECT_TRUE(Eventually([&] { return bob->endpoint->ResolvePeer("ada").ok(); }));
  EXPECT_TRUE(Eventually([&] { return bob->endpoint->Roster().size() == 2; }));
}

TEST_P(RebindingTest, E3_JoinedChannelsStayJoined) {
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter("bob"));
  ASSERT_THAT(bob->endpoint->JoinChannel("team"), IsOk());
  Rebind(*bob);
  EXPECT_THAT(bob->endpoint->JoinedChannels(), UnorderedElementsAre("general", "team"));
  ASSERT_THAT(space_->Post("team", "still here"), IsOk());
  EXPECT_TRUE(bob->AwaitText("still here"));
  ASSERT_THAT(bob->endpoint->LeaveChannel("general"), IsOk());
  Rebind(*bob);
  EXPECT_THAT(space_->FilterOf(bob->endpoint->id()), IsOkAndHolds(ElementsAre("team")));
  EXPECT_THAT(bob->endpoint->JoinedChannels(), ElementsAre("team"));
}

TEST_P(RebindingTest, E3_WhatIsGivenBackAfterARebindComesAgain) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const auto member, space_->Enter(std::move(options), Settling::kByTest));
  ASSERT_THAT(space_->Post("general", "again"), IsOk());
  ASSERT_THAT(member->messages.Await(1), SizeIs(1));
  Rebind(*member);
  ASSERT_THAT(member->messages.Await(1)[0].settle.Nak(), IsOk());
  EXPECT_THAT(member->Texts(2), ElementsAre("again", "again"));
}

// A message that came before a rebind and is still with its handler is not handed over a second time.
TEST_P(RebindingTest, E3_WhatWaitsForItsHandlerIsNotLostNorDoubled) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  auto member = std::make_unique<Member>();
  Collector<bool> entered;
  Collector<bool> release;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) {
    entered.Add(true);
    release.Await(1);
    (void)message.settle.Ack();
    member->messages.Add(std::move(message));
  };
  MW_ASSERT_OK_AND_ASSIGN(member->endpoint, Endpoint::Make(options, std::move(handlers)));
  ASSERT_THAT(member->endpoint->Start(), IsOk());
  for (int i = 0; i < 5; ++i) ASSERT_THAT(space_->Post("general", fmt::format("{}", i)), IsOk());
  ASSERT_THAT(entered.Await(1), SizeIs(1));
  // What is on its way when a connection ends comes again only when the broker's patience is over.
  // Its own echo is settled when it comes, and it comes behind the five.
  ASSERT_THAT(member->endpoint->Multicast(Text("mine")), IsOk());
  ASSERT_TRUE(Eventually([&] {
    const auto answer = space_->root().Request(
        fmt::format("$JS.API.CONSUMER.INFO.{}.{}", ChatStream("main"), ChatDurable(options.card.id)), "",
        seconds(5));
    const Json state =
        answer.ok() ? ParseJsonObject(answer->payload, {}).value_or(Json::object()) : Json::object();
    const Json delivered = state.value("delivered", Json::object());
    return delivered.value("consumer_seq", 0) == 6 && state.value("num_ack_pending", -1) == 5;
  }));
  Rebind(*member);
  release.Add(true);
  ASSERT_TRUE(member->AwaitText("4"));
  EXPECT_THAT(member->Texts(6, milliseconds(500)), ElementsAre("0", "1", "2", "3", "4"));
}

}  // namespace
}  // namespace meshwarden::testing::e03_rebinding_test
