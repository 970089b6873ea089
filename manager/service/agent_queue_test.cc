#include "manager/service/agent_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace meshwarden::agent_queue_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Admission = AgentQueue::Admission;

constexpr std::chrono::milliseconds kAtOnce{0};
constexpr std::chrono::milliseconds kLong{10'000};

// Submits jobs that note their start and hold their turn until the test ends it.
class Recorder {
 public:
  explicit Recorder(const AgentQueue::Limits& limits = {}) : queue(limits) {}
  ~Recorder() {
    // Ending a turn may start another job.
    while (!turns.empty()) {
      End(std::string(turns.begin()->first));
    }
  }

  Admission Submit(const std::string& agent, const std::string& job) {
    return queue.Submit(agent, [this, job](AgentQueue::Turn turn) {
      started.push_back(job);
      turns[job] = std::move(turn);
    });
  }
  void End(const std::string& job) {
    AgentQueue::Turn turn = std::move(turns.at(job));
    turns.erase(job);
  }

  AgentQueue queue;
  std::vector<std::string> started;
  std::map<std::string, AgentQueue::Turn> turns;
};

TEST(AgentQueue, TheFirstJobStartsAtOnce) {
  Recorder recorder;
  EXPECT_EQ(recorder.Submit("alice", "a1"), Admission::kTaken);
  EXPECT_THAT(recorder.started, ElementsAre("a1"));
  EXPECT_FALSE(recorder.queue.WaitUntilIdle(kAtOnce));
}

TEST(AgentQueue, JobsOfOneAgentRunOneAtATimeInOrder) {
  Recorder recorder;
  recorder.Submit("alice", "a1");
  recorder.Submit("alice", "a2");
  recorder.Submit("alice", "a3");
  EXPECT_THAT(recorder.started, ElementsAre("a1"));
  recorder.End("a1");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "a2"));
  recorder.End("a2");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "a2", "a3"));
}

TEST(AgentQueue, JobsOfDifferentAgentsRunSideBySide) {
  Recorder recorder;
  recorder.Submit("alice", "a1");
  recorder.Submit("alice", "a2");
  recorder.Submit("bob", "b1");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1"));
  recorder.End("b1");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1"));
}

TEST(AgentQueue, ATurnLastsAsLongAsAnyCopyOfIt) {
  Recorder recorder;
  recorder.Submit("alice", "a1");
  recorder.Submit("alice", "a2");
  AgentQueue::Turn copy = recorder.turns.at("a1");
  recorder.End("a1");
  EXPECT_THAT(recorder.started, ElementsAre("a1"));
  copy.reset();
  EXPECT_THAT(recorder.started, ElementsAre("a1", "a2"));
}

TEST(AgentQueue, AnAgentKeepsItsLimitOfWaitingJobs) {
  Recorder recorder({.running = 8, .waiting = 100, .waiting_per_agent = 2});
  recorder.Submit("alice", "running");
  EXPECT_EQ(recorder.Submit("alice", "w1"), Admission::kTaken);
  EXPECT_EQ(recorder.Submit("alice", "w2"), Admission::kTaken);
  EXPECT_EQ(recorder.Submit("alice", "w3"), Admission::kAgentBusy);
  EXPECT_EQ(recorder.Submit("bob", "b1"), Admission::kTaken);
  recorder.End("running");
  EXPECT_EQ(recorder.Submit("alice", "w4"), Admission::kTaken);
}

TEST(AgentQueue, TheWholeQueueKeepsItsLimitOfWaitingJobs) {
  Recorder recorder({.running = 8, .waiting = 2, .waiting_per_agent = 2});
  recorder.Submit("alice", "a1");
  recorder.Submit("bob", "b1");
  EXPECT_EQ(recorder.Submit("alice", "a2"), Admission::kTaken);
  EXPECT_EQ(recorder.Submit("bob", "b2"), Admission::kTaken);
  EXPECT_EQ(recorder.Submit("bob", "b3"), Admission::kBusy);
  // What can start at once needs no place to wait.
  EXPECT_EQ(recorder.Submit("carol", "c1"), Admission::kTaken);
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1", "c1"));
}

TEST(AgentQueue, ADroppedJobLeavesNothingBehind) {
  Recorder recorder({.running = 1, .waiting = 0, .waiting_per_agent = 0});
  recorder.Submit("alice", "a1");
  EXPECT_EQ(recorder.Submit("bob", "b1"), Admission::kBusy);
  recorder.End("a1");
  EXPECT_TRUE(recorder.queue.WaitUntilIdle(kAtOnce));
  EXPECT_THAT(recorder.started, ElementsAre("a1"));
}

TEST(AgentQueue, AClosedQueueFinishesWhatItHasTaken) {
  Recorder recorder;
  recorder.Submit("alice", "a1");
  recorder.Submit("alice", "a2");
  recorder.queue.Close();
  EXPECT_EQ(recorder.Submit("bob", "b1"), Admission::kClosed);
  recorder.End("a1");
  recorder.End("a2");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "a2"));
  EXPECT_TRUE(recorder.queue.WaitUntilIdle(kAtOnce));
}

TEST(AgentQueue, NoMoreTurnsThanTheLimitRunAtATime) {
  Recorder recorder({.running = 2, .waiting = 100, .waiting_per_agent = 16});
  recorder.Submit("alice", "a1");
  recorder.Submit("bob", "b1");
  recorder.Submit("carol", "c1");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1"));
  recorder.End("b1");
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1", "c1"));
}

TEST(AgentQueue, AgentsTakeTheFreePlacesRoundRobin) {
  Recorder recorder({.running = 1, .waiting = 100, .waiting_per_agent = 16});
  recorder.Submit("alice", "a1");
  recorder.Submit("alice", "a2");
  recorder.Submit("alice", "a3");
  recorder.Submit("bob", "b1");
  recorder.Submit("carol", "c1");
  for (const char* job : {"a1", "b1", "c1", "a2"}) {
    recorder.End(job);
  }
  EXPECT_THAT(recorder.started, ElementsAre("a1", "b1", "c1", "a2", "a3"));
}

TEST(AgentQueue, AJobThatKeepsNoTurnLetsTheNextOneRun) {
  AgentQueue queue({});
  std::vector<int> started;
  AgentQueue::Turn held;
  queue.Submit("alice", [&held](AgentQueue::Turn turn) { held = std::move(turn); });
  for (int i = 0; i < 16; ++i) {
    queue.Submit("alice", [&started, i](const AgentQueue::Turn&) { started.push_back(i); });
  }
  EXPECT_THAT(started, IsEmpty());
  held.reset();
  EXPECT_EQ(started.size(), 16U);
  EXPECT_TRUE(std::is_sorted(started.begin(), started.end()));
  EXPECT_TRUE(queue.WaitUntilIdle(kAtOnce));
}

TEST(AgentQueue, AJobMaySubmitAnother) {
  AgentQueue queue({});
  std::vector<std::string> started;
  queue.Submit("alice", [&](const AgentQueue::Turn&) {
    queue.Submit("alice", [&started](const AgentQueue::Turn&) { started.emplace_back("inner"); });
    started.emplace_back("outer");
  });
  EXPECT_THAT(started, ElementsAre("outer", "inner"));
}

TEST(AgentQueue, WaitingForIdleEndsWithTheLastTurn) {
  AgentQueue queue({});
  AgentQueue::Turn held;
  queue.Submit("alice", [&held](AgentQueue::Turn turn) { held = std::move(turn); });
  std::thread ender([&held] { held.reset(); });
  EXPECT_TRUE(queue.WaitUntilIdle(kLong));
  ender.join();
}

TEST(AgentQueue, UnderLoadFromManyThreadsNoTwoTurnsOfAnAgentMeet) {
  AgentQueue queue({.running = 3, .waiting = 10'000, .waiting_per_agent = 10'000});
  std::array<std::atomic<int>, 4> under_way{};
  std::atomic<int> done{0};
  std::atomic<bool> met{false};
  const auto flood = [&](std::size_t agent) {
    for (int i = 0; i < 500; ++i) {
      queue.Submit("agent" + std::to_string(agent), [&, agent](const AgentQueue::Turn&) {
        met = met || under_way[agent].fetch_add(1) != 0;
        ++done;
        --under_way[agent];
      });
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 8; ++i) {
    threads.emplace_back(flood, i % 4);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(queue.WaitUntilIdle(kLong));
  EXPECT_EQ(done, 4000);
  EXPECT_FALSE(met);
}

}  // namespace
}  // namespace meshwarden::agent_queue_test
