#include "manager/service/self_service.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace meshwarden::self_service_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kAlice[] = "UALICE";

// Durables that move when the test says so.
class FakeFilters final : public ChatFilters {
 public:
  void Move(const std::string& id, std::span<const std::string> channels,
            std::function<void(absl::Status)> done) override {
    moves.push_back({id, {channels.begin(), channels.end()}, nullptr});
    if (answer_at_once) {
      done(*answer_at_once);
    } else {
      moves.back().done = std::move(done);
    }
  }
  void Read(const std::string&, std::function<void(absl::StatusOr<std::vector<std::string>>)> done) override {
    if (on_read) on_read();
    done(readable);
  }

  struct MoveCall {
    std::string id;
    std::vector<std::string> channels;
    std::function<void(absl::Status)> done;
  };
  std::deque<MoveCall> moves;
  std::optional<absl::Status> answer_at_once;
  std::function<void()> on_read;
  absl::StatusOr<std::vector<std::string>> readable = std::vector<std::string>{"general"};
};

// Agents are ours when the test says so.
class FakeOrder final : public ServingOrder {
 public:
  void WhenMayAct(const std::string&, std::function<void(bool)> go) override {
    if (answers_at_once) return go(may);
    waiting.push_back(std::move(go));
  }
  bool MayAct(const std::string&) override { return may_still; }
  std::uint64_t TenureOf(const std::string&) override { return tenure; }

  std::uint64_t tenure = 1;
  bool answers_at_once = true;
  bool may = true;
  bool may_still = true;
  std::deque<std::function<void(bool)>> waiting;
};

class FakeListener final : public MoveListener {
 public:
  void Lost(const std::string&, const std::vector<std::string>& channels) override {
    lost.push_back(channels);
  }
  void Confirmed(const std::string&, const std::vector<std::string>&) override {}

  std::vector<std::vector<std::string>> lost;
};

std::shared_ptr<const Policy> SomePolicy() {
  AgentPolicy planner;
  planner.name = "planner";
  planner.role = "lead";
  for (const char* pattern : {"general", "team.>"}) {
    planner.allow_subscribe.push_back({ChannelPattern::Parse(pattern).value(), {}, "agent"});
  }
  planner.allow_publish.push_back({ChannelPattern::Parse("general").value(), {}, "agent"});
  return Policy::Create("main", "r1", {planner}).value();
}

class SelfServiceTest : public ::testing::Test {
 protected:
  explicit SelfServiceTest(milliseconds deadline = std::chrono::hours(1)) : deadlines_(deadline) {}

  // Nothing may be under way when the queue goes.
  void TearDown() override {
    for (std::size_t i = 0; i < filters_.moves.size(); ++i) {
      Finish(i, absl::UnavailableError("the test is over"));
    }
  }

  // Answers the move with that number, if that has not been done.
  void Finish(std::size_t number, const absl::Status& status) {
    if (const auto done = std::exchange(filters_.moves.at(number).done, nullptr)) {
      done(status);
    }
  }

  // Sends a request and returns where its answer will be.
  std::shared_ptr<std::promise<ControlReply>> Send(const std::string& op, Json args,
                                                   const std::string& sender = kAlice) {
    auto reply = std::make_shared<std::promise<ControlReply>>();
    ControlRequest request{.op = op, .args = std::move(args), .from = {sender, "", {}}, .unknown = {}};
    service_.Handle(
        {.service = "self", .sender = sender, .request = std::move(request), .ends = now_ + lasts_},
        [reply](const ControlReply& answer) { reply->set_value(answer); });
    return reply;
  }
  // Sends a request that is answered at once, and returns the answer.
  ControlReply Ask(const std::string& op, Json args, const std::string& sender = kAlice) {
    std::future<ControlReply> reply = Send(op, std::move(args), sender)->get_future();
    if (reply.wait_for(milliseconds(0)) != std::future_status::ready) {
      ADD_FAILURE() << "not answered at once";
      return {};
    }
    return reply.get();
  }
  ControlReply AskToRead(const std::vector<std::string>& channels) {
    return Ask("setChannels", {{"channels", channels}});
  }

  absl::StatusOr<AgentRecord> record_ = AgentRecord{.id = kAlice, .agent = "planner", .provisioned_at = {}};
  int records_read_ = 0;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  milliseconds reading_takes_{0};  // of a record
  milliseconds lasts_{5'000};      // each request, from when it comes
  const FixedClock wall_{SystemTime(milliseconds(1'777'888'999'123))};
  std::ostringstream log_text_;
  Log log_{{}, std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  FakeFilters filters_;
  AgentQueue queue_{{.running = 8, .waiting = 8, .waiting_per_agent = 1}};
  AgentDirectory directory_{SomePolicy(),
                            [this](const std::string&, const auto& done) {
                              ++records_read_;
                              now_ += reading_takes_;
                              done(record_);
                            },
                            {}};
  DeadlineWatch deadlines_;
  FakeOrder order_;
  FakeListener listener_;
  const NapWatch naps_{{}};
  SelfService service_{{directory_,
                        queue_,
                        filters_,
                        deadlines_,
                        order_,
                        listener_,
                        naps_,
                        log_,
                        {.steady = [this] { return now_; }, .wall = wall_}}};
};

// Both of them say so, and each may say so as often as it likes.
TEST_F(SelfServiceTest, ASecondProcessIsToldToTheLogOnceAMinute) {
  for (int time = 0; time < 3; ++time) EXPECT_TRUE(Ask("secondProcess", Json::object()).ok);
  const std::string text = log_text_.str();
  const std::size_t told = text.find("an agent says that its identity runs in two processes");
  ASSERT_NE(told, std::string::npos) << text;
  EXPECT_THAT(text.substr(told), HasSubstr("agent=planner"));
  EXPECT_EQ(text.find("runs in two processes", told + 40), std::string::npos) << text;
}

TEST_F(SelfServiceTest, ASecondProcessOfAStrangerIsNotTold) {
  record_ = absl::NotFoundError("no record");
  EXPECT_EQ(Ask("secondProcess", Json::object(), "UBOB").code, "unknown_agent");
  EXPECT_EQ(log_text_.str().find("runs in two processes"), std::string::npos);
}

TEST_F(SelfServiceTest, NothingIsDoneBeforeTheAgentIsOurs) {
  order_.answers_at_once = false;
  filters_.answer_at_once = absl::OkStatus();
  auto first = Send("setChannels", {{"channels", {"general"}}})->get_future();
  auto second = Send("setChannels", {{"channels", {"team.a"}}})->get_future();
  ASSERT_EQ(order_.waiting.size(), 1U);
  EXPECT_EQ(records_read_, 0);
  order_.waiting[0](true);
  EXPECT_TRUE(first.get().ok);
  ASSERT_EQ(order_.waiting.size(), 2U);
  order_.waiting[1](true);
  EXPECT_TRUE(second.get().ok);
  EXPECT_THAT(filters_.moves.back().channels, ElementsAre("team.a"));
}

TEST_F(SelfServiceTest, WhatIsAnothersIsNotDone) {
  order_.may = false;
  EXPECT_EQ(AskToRead({"general"}).code, "unavailable");
  EXPECT_EQ(Ask("whoami", Json::object()).code, "unavailable");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, WhatBecameAnothersMeanwhileIsNotDone) {
  order_.may_still = false;
  EXPECT_EQ(AskToRead({"general"}).code, "unavailable");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, WhatWasCarriedOutAfterAnotherServedIsNotCalledDone) {
  auto reply = Send("setChannels", {{"channels", {"general"}}})->get_future();
  ASSERT_EQ(filters_.moves.size(), 1U);
  order_.tenure = 2;
  Finish(0, absl::OkStatus());
  EXPECT_EQ(reply.get().code, "unavailable");
  EXPECT_THAT(listener_.lost, ElementsAre(ElementsAre("general")));
}

TEST_F(SelfServiceTest, WhatIsFinishedWhileTheOtherWaitsIsDone) {
  auto reply = Send("setChannels", {{"channels", {"general"}}})->get_future();
  ASSERT_EQ(filters_.moves.size(), 1U);
  order_.tenure = 0;
  Finish(0, absl::OkStatus());
  EXPECT_TRUE(reply.get().ok);
  auto late = Send("setChannels", {{"channels", {"team.a"}}})->get_future();
  ASSERT_EQ(filters_.moves.size(), 2U);
  order_.may_still = false;
  Finish(1, absl::OkStatus());
  EXPECT_EQ(late.get().code, "unavailable");
  EXPECT_THAT(listener_.lost, ElementsAre(ElementsAre("team.a")));
}

TEST_F(SelfServiceTest, AGrantedSetIsAnsweredOnlyAfterTheBrokerConfirmed) {
  auto reply = Send("setChannels", {{"channels", {" general ", "team.a"}}})->get_future();
  ASSERT_EQ(filters_.moves.size(), 1U);
  EXPECT_EQ(filters_.moves[0].id, kAlice);
  EXPECT_THAT(filters_.moves[0].channels, ElementsAre("general", "team.a"));
  EXPECT_EQ(reply.wait_for(milliseconds(0)), std::future_status::timeout);
  Finish(0, absl::OkStatus());
  const ControlReply answer = reply.get();
  EXPECT_TRUE(answer.ok);
  EXPECT_EQ(answer.data, Json::parse(R"({"channels":["general","team.a"]})"));
}

TEST_F(SelfServiceTest, ARefusedSetMovesNothing) {
  const ControlReply answer = AskToRead({"general", "ops"});
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.error, "channel \"ops\" is not within allowSubscribe [general, team.>]");
  EXPECT_EQ(answer.code, "not_allowed");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, AListThatIsNoneCostsNoLookUp) {
  EXPECT_EQ(Ask("setChannels", Json::object()).code, "bad_request");
  EXPECT_EQ(records_read_, 0);
}

TEST_F(SelfServiceTest, AnUnknownSenderIsRefusedByName) {
  record_ = absl::NotFoundError("none");
  const ControlReply answer = AskToRead({"general"});
  EXPECT_EQ(answer.error, "setChannels: caller UALICE is not an agent this manager spawned");
  EXPECT_EQ(answer.code, "unknown_agent");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, OtherOperationsAreRefusedWithoutALookUp) {
  for (const char* op : {"provision", "reload", "stop", "setchannels", "purge"}) {
    const ControlReply answer = Ask(op, {{"channels", {"general"}}});
    EXPECT_EQ(answer.error, fmt::format("op \"{}\" not allowed on self-service control subject", op));
    EXPECT_EQ(answer.code, "op_not_allowed");
  }
  EXPECT_EQ(records_read_, 0);
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, AnOperationIsEchoedWithoutControlCharacters) {
  EXPECT_EQ(Ask("a\r\nb", Json::object()).error,
            "op \"a\\r\\nb\" not allowed on self-service control subject");
  EXPECT_THAT(log_text_.str(), Not(HasSubstr("\r")));
}

TEST_F(SelfServiceTest, ABrokerThatCannotSayWhoTheSenderIsMakesItNobody) {
  for (const absl::Status& status : {absl::UnavailableError("away"), absl::DeadlineExceededError("late"),
                                     absl::FailedPreconditionError("closed")}) {
    record_ = status;
    const ControlReply answer = AskToRead({"general"});
    EXPECT_EQ(answer.code, "unavailable");
    EXPECT_THAT(answer.error, HasSubstr("nothing was done"));
  }
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, ARecordThatCannotBeReadIsTheOperatorsAffair) {
  record_ = absl::InvalidArgumentError("not JSON");
  const ControlReply answer = AskToRead({"general"});
  EXPECT_EQ(answer.code, "internal");
  EXPECT_THAT(answer.error, Not(HasSubstr("not JSON")));
  EXPECT_THAT(log_text_.str(), HasSubstr("not JSON"));
}

TEST_F(SelfServiceTest, ADamagedRecordMakesTheSenderNobodyAndIsToldAsDamaged) {
  record_ = absl::DataLossError("the record of UALICE is damaged (not JSON)");
  const ControlReply answer = AskToRead({"general"});
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.code, "record_damaged");
  EXPECT_EQ(answer.error,
            "setChannels: the record of UALICE is damaged; the agent must be provisioned again, under a new "
            "identity");
  EXPECT_THAT(filters_.moves, IsEmpty());
  EXPECT_THAT(log_text_.str(), HasSubstr("error the record of an agent is damaged id=UALICE"));
  EXPECT_THAT(log_text_.str(), HasSubstr("not JSON"));
  AskToRead({"general"});
  EXPECT_EQ(records_read_, 2);
}

TEST_F(SelfServiceTest, ARecordThatIsNotLiveIsNobodys) {
  record_->state = RecordState::kLeaving;
  EXPECT_EQ(AskToRead({"general"}).code, "unknown_agent");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, AMissingDurableAsksForProvisioningAndForgetsTheSender) {
  filters_.answer_at_once = absl::NotFoundError("no consumer");
  const ControlReply answer = AskToRead({"general"});
  EXPECT_EQ(answer.code, "not_provisioned");
  EXPECT_THAT(answer.error, HasSubstr("must be provisioned again"));
  AskToRead({"general"});
  EXPECT_EQ(records_read_, 2);
}

TEST_F(SelfServiceTest, AnUnconfirmedMoveIsNoSuccessAndNoPromise) {
  for (const absl::Status& status : {absl::UnavailableError("away"), absl::DeadlineExceededError("late")}) {
    filters_.answer_at_once = status;
    const ControlReply answer = AskToRead({"general"});
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.code, "unavailable");
    EXPECT_THAT(answer.error, StartsWith("setChannels: the broker did not confirm the change in time"));
  }
}

TEST_F(SelfServiceTest, ARefusalByTheBrokerIsToldWithoutItsDetails) {
  filters_.answer_at_once = absl::PermissionDeniedError("permissions violation on $JS.API.X");
  const ControlReply answer = AskToRead({"general"});
  EXPECT_EQ(answer.code, "internal");
  EXPECT_THAT(answer.error, Not(HasSubstr("$JS")));
  EXPECT_THAT(log_text_.str(), HasSubstr("$JS.API.X"));
}

TEST_F(SelfServiceTest, RequestsOfOneSenderAreCarriedOutInOrder) {
  auto first = Send("setChannels", {{"channels", {"team.a"}}})->get_future();
  auto second = Send("setChannels", {{"channels", {"team.b"}}})->get_future();
  ASSERT_EQ(filters_.moves.size(), 1U);
  Finish(0, absl::OkStatus());
  ASSERT_EQ(filters_.moves.size(), 2U);
  EXPECT_THAT(filters_.moves[1].channels, ElementsAre("team.b"));
  EXPECT_TRUE(first.get().ok);
  Finish(1, absl::OkStatus());
  EXPECT_TRUE(second.get().ok);
}

TEST_F(SelfServiceTest, WhoSendsTooMuchIsToldSo) {
  Send("setChannels", {{"channels", {"team.a"}}});
  Send("setChannels", {{"channels", {"team.b"}}});
  const ControlReply answer = AskToRead({"team.c"});
  EXPECT_EQ(answer.code, "busy");
  EXPECT_THAT(answer.error, StartsWith("setChannels: too many requests are waiting"));
}

TEST_F(SelfServiceTest, AManagerThatStopsSaysSo) {
  queue_.Close();
  const ControlReply answer = AskToRead({"general"});
  EXPECT_EQ(answer.code, "unavailable");
  EXPECT_EQ(answer.error, "setChannels: this manager is stopping; try again");
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, WhoAmITellsThePolicyAndTheBrokersTruth) {
  filters_.readable = std::vector<std::string>{"team.x"};
  const ControlReply answer = Ask("whoami", Json::object());
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(answer.data, Json::parse(R"({"id":"UALICE","agent":"planner","role":"lead",
      "allowSubscribe":["general","team.>"],"allowPublish":["general"],"policyRevision":"r1",
      "channels":["team.x"]})"));
}

TEST_F(SelfServiceTest, WhoAmIWithoutADurableShowsNoChannels) {
  filters_.readable = absl::NotFoundError("no consumer");
  const ControlReply answer = Ask("whoami", Json::object());
  EXPECT_TRUE(answer.ok);
  EXPECT_FALSE(answer.data.contains("channels"));
}

TEST_F(SelfServiceTest, WhoAmIDoesNotGuessWhatAFilterMeans) {
  filters_.readable = absl::DataLossError("its filter \"cotal.>\" is none of this space's chat");
  const ControlReply answer = Ask("whoami", Json::object());
  EXPECT_TRUE(answer.ok);
  EXPECT_EQ(answer.data.at("channels"), nullptr);
  EXPECT_THAT(answer.data.at("note").get<std::string>(), HasSubstr("cotal.>"));
  EXPECT_THAT(log_text_.str(), HasSubstr("what an agent reads cannot be told"));
}

TEST_F(SelfServiceTest, WhoAmIDoesNotGuessWhenTheBrokerIsAway) {
  filters_.readable = absl::UnavailableError("away");
  EXPECT_EQ(Ask("whoami", Json::object()).code, "unavailable");
  record_ = absl::NotFoundError("none");
  EXPECT_EQ(Ask("whoami", Json::object(), "UBOB").error,
            "whoami: caller UBOB is not an agent this manager spawned");
}

TEST_F(SelfServiceTest, EveryDecisionIsOneLine) {
  filters_.answer_at_once = absl::OkStatus();
  AskToRead({"general"});
  EXPECT_THAT(log_text_.str(),
              HasSubstr("info decision op=setChannels id=UALICE agent=planner verdict=granted "
                        "channels=[general] ms="));
  EXPECT_THAT(log_text_.str(), HasSubstr("policy=r1\n"));
  AskToRead({"ops"});
  EXPECT_THAT(log_text_.str(), HasSubstr("verdict=refused channels=[ops] code=not_allowed"));
  Ask("reload", Json::object());
  EXPECT_THAT(log_text_.str(), HasSubstr("op=reload id=UALICE verdict=refused code=op_not_allowed"));
}

void ExpectStale(const ControlReply& answer) {
  EXPECT_EQ(answer.code, "stale_request");
  EXPECT_EQ(answer.data, Json({{"now", 1'777'888'999'123}}));
  EXPECT_THAT(answer.error, HasSubstr("nothing was done"));
}

TEST_F(SelfServiceTest, NothingIsDoneForARequestWhoseEndPassesWhileItWaitsForItsTurn) {
  auto first = Send("setChannels", {{"channels", {"team.a"}}})->get_future();
  auto second = Send("setChannels", {{"channels", {"team.b"}}})->get_future();
  now_ += milliseconds(5'000);
  const int read_before = records_read_;
  Finish(0, absl::OkStatus());
  EXPECT_TRUE(first.get().ok);  // it had begun
  ASSERT_EQ(filters_.moves.size(), 1U);
  ExpectStale(second.get());
  EXPECT_EQ(records_read_, read_before);
  EXPECT_THAT(log_text_.str(), HasSubstr("verdict=failed channels=[team.b] code=stale_request"));
  EXPECT_TRUE(queue_.WaitUntilIdle(milliseconds(0)));
}

TEST_F(SelfServiceTest, NothingIsMovedForARequestWhoseEndPassesWhileItsRecordIsRead) {
  reading_takes_ = milliseconds(5'000);
  ExpectStale(AskToRead({"general"}));
  EXPECT_THAT(filters_.moves, IsEmpty());
}

TEST_F(SelfServiceTest, WhoAmIIsNotAnsweredAfterItsEnd) {
  filters_.on_read = [this] { now_ += milliseconds(4'999); };
  EXPECT_TRUE(Ask("whoami", Json::object()).ok);
  filters_.on_read = [this] { now_ += milliseconds(5'000); };
  ExpectStale(Ask("whoami", Json::object()));
}

class SelfServiceInAHurryTest : public SelfServiceTest {
 protected:
  SelfServiceInAHurryTest() : SelfServiceTest(milliseconds(20)) {}
};

TEST_F(SelfServiceInAHurryTest, ASilentBrokerIsAnsweredForInTime) {
  const ControlReply answer = Send("setChannels", {{"channels", {"team.a"}}})->get_future().get();
  EXPECT_EQ(answer.code, "unavailable");
  EXPECT_THAT(answer.error, HasSubstr("did not confirm the change in time"));
  // What comes later is logged, and answered to nobody: a second answer would throw.
  Finish(0, absl::OkStatus());
  EXPECT_THAT(log_text_.str(), HasSubstr("late outcome op=setChannels"));
}

TEST_F(SelfServiceInAHurryTest, ARequestThatWaitedTooLongChangesNothing) {
  auto first = Send("setChannels", {{"channels", {"team.a"}}})->get_future();
  auto second = Send("setChannels", {{"channels", {"team.b"}}})->get_future();
  first.get();
  EXPECT_THAT(second.get().error, HasSubstr("nothing was done"));
  Finish(0, absl::OkStatus());
  EXPECT_EQ(filters_.moves.size(), 1U);
  EXPECT_TRUE(queue_.WaitUntilIdle(milliseconds(0)));
}

}  // namespace
}  // namespace meshwarden::self_service_test
