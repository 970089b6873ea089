#include "endpoint/space/task_queues.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/fetch.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "proto/subject.h"
#include "tests/support/broker.h"

namespace meshwarden::task_queues_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::meshwarden::testing::TestBroker;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kTimeout{5};
constexpr char kStream[] = "TASK_main";

class TaskQueuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ASSERT_NO_FATAL_FAILURE(Connect());
    Privileged privileged(*api_, "main");
    ASSERT_THAT(privileged.CreateSpaceStreams(1), IsOk());
    for (const char* role : {"fast", "slow"}) ASSERT_THAT(privileged.ProvisionTaskQueue(role), IsOk());
  }
  void Connect() {
    api_.reset();
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
  }

  void Post(const std::string& role, int first, int last) {
    for (int i = first; i <= last; ++i) {
      ASSERT_THAT(api_->PublishStored(AnycastSubject("main", role, "UX"), fmt::format("{}-{}", role, i),
                                      std::nullopt),
                  IsOk());
    }
  }
  // The tasks that the role's durable hands out until it has no more, acknowledged.
  std::vector<std::string> Work(const std::string& role) {
    std::vector<std::string> texts;
    while (true) {
      const auto tasks =
          Fetch(*connection_, kStream, "svc_" + role, {.wait = std::chrono::milliseconds(300)});
      EXPECT_THAT(tasks, IsOk());
      if (!tasks.ok() || tasks->empty()) break;
      for (const NatsMessage& task : *tasks) {
        texts.push_back(task.payload);
        EXPECT_THAT(Ack(*connection_, task), IsOk());
      }
      EXPECT_THAT(connection_->Flush(kTimeout), IsOk());
    }
    return texts;
  }
  // The stream is empty; the broker is restarted so that it counts from 1 again.
  void LoseTheCount() {
    ASSERT_THAT(broker_->RestartForgetting(kStream), IsOk());
    ASSERT_NO_FATAL_FAILURE(Connect());
    MW_ASSERT_OK_AND_ASSIGN(const StreamInfo stream, api_->GetStream(kStream));
    ASSERT_EQ(stream.last_seq, 0U);
  }
  // Newer brokers put the durables back themselves: there is nothing to find then.
  bool BrokerLeavesQueuesBehind() const { return connection_->server_version().starts_with("2.10."); }
  std::vector<std::string> OnlyIfLeftBehind(const std::string& name) const {
    return BrokerLeavesQueuesBehind() ? std::vector<std::string>{name} : std::vector<std::string>{};
  }
  QueueBehind AsFound(const std::string& name) {
    QueueBehind queue;
    const absl::StatusOr<ConsumerInfo> info = api_->GetConsumer(kStream, name);
    EXPECT_THAT(info, IsOk());
    if (info.ok()) queue.durable = *info;
    return queue;
  }
  std::vector<std::string> Behind() {
    const absl::StatusOr<std::vector<QueueBehind>> found = FindQueuesBehind(*api_, "main");
    EXPECT_THAT(found, IsOk());
    found_ = found.value_or(std::vector<QueueBehind>());
    std::vector<std::string> names;
    for (const QueueBehind& queue : found_) names.push_back(queue.durable.name);
    return names;
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  std::vector<QueueBehind> found_;  // by the last look
};

TEST_F(TaskQueuesTest, SoundQueuesAreLeftAlone) {
  EXPECT_THAT(Behind(), IsEmpty());
  Post("slow", 1, 2);
  Post("fast", 1, 5);
  EXPECT_EQ(Work("fast").size(), 5U);
  Post("fast", 6, 6);
  // The stream's oldest tasks are another role's, below what this one has done.
  EXPECT_THAT(Behind(), IsEmpty());
}

TEST_F(TaskQueuesTest, ATaskWithAMemberIsNotPassedOver) {
  Post("fast", 1, 2);
  MW_ASSERT_OK_AND_ASSIGN(const auto held,
                          Fetch(*connection_, kStream, "svc_fast", {.max_messages = 1, .wait = kTimeout}));
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(Work("fast").size(), 1U);
  EXPECT_THAT(Behind(), IsEmpty());
}

TEST_F(TaskQueuesTest, AQueueBeyondItsStreamsEndIsFound) {
  Post("fast", 1, 5);
  ASSERT_EQ(Work("fast").size(), 5U);
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  EXPECT_EQ(Behind(), OnlyIfLeftBehind("svc_fast"));
  for (const QueueBehind& queue : found_) {
    EXPECT_EQ(queue.first_task, 0U);
    EXPECT_TRUE(queue.certain);
    EXPECT_THAT(RemakeQueue(*api_, queue), IsOkAndHolds(true));
  }
  EXPECT_THAT(Behind(), IsEmpty());
  Post("fast", 6, 8);
  EXPECT_THAT(Work("fast"), ElementsAre("fast-6", "fast-7", "fast-8"));
}

TEST_F(TaskQueuesTest, TasksThatWerePassedOverComeFromAQueueMadeAnew) {
  Post("fast", 1, 5);
  ASSERT_EQ(Work("fast").size(), 5U);
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  Post("fast", 6, 12);
  std::vector<std::string> worked = Work("fast");
  EXPECT_EQ(worked.size(), BrokerLeavesQueuesBehind() ? 2U : 7U);
  EXPECT_EQ(Behind(), OnlyIfLeftBehind("svc_fast"));
  for (const QueueBehind& queue : found_) {
    EXPECT_EQ(queue.first_task, 1U);
    EXPECT_FALSE(queue.certain);  // the stream has counted past it
    EXPECT_THAT(RemakeQueue(*api_, queue), IsOkAndHolds(true));
  }
  for (std::string& task : Work("fast")) worked.push_back(std::move(task));
  EXPECT_THAT(worked,
              UnorderedElementsAre("fast-6", "fast-7", "fast-8", "fast-9", "fast-10", "fast-11", "fast-12"));
  EXPECT_THAT(Behind(), IsEmpty());
}

TEST_F(TaskQueuesTest, AQueueMadeAnewIsConfiguredAsBeforeAndHandsOutAll) {
  Post("fast", 1, 2);
  MW_ASSERT_OK_AND_ASSIGN(const auto held,
                          Fetch(*connection_, kStream, "svc_fast", {.max_messages = 1, .wait = kTimeout}));
  ASSERT_EQ(held.size(), 1U);
  const QueueBehind before = AsFound("svc_fast");
  EXPECT_THAT(RemakeQueue(*api_, before), IsOkAndHolds(true));
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo after, api_->GetConsumer(kStream, "svc_fast"));
  EXPECT_NE(after.created, before.durable.created);
  EXPECT_EQ(ToJson(after.config), ToJson(before.durable.config));
  EXPECT_THAT(Work("fast"), ElementsAre("fast-1", "fast-2"));
}

TEST_F(TaskQueuesTest, AQueueThatSomebodyElseHasMadeAnewIsLeftAlone) {
  const QueueBehind before = AsFound("svc_fast");
  ASSERT_THAT(RemakeQueue(*api_, before), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo once, api_->GetConsumer(kStream, "svc_fast"));
  EXPECT_THAT(RemakeQueue(*api_, before), IsOkAndHolds(false));
  EXPECT_EQ(api_->GetConsumer(kStream, "svc_fast")->created, once.created);
}

TEST_F(TaskQueuesTest, AQueueThatWasOnlyDeletedIsMadeAtTheNextTry) {
  const QueueBehind before = AsFound("svc_fast");
  ASSERT_THAT(api_->DeleteConsumer(kStream, "svc_fast"), IsOk());
  EXPECT_THAT(RemakeQueue(*api_, before), IsOkAndHolds(true));
  EXPECT_THAT(api_->GetConsumer(kStream, "svc_fast"), IsOk());
}

TEST_F(TaskQueuesTest, DurablesThatAreNoRolesOwnAreNotJudged) {
  ConsumerConfig other = TaskDurableConfig("main", "third");
  other.durable_name = "svc_other";
  // The same filter, in the form that it could not be made again in.
  ConsumerConfig plural = TaskDurableConfig("main", "fourth");
  plural.filter_subjects = {std::exchange(plural.filter_subject, "")};
  for (const ConsumerConfig& config : {other, plural}) {
    ASSERT_THAT(api_->CreateConsumer(kStream, config), IsOk());
  }
  Post("third", 1, 2);
  Post("fourth", 1, 2);
  ASSERT_EQ(Work("other").size(), 2U);
  ASSERT_EQ(Work("fourth").size(), 2U);
  ASSERT_NO_FATAL_FAILURE(LoseTheCount());
  EXPECT_THAT(Behind(), IsEmpty());
}

TEST_F(TaskQueuesTest, ATaskThatWasGivenUpIsNotPassedOver) {
  ConsumerConfig impatient = TaskDurableConfig("main", "third");
  impatient.ack_wait = std::chrono::milliseconds(100);
  impatient.extra["max_deliver"] = 1;
  ASSERT_THAT(api_->CreateConsumer(kStream, impatient), IsOk());
  Post("third", 1, 1);
  MW_ASSERT_OK_AND_ASSIGN(const auto given_up,
                          Fetch(*connection_, kStream, "svc_third", {.max_messages = 1, .wait = kTimeout}));
  ASSERT_EQ(given_up.size(), 1U);
  Post("third", 2, 2);
  // On 2.10 the acknowledgement of the second passes the first by; newer ones go on waiting.
  const std::uint64_t passed = BrokerLeavesQueuesBehind() ? 1 : 0;
  std::uint64_t floor = 0;
  for (int i = 0; i < 50 && (i == 0 || floor < passed); ++i) {
    EXPECT_THAT(Work("third"), AnyOf(IsEmpty(), ElementsAre("third-2")));
    MW_ASSERT_OK_AND_ASSIGN(const ConsumerInfo info, api_->GetConsumer(kStream, "svc_third"));
    floor = info.ack_floor_stream_seq;
  }
  ASSERT_GE(floor, passed);
  ASSERT_THAT(api_->FirstMessage(kStream, AnycastSubject("main", "third", "*")), IsOk());
  EXPECT_THAT(Behind(), IsEmpty());
}

TEST_F(TaskQueuesTest, FindingsAreTheSameOnlyOfTheSameDurableAndTask) {
  QueueBehind found;
  found.durable.name = "svc_fast";
  found.durable.created = "then";
  found.first_task = 3;
  EXPECT_TRUE(found.SameAs(found));
  QueueBehind other = found;
  other.durable.name = "svc_slow";
  EXPECT_FALSE(found.SameAs(other));
  other = found;
  other.durable.created = "later";
  EXPECT_FALSE(found.SameAs(other));
  other = found;
  other.first_task = 4;
  EXPECT_FALSE(found.SameAs(other));
}

TEST_F(TaskQueuesTest, ASpaceWithoutATaskStreamIsNotFound) {
  EXPECT_THAT(FindQueuesBehind(*api_, "nowhere").status(), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace meshwarden::task_queues_test
