#include "manager/service/late_moves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "tests/support/collector.h"

namespace meshwarden::late_moves_test {
namespace {

using ::meshwarden::testing::Collector;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Channels = std::vector<std::string>;

constexpr char kAlice[] = "UALICE";

// One durable, which moves at once.
class FakeFilters final : public ChatFilters {
 public:
  void Move(const std::string&, std::span<const std::string> channels,
            std::function<void(absl::Status)> done) override {
    const Channels wanted(channels.begin(), channels.end());
    moves.Add(wanted);
    if (unanswered.exchange(false)) {
      listener->Lost(kAlice, wanted);
      return done(absl::DeadlineExceededError("no answer"));
    }
    Set(wanted);
    listener->Confirmed(kAlice, wanted);
    done(absl::OkStatus());
  }
  void Read(const std::string&, std::function<void(absl::StatusOr<Channels>)> done) override {
    Channels channels;
    {
      const MutexLock lock(mutex_);
      channels = channels_;
    }
    done(channels);
    reads.Add(channels);
  }
  // As the broker would, by itself.
  void Set(Channels channels) {
    const MutexLock lock(mutex_);
    channels_ = std::move(channels);
  }

  MoveListener* listener = nullptr;
  std::atomic<bool> unanswered{false};  // the next move
  Collector<Channels> moves;
  Collector<Channels> reads;

 private:
  Mutex mutex_;
  Channels channels_ MW_GUARDED_BY(mutex_) = {"general"};
};

class FakeOrder final : public ServingOrder {
 public:
  void WhenMayAct(const std::string&, std::function<void(bool)> go) override { go(true); }
  bool MayAct(const std::string&) override { return true; }
  std::uint64_t TenureOf(const std::string&) override { return tenure; }

  std::atomic<std::uint64_t> tenure{1};
};

std::shared_ptr<const Policy> SomePolicy() {
  AgentPolicy planner;
  planner.name = "planner";
  for (const char* pattern : {"general", "team.>"}) {
    planner.allow_subscribe.push_back({ChannelPattern::Parse(pattern).value(), {}, "agent"});
  }
  return Policy::Create("main", "r1", {planner}).value();
}

class LateMovesTest : public ::testing::Test {
 protected:
  void SetUp() override { filters_.listener = &moves_; }
  // Nothing may look any more when the rest goes.
  void TearDown() override { moves_.Stop(); }
  // Waits until the filter has been looked at `count` times from now on.
  void AwaitLooks(std::size_t count) {
    const std::size_t so_far = filters_.reads.Await(0).size();
    ASSERT_GE(filters_.reads.Await(so_far + count).size(), so_far + count);
  }

  std::ostringstream log_text_;
  Log log_{{}, std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  FakeFilters filters_;
  AgentQueue queue_{{.running = 8, .waiting = 8, .waiting_per_agent = 4}};
  AgentDirectory directory_{SomePolicy(),
                            [](const std::string&, const auto& done) {
                              done(AgentRecord{.id = kAlice, .agent = "planner", .provisioned_at = {}});
                            },
                            {}};
  FakeOrder order_;
  Collector<Channels> told_;
  LateMoves moves_{
      {.filters = filters_,
       .directory = directory_,
       .queue = queue_,
       .order = order_,
       .log = log_,
       .tell_others = [this](const std::string&, const Channels& channels) { told_.Add(channels); }},
      {.look_every = milliseconds(5),
       .closely_for = milliseconds(60'000),
       .look_for = milliseconds(60'000),
       .max_agents = 2,
       .remember_for = milliseconds(60'000),
       .max_remembered = 2}};
};

TEST_F(LateMovesTest, AMoveThatComesAfterALaterOneIsTakenBack) {
  moves_.Lost(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"general"});
  AwaitLooks(1);
  EXPECT_THAT(filters_.moves.Await(0), IsEmpty());
  filters_.Set({"team.a"});
  EXPECT_THAT(filters_.moves.Await(1), ElementsAre(ElementsAre("general")));
}

TEST_F(LateMovesTest, TheOrderOfChannelsDoesNotMatter) {
  moves_.Lost(kAlice, {"team.a", "general"});
  moves_.Confirmed(kAlice, {"team.b"});
  filters_.Set({"general", "team.a"});
  EXPECT_THAT(filters_.moves.Await(1), ElementsAre(ElementsAre("team.b")));
}

TEST_F(LateMovesTest, WhatWasNeverLostIsSomebodysWhoMay) {
  moves_.Lost(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"general"});
  filters_.Set({"team.b"});
  AwaitLooks(3);
  EXPECT_THAT(filters_.moves.Await(0), IsEmpty());
}

TEST_F(LateMovesTest, WhatWasAskedForLastMayCome) {
  moves_.Lost(kAlice, {"team.b"});
  moves_.Confirmed(kAlice, {"general"});
  moves_.Lost(kAlice, {"team.a"});
  filters_.Set({"team.a"});
  // Nothing is looked at until something has been confirmed since.
  moves_.Confirmed(kAlice, {"team.a"});
  AwaitLooks(3);
  EXPECT_THAT(filters_.moves.Await(0), IsEmpty());
}

TEST_F(LateMovesTest, WhatThePolicyDoesNotAllowIsNotPutBack) {
  moves_.Lost(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"ops"});
  filters_.Set({"team.a"});
  AwaitLooks(3);
  EXPECT_THAT(filters_.moves.Await(0), IsEmpty());
}

TEST_F(LateMovesTest, PuttingBackIsTriedAgain) {
  moves_.Lost(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"general"});
  filters_.unanswered = true;
  filters_.Set({"team.a"});
  EXPECT_THAT(filters_.moves.Await(2), ElementsAre(ElementsAre("general"), ElementsAre("general")));
}

TEST_F(LateMovesTest, WhatAnotherManagerMayHaveConfirmedSinceIsLeftAlone) {
  moves_.Lost(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"general"});
  // Another one served the agent for a while, and let it have what was lost here.
  order_.tenure = 2;
  filters_.Set({"team.a"});
  AwaitLooks(1);
  EXPECT_THAT(filters_.moves.Await(1, milliseconds(50)), IsEmpty());
  // What is confirmed from now on counts again.
  moves_.Confirmed(kAlice, {"team.b"});
  EXPECT_THAT(filters_.moves.Await(1), ElementsAre(ElementsAre("team.b")));
}

TEST_F(LateMovesTest, OthersAreToldOfWhatIsLost) {
  moves_.Lost(kAlice, {"team.a"});
  EXPECT_THAT(told_.Await(1), ElementsAre(ElementsAre("team.a")));
  moves_.LostElsewhere(kAlice, {"team.b"});
  EXPECT_THAT(told_.Await(2, milliseconds(20)), ElementsAre(ElementsAre("team.a")));
}

TEST_F(LateMovesTest, WhatAnotherManagerLostIsTakenBackToo) {
  moves_.LostElsewhere(kAlice, {"team.a"});
  moves_.Confirmed(kAlice, {"general"});
  filters_.Set({"team.a"});
  EXPECT_THAT(filters_.moves.Await(1), ElementsAre(ElementsAre("general")));
}

TEST_F(LateMovesTest, AlsoIfItTellsOfItAfterwards) {
  moves_.Confirmed(kAlice, {"general"});
  filters_.Set({"team.a"});
  moves_.LostElsewhere(kAlice, {"team.a"});
  EXPECT_THAT(filters_.moves.Await(1), ElementsAre(ElementsAre("general")));
  // It tells so several times.
  moves_.LostElsewhere(kAlice, {"team.a"});
  filters_.Set({"team.a"});
  EXPECT_THAT(filters_.moves.Await(2), ElementsAre(ElementsAre("general"), ElementsAre("general")));
}

TEST_F(LateMovesTest, WhatWasConfirmedBeforeAnotherManagerServedSaysNothing) {
  moves_.Confirmed(kAlice, {"general"});
  order_.tenure = 2;
  filters_.Set({"team.a"});
  moves_.LostElsewhere(kAlice, {"team.a"});
  AwaitLooks(1);
  EXPECT_THAT(filters_.moves.Await(1, milliseconds(50)), IsEmpty());
}

TEST_F(LateMovesTest, OfTooManyNothingIsKnown) {
  for (const char* id : {"UB", "UC", kAlice}) moves_.Confirmed(id, {"general"});
  filters_.Set({"team.a"});
  moves_.LostElsewhere(kAlice, {"team.a"});
  EXPECT_THAT(filters_.reads.Await(1, milliseconds(50)), IsEmpty());
}

TEST_F(LateMovesTest, WithoutAMoveThatWasLostNobodyLooks) {
  moves_.Confirmed(kAlice, {"general"});
  EXPECT_THAT(filters_.reads.Await(1, milliseconds(50)), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::late_moves_test
