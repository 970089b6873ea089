// E13, E14: joins and leaves of which the endpoint can't know whether the filter moved, with a manager that
// answers as the test wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "endpoint/space/control.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/tcp_proxy.h"

namespace meshwarden::testing::e14_unclear_moves_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Channels = std::vector<std::string>;

class UnclearMoveTest : public ::testing::Test {
 protected:
  // For how long what nothing answered may still be carried out.
  explicit UnclearMoveTest(std::chrono::milliseconds request_lifetime = std::chrono::minutes(5))
      : request_lifetime_(request_lifetime) {}
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    MW_ASSERT_OK_AND_ASSIGN(proxy_, TcpProxy::Start(space_->broker().port()));
    MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
    options.servers = {proxy_->url()};
    options.retry_wait = std::chrono::milliseconds(100);
    options.request_timeout = std::chrono::milliseconds(1000);
    options.publish_timeout = std::chrono::milliseconds(3000);
    options.request_lifetime = request_lifetime_;
    options.heartbeat = std::chrono::milliseconds(50);
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
  }
  using Manager = std::function<void(const Channels&, ControlResponder)>;
  // A manager that does with each setChannels what `manager` does.
  void Serve(const Manager& manager) {
    manager_.reset();
    MW_ASSERT_OK_AND_ASSIGN(
        manager_, ServeControl(space_->root(), "main", kSelfService,
                               [this, manager](const ControlCall& call, const ControlResponder& respond) {
                                 const auto wanted = call.request.args["channels"].get<Channels>();
                                 manager(wanted, respond);
                                 asked_.Add(wanted);
                               }));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
  }
  // Keeps a request from being answered.
  void Hold(ControlResponder respond) { held_.Add(std::move(respond)); }
  void SetFilter(const Channels& channels) {
    EXPECT_THAT(
        Privileged(space_->mesh().setup_api(), "main").SetChatFilterFor(bob_->endpoint->id(), channels),
        IsOk());
  }
  Manager Obedient() {
    return [this](const Channels& wanted, const ControlResponder& respond) {
      SetFilter(wanted);
      respond(ControlReply::Ok(nullptr));
    };
  }
  Manager Deaf() {
    return [this](const Channels&, ControlResponder respond) { Hold(std::move(respond)); };
  }
  Manager Mute() {
    return [this](const Channels& wanted, ControlResponder respond) {
      SetFilter(wanted);
      Hold(std::move(respond));
    };
  }
  Manager Answering(const ControlReply& reply) {
    return [reply](const Channels&, const ControlResponder& respond) { respond(reply); };
  }
  Channels Filter() { return space_->FilterOf(bob_->endpoint->id()).value_or(Channels{}); }
  void Post(const std::string& channel, const std::string& text) {
    ASSERT_THAT(space_->Post(channel, text), IsOk());
  }
  // The filter is looked at more than twice in that time.
  static constexpr std::chrono::milliseconds kSomeLooks{1200};
  void ExpectUnclear(const absl::Status& status) {
    EXPECT_NE(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("not known")) << status;
  }
  // Until bob has asked the broker how far everything is settled, after everything was.
  void AwaitFloorOfNow() {
    const std::string durable = ChatDurable(bob_->endpoint->id());
    ASSERT_TRUE(Eventually([&] {
      const auto info = space_->root_api().GetConsumer("CHAT_main", durable);
      const auto stream = space_->root_api().GetStream("CHAT_main");
      return info.ok() && stream.ok() && info->ack_floor_stream_seq == stream->last_seq;
    }));
    Collector<bool> asked;
    MW_ASSERT_OK_AND_ASSIGN(const auto spy,
                            space_->root().Subscribe("$JS.API.CONSUMER.INFO.CHAT_main." + durable, "",
                                                     [&](const NatsMessage&) { asked.Add(true); }));
    ASSERT_THAT(space_->root().Flush(kPatience), IsOk());
    ASSERT_EQ(asked.Await(1).size(), 1u);
    // Behind the answer, which goes the same way.
    ASSERT_THAT(bob_->endpoint->ChatFrontier(), IsOk());
  }
  // Joins "ops", and leaves it with a manager that does not answer.
  void LeaveOpsBefore(const Manager& silent) {
    Serve(Obedient());
    ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
    Serve(silent);
    ExpectUnclear(bob_->endpoint->LeaveChannel("ops").status());
  }
  void ExpectLive(const std::string& channel) {
    Post(channel, "live in " + channel);
    EXPECT_TRUE(bob_->AwaitText("live in " + channel));
  }

  const std::chrono::milliseconds request_lifetime_;
  std::unique_ptr<TestSpace> space_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<Member> bob_;
  Collector<Channels> asked_;
  Collector<ControlResponder> held_;
  std::unique_ptr<Subscription> manager_;
};

TEST_F(UnclearMoveTest, E14_ANobodyThatFollowsALostAnswerDoesNotUnsayTheMove) {
  Post("ops", "history");
  Serve(Mute());
  absl::StatusOr<JoinResult> joined = absl::UnknownError("not called");
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("ops"); });
  const bool moved = asked_.Await(1).size() == 1;
  manager_.reset();
  joiner.join();
  EXPECT_TRUE(moved);
  ExpectUnclear(joined.status());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  EXPECT_TRUE(bob_->AwaitText("history"));
  ExpectLive("ops");
}

TEST_F(UnclearMoveTest, E14_AMoveThatTheManagerCouldNotConfirmIsReadBack) {
  for (const std::string code : {"unavailable", "internal"}) {
    Serve([&](const Channels& wanted, const ControlResponder& respond) {
      SetFilter(wanted);
      respond(ControlReply::Error(code, "who knows"));
    });
    EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk()) << code;
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops")) << code;
    EXPECT_THAT(bob_->endpoint->LeaveChannel("ops"), IsOkAndHolds(true)) << code;
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general")) << code;
  }
}

TEST_F(UnclearMoveTest, E14_AMoveThatTheManagerCouldNotConfirmMayStillCome) {
  for (const std::string code : {"unavailable", "internal"}) {
    Serve(Answering(ControlReply::Error(code, "who knows")));
    ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general")) << code;
    SetFilter({"general", "ops"});
    ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops")) << code;
    ExpectUnclear(bob_->endpoint->LeaveChannel("ops").status());
    SetFilter({"general"});
    ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
    EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general")) << code;
  }
}

TEST_F(UnclearMoveTest, E14_ARefusedMoveDoesNotSettleAnEarlierOne) {
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  Serve(Answering(ControlReply::Error("not_allowed", "no")));
  for (const std::string channel : {"quiet", "ops"}) {
    EXPECT_THAT(bob_->endpoint->JoinChannel(channel), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  ExpectLive("ops");
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
}

// Nothing of a refused join is left here, not even for a filter that brings the channel all the same.
TEST_F(UnclearMoveTest, E13_ARefusedJoinLetsNothingOfTheChannelThrough) {
  Serve(Answering(ControlReply::Error("not_allowed", "no")));
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), StatusIs(absl::StatusCode::kFailedPrecondition));
  SetFilter({"general", "ops"});
  Post("ops", "unheard");
  Post("general", "heard");
  EXPECT_THAT(bob_->Texts(1), ElementsAre("heard"));
}

// The durable has gone past it by the time its filter moves.
TEST_F(UnclearMoveTest, E13_WhatIsSaidBetweenAskingAndTheMoveIsHistory) {
  Serve([&](const Channels& wanted, const ControlResponder& respond) {
    for (const std::string channel : {"ops", "general"}) {
      const auto subject = ChatSubject("main", "PEER", channel);
      EXPECT_THAT(space_->root().Publish(*subject, PeerMessage("PEER", channel, "in " + channel)), IsOk());
    }
    EXPECT_TRUE(bob_->AwaitText("in general"));
    SetFilter(wanted);
    respond(ControlReply::Ok(nullptr));
  });
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob_->endpoint->JoinChannel("ops"));
  EXPECT_EQ(joined.backfilled, 1u);
  EXPECT_THAT(bob_->Texts(2), ElementsAre("in general", "in ops"));
}

TEST_F(UnclearMoveTest, E14_OfSeveralUnclearMovesTheFilterTellsEach) {
  Serve(Deaf());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  ExpectUnclear(bob_->endpoint->JoinChannel("quiet").status());
  SetFilter({"general", "ops"});
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  ExpectLive("ops");
}

TEST_F(UnclearMoveTest, E14_AJoinAfterAnUnclearLeaveMovesTheFilterAgain) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Mute()));
  Serve(Obedient());
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  EXPECT_THAT(Filter(), ElementsAre("general", "ops"));
  ExpectLive("ops");
}

// Meanwhile the broker's account of what is settled goes on, by the other channels; it says nothing of this.
TEST_F(UnclearMoveTest, E14_WhatAnUnclearLeaveKeptOutFollowsOnceTheFilterHoldsTheChannelAgain) {
  ChannelDefaults closed;  // so that no join brings it as its history
  closed.replay = false;
  ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelDefaults(closed), IsOk());
  for (const bool by_a_join : {true, false}) {
    Serve(Obedient());
    for (const char* channel : {"ops", "quiet"}) ASSERT_THAT(bob_->endpoint->JoinChannel(channel), IsOk());
    if (by_a_join) {
      ASSERT_THAT(bob_->endpoint->LeaveChannel("quiet"), IsOk());
    }
    Serve(Mute());
    ExpectUnclear(bob_->endpoint->LeaveChannel("ops").status());
    const std::string missed = by_a_join ? "missed 1" : "missed 2";
    Post("ops", missed);
    ExpectLive("general");
    AwaitFloorOfNow();
    Serve(Obedient());
    if (by_a_join) {
      EXPECT_THAT(bob_->endpoint->JoinChannel("quiet"), IsOk());
    } else {
      EXPECT_THAT(bob_->endpoint->LeaveChannel("quiet"), IsOk());
    }
    EXPECT_TRUE(bob_->AwaitText(missed)) << missed;
    ExpectLive("ops");
  }
}

// What the bind in the middle of a move finds out goes into what is asked for from then on.
TEST_F(UnclearMoveTest, E14_AMoveThatIsSaidAgainNamesWhatIsJoinedByThen) {
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  Serve(Deaf());
  const std::size_t before = asked_.Await(0).size();
  absl::StatusOr<JoinResult> joined = absl::UnknownError("not called");
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("quiet"); });
  const bool reached = asked_.Await(before + 1).size() > before;
  Serve(Obedient());
  proxy_->Cut();
  joiner.join();
  EXPECT_TRUE(reached);
  EXPECT_THAT(joined, IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops", "quiet"));
  EXPECT_THAT(Filter(), ElementsAre("general", "ops", "quiet"));
  ExpectLive("ops");
}

// What comes live before the answer is taken, also if a bind has looked at the filter in the middle.
TEST_F(UnclearMoveTest, E14_ABindInTheMiddleOfAJoinDoesNotUndoIt) {
  ChannelDefaults closed;
  closed.replay = false;
  ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelDefaults(closed), IsOk());
  Serve(Deaf());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  const std::size_t before = asked_.Await(0).size();
  absl::StatusOr<JoinResult> joined = absl::UnknownError("not called");
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("ops"); });
  const bool reached = asked_.Await(before + 1).size() > before;
  bool heard = false;
  Serve([&](const Channels& wanted, const ControlResponder& respond) {
    SetFilter(wanted);
    const auto subject = ChatSubject("main", "PEER", "ops");
    EXPECT_THAT(space_->root().Publish(*subject, PeerMessage("PEER", "ops", "early")), IsOk());
    heard = bob_->AwaitText("early", std::chrono::milliseconds(900));
    respond(ControlReply::Ok(nullptr));
  });
  proxy_->Cut();
  joiner.join();
  EXPECT_TRUE(reached);
  EXPECT_THAT(joined, IsOk());
  EXPECT_TRUE(heard);
}

TEST_F(UnclearMoveTest, E14_ABindInTheMiddleOfAMoveDoesNotTakeALateMoveForALaunchers) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Deaf()));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  // As if the leave were carried out late.
  SetFilter({"general"});
  absl::Status joined;
  std::thread joiner([&] { joined = bob_->endpoint->JoinChannel("quiet").status(); });
  const bool reached = asked_.AwaitAny(
      [](const Channels& asked) { return std::find(asked.begin(), asked.end(), "quiet") != asked.end(); });
  Serve(Answering(ControlReply::Error("not_allowed", "no")));
  proxy_->Cut();
  joiner.join();
  EXPECT_TRUE(reached);
  ExpectUnclear(joined);
  Serve(Obedient());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "ops"}); }));
  EXPECT_FALSE(bob_->AwaitError("nothing arrives live", std::chrono::milliseconds(0)));
  ExpectLive("ops");
}

// As long as it is not known what came of it the endpoint doesn't decide that by itself.
TEST_F(UnclearMoveTest, E14_AnUnclearLeaveIsNotTakenBackByALook) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Mute()));
  Serve(Obedient());
  EXPECT_FALSE(Eventually([&] { return Filter() != Channels({"general"}); }, kSomeLooks));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
}

// Nor does it take for certain that nothing has come of it, before that is.
TEST_F(UnclearMoveTest, E14_AnUnclearLeaveThatIsCarriedOutAfterALookCounts) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Deaf()));
  Serve(Obedient());
  EXPECT_FALSE(Eventually([&] { return Filter() != Channels({"general", "ops"}); }, kSomeLooks));
  SetFilter({"general"});
  EXPECT_FALSE(Eventually([&] { return Filter() != Channels({"general"}); }, kSomeLooks));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general"));
}

TEST_F(UnclearMoveTest, E14_AMoveUnderWayIsNotTakenForSomebodyElses) {
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  for (const Channels& asked : asked_.Await(2)) EXPECT_THAT(asked, ElementsAre("general", "ops"));
}

TEST_F(UnclearMoveTest, E14_AManagerThatStaysMuteWhileTheFilterIsAstrayIsToldOfOnce) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Deaf()));
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  // As if the leave were carried out late.
  SetFilter({"general"});
  const std::string told = "it stays so for now";
  EXPECT_TRUE(bob_->AwaitError(told));
  const std::size_t before = asked_.Await(0).size();
  EXPECT_GT(asked_.Await(before + 2).size(), before + 1);
  const auto errors = bob_->errors.Await(0);
  EXPECT_EQ(std::count_if(errors.begin(), errors.end(),
                          [&](const absl::Status& error) { return error.message().find(told) != told.npos; }),
            1);
  Serve(Obedient());
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "ops"}); }));
  ExpectLive("ops");
}

// Its watermark is where the first try found the stream, and what came since then has been handed over.
TEST_F(UnclearMoveTest, E13_AJoinSaidAgainAfterAnUnclearOneTellsNothingTwice) {
  Post("ops", "history");
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  ExpectLive("ops");
  Serve(Obedient());
  ASSERT_THAT(bob_->endpoint->JoinChannel("ops"), IsOk());
  Post("ops", "end");
  ASSERT_TRUE(bob_->AwaitText("end"));
  EXPECT_THAT(bob_->Texts(3), ElementsAre("live in ops", "history", "end"));
}

TEST_F(UnclearMoveTest, E14_AnUnclearLeaveAfterAnUnclearJoinLeavesWhatTheFilterSays) {
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  Serve(Deaf());
  ExpectUnclear(bob_->endpoint->LeaveChannel("ops").status());
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops"));
  ExpectLive("ops");
  Serve(Obedient());
  EXPECT_THAT(bob_->endpoint->LeaveChannel("ops"), IsOkAndHolds(true));
  EXPECT_THAT(Filter(), ElementsAre("general"));
}

// A policy that has taken several channels away: they are refused whenever they are named.
TEST_F(UnclearMoveTest, E14_WhatIsNotAllowedAnyMoreStandsInNobodysWay) {
  Serve(Obedient());
  for (const char* channel : {"ops", "quiet"}) ASSERT_THAT(bob_->endpoint->JoinChannel(channel), IsOk());
  SetFilter({"general"});
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops, quiet"));
  Serve([this](const Channels& wanted, const ControlResponder& respond) {
    for (const std::string& channel : wanted) {
      if (channel != "general" && channel != "team") {
        return respond(ControlReply::Error("not_allowed", channel + " is not allowed"));
      }
    }
    SetFilter(wanted);
    respond(ControlReply::Ok(nullptr));
  });
  EXPECT_THAT(bob_->endpoint->JoinChannel("team"), IsOk());
  ExpectLive("team");
  EXPECT_THAT(bob_->endpoint->JoinChannel("ops"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ops is not allowed")));
  for (const char* channel : {"ops", "quiet"}) {
    EXPECT_THAT(bob_->endpoint->LeaveChannel(channel), IsOkAndHolds(true));
  }
  EXPECT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "team"));
  EXPECT_THAT(Filter(), ElementsAre("general", "team"));
}

class SettledMoveTest : public UnclearMoveTest {
 protected:
  SettledMoveTest() : UnclearMoveTest(std::chrono::milliseconds(500)) {}
};

TEST_F(SettledMoveTest, E14_AnUnclearLeaveIsSettledByALookInTheEnd) {
  ASSERT_NO_FATAL_FAILURE(LeaveOpsBefore(Mute()));
  EXPECT_TRUE(Eventually([&] { return bob_->endpoint->JoinedChannels() == Channels({"general"}); }));
  EXPECT_FALSE(bob_->AwaitError("nothing arrives live", std::chrono::milliseconds(0)));
}

TEST_F(SettledMoveTest, E14_AnUnclearJoinIsSettledByALookInTheEnd) {
  Post("ops", "history");
  Serve(Mute());
  ExpectUnclear(bob_->endpoint->JoinChannel("ops").status());
  EXPECT_TRUE(Eventually([&] { return bob_->endpoint->JoinedChannels() == Channels({"general", "ops"}); }));
  EXPECT_TRUE(bob_->AwaitText("history"));
  ExpectLive("ops");
}

// A launcher's doing stays, also while a late request may be behind what differs.
TEST_F(UnclearMoveTest, E14_WhatALauncherTookOutIsNotAskedForWithWhatALateMoveTook) {
  Serve(Obedient());
  for (const char* channel : {"ops", "quiet"}) ASSERT_THAT(bob_->endpoint->JoinChannel(channel), IsOk());
  SetFilter({"general", "quiet"});
  ASSERT_TRUE(bob_->AwaitError("nothing arrives live from ops"));
  Serve(Deaf());
  ExpectUnclear(bob_->endpoint->LeaveChannel("quiet").status());
  // The bind finds that nothing has moved, yet.
  ASSERT_THAT(bob_->endpoint->Reconnect(), IsOk());
  ASSERT_THAT(bob_->endpoint->JoinedChannels(), ElementsAre("general", "ops", "quiet"));
  Serve(Obedient());
  const std::size_t before = asked_.Await(0).size();
  SetFilter({"general"});
  const std::vector<Channels> asked = asked_.Await(before + 1);
  ASSERT_GT(asked.size(), before);
  EXPECT_THAT(asked[before], ElementsAre("general", "quiet"));
  EXPECT_TRUE(Eventually([&] { return Filter() == Channels({"general", "quiet"}); }));
  ExpectLive("quiet");
}

// It comes live before the endpoint has looked how far the history goes, which it may not read.
TEST_F(UnclearMoveTest, E13_WhatIsPublishedAsTheFilterMovesIsHeardWithoutARightToTheHistory) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("narrow"));
  options.channels.emplace();
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(std::move(options)));
  Serve([this](const Channels& wanted, const ControlResponder& respond) {
    SetFilter(wanted);
    Post("star.x", "early");
    respond(ControlReply::Ok(nullptr));
  });
  MW_ASSERT_OK_AND_ASSIGN(const JoinResult joined, bob_->endpoint->JoinChannel("star.x"));
  EXPECT_EQ(joined.backfilled, 0u);
  EXPECT_TRUE(bob_->AwaitText("early"));
  ExpectLive("star.x");
}

}  // namespace
}  // namespace meshwarden::testing::e14_unclear_moves_test
