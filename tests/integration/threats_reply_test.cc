// T23: what an agent's credential can make a broker destroy by naming where the answer goes. Every pair of an
// answer that JetStream publishes and a verb of its API that destroys, in a space whose mappings are in force
// (nothing happens) and, as the control case, in the same space without them (it does).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/fetch.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"
#include "tests/support/mesh.h"

namespace meshwarden::testing::threats_reply_test {
namespace {

constexpr char kPolicy[] = R"(
version: 1
space: main
agents:
  mallory:
    role: reviewer
    subscribe: [general]
    allowPublish: [general]
  victim:
    role: reviewer
    subscribe: [general]
    allowPublish: [general]
)";

// One of the answers that JetStream publishes to whatever reply subject its cause had.
enum class Answer { kPullStatus, kAckAnswer, kPublishAck, kDelivery };
// What the answer is aimed at.
enum class Target {
  kPurgeChat,
  kPurgeDm,
  kDeleteChat,
  kDeleteDm,
  kDeleteTask,
  kDeletePresence,
  kDeleteRecords,
  kDeleteMessage,
  kDeleteDmDurable,
  kDeleteQueue,
};

// In an order in which one leaves the next its means.
constexpr std::array kTargets = {Target::kDeleteMessage, Target::kPurgeDm,        Target::kDeleteDmDurable,
                                 Target::kDeleteQueue,   Target::kDeletePresence, Target::kDeleteRecords,
                                 Target::kDeleteTask,    Target::kDeleteDm,       Target::kPurgeChat,
                                 Target::kDeleteChat};

std::string VerbOf(Target target, const std::string& victim) {
  switch (target) {
    case Target::kPurgeChat:
      return "STREAM.PURGE.CHAT_main";
    case Target::kPurgeDm:
      return "STREAM.PURGE.DM_main";
    case Target::kDeleteChat:
      return "STREAM.DELETE.CHAT_main";
    case Target::kDeleteDm:
      return "STREAM.DELETE.DM_main";
    case Target::kDeleteTask:
      return "STREAM.DELETE.TASK_main";
    case Target::kDeletePresence:
      return "STREAM.DELETE.KV_cotal_presence_main";
    case Target::kDeleteRecords:
      return "STREAM.DELETE.KV_meshwarden_agents_main";
    case Target::kDeleteMessage:
      return "STREAM.MSG.DELETE.CHAT_main";
    case Target::kDeleteDmDurable:
      return "CONSUMER.DELETE.DM_main." + DmDurable(victim);
    case Target::kDeleteQueue:
      return "CONSUMER.DELETE.TASK_main." + TaskDurable("reviewer");
  }
  return "";
}

class ReplyThreats : public ::testing::TestWithParam<Answer> {
 protected:
  void Begin(Mesh::Made made) {
    MW_ASSERT_OK_AND_ASSIGN(mesh_, Mesh::Start(kPolicy, made));
    MW_ASSERT_OK_AND_ASSIGN(mallory_, mesh_->Provision("mallory"));
    MW_ASSERT_OK_AND_ASSIGN(victim_, mesh_->Provision("victim"));
    ASSERT_THAT(Say("kept"), IsOk());
    ASSERT_THAT(Fetch(*mallory_.connection, "CHAT_main", ChatDurable(mallory_.id),
                      {.max_messages = 1, .wait = kPatience}),
                IsOk());
    ASSERT_THAT(victim_.connection->Request(UnicastSubject("main", victim_.id, victim_.id), "{}", kPatience),
                IsOk());
  }

  absl::Status Say(const std::string& text) {
    return mallory_.connection->Request(*ChatSubject("main", mallory_.id, "general"), text, kPatience)
        .status();
  }

  // Has the broker publish `answer` to `reply`, with the means of mallory's own credential.
  void Cause(Answer answer, const std::string& reply) {
    Connection& own = *mallory_.connection;
    const std::string chat = "$JS.API.CONSUMER.MSG.NEXT.CHAT_main." + ChatDurable(mallory_.id);
    switch (answer) {
      case Answer::kPullStatus:
        // Nothing waits, so the pull is answered with a status at once.
        ASSERT_THAT(own.PublishRequest(chat, reply, R"({"batch":1,"no_wait":true})"), IsOk());
        break;
      case Answer::kAckAnswer: {
        ASSERT_THAT(Say("to be acknowledged"), IsOk());
        MW_ASSERT_OK_AND_ASSIGN(const auto fetched, Fetch(own, "CHAT_main", ChatDurable(mallory_.id),
                                                          {.max_messages = 1, .wait = kPatience}));
        ASSERT_EQ(fetched.size(), 1U);
        ASSERT_THAT(own.PublishRequest(fetched[0].reply, reply, "+ACK"), IsOk());
        break;
      }
      case Answer::kPublishAck:
        ASSERT_THAT(own.PublishRequest(*ChatSubject("main", mallory_.id, "general"), reply, "{}"), IsOk());
        break;
      case Answer::kDelivery:
        ASSERT_THAT(Say(R"({"seq":1,"no_erase":true})"), IsOk());
        ASSERT_THAT(own.PublishRequest(chat, reply, R"({"batch":1,"expires":1000000000})"), IsOk());
        break;
    }
    ASSERT_THAT(own.Flush(kPatience), IsOk());
  }

  // Returns when whatever was aimed before has been dealt with. An answer of the same kind, caused later, is
  // published later, and what the earlier one asked for is then in the queue of the API, which is served in
  // order.
  void AwaitDealtWith(Answer answer) {
    Collector<std::string> seen;
    MW_ASSERT_OK_AND_ASSIGN(
        const auto tap,
        mesh_->root().Subscribe("marker", "", [&seen](NatsMessage message) { seen.Add(message.subject); }));
    ASSERT_THAT(mesh_->root().Flush(kPatience), IsOk());
    ASSERT_NO_FATAL_FAILURE(Cause(answer, "marker"));
    ASSERT_EQ(seen.Await(1, kPatience).size(), 1U);
    for (int i = 0; i < 3; ++i) ASSERT_THAT(mesh_->root().Request("$JS.API.INFO", "", kPatience), IsOk());
  }

  // Whether what the target names is as it was.
  bool Stands(Target target) {
    const auto has = [this](const char* stream, std::uint64_t least) {
      const auto info = mesh_->root_api().GetStream(stream);
      return info.ok() && info->messages >= least;
    };
    const auto chat = mesh_->root_api().GetStream("CHAT_main");
    switch (target) {
      case Target::kPurgeChat:
        return chat.ok() && chat->first_seq == 1;
      case Target::kDeleteMessage:
        return chat.ok() && chat->messages == chat->last_seq - chat->first_seq + 1;
      case Target::kDeleteChat:
        return chat.ok();
      case Target::kPurgeDm:
        return has("DM_main", 1);
      case Target::kDeleteDm:
        return has("DM_main", 0);
      case Target::kDeleteTask:
        return has("TASK_main", 0);
      case Target::kDeletePresence:
        return has("KV_cotal_presence_main", 0);
      case Target::kDeleteRecords:
        return has("KV_meshwarden_agents_main", 0);
      case Target::kDeleteDmDurable:
        return mesh_->root_api().GetConsumer("DM_main", DmDurable(victim_.id)).ok();
      case Target::kDeleteQueue:
        return mesh_->root_api().GetConsumer("TASK_main", TaskDurable("reviewer")).ok();
    }
    return false;
  }

  std::unique_ptr<Mesh> mesh_;
  TestAgent mallory_;
  TestAgent victim_;
};

// Empty answers are requests to destroy all; a publish's answer names a sequence, which brokers that do not
// check what they are asked take for one.
bool ReachesWithoutMappings(Answer answer, Target target, const std::string& server_version) {
  const bool lax = server_version.starts_with("2.10.");
  switch (answer) {
    case Answer::kPullStatus:
    case Answer::kAckAnswer:
      return target != Target::kDeleteMessage;
    case Answer::kPublishAck:
      return lax &&
             (target == Target::kPurgeChat || target == Target::kPurgeDm || target == Target::kDeleteMessage);
    case Answer::kDelivery:
      return false;
  }
  return false;
}

TEST_P(ReplyThreats, T23_NoAnswerDestroysAnything) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  for (const Target target : kTargets) {
    ASSERT_NO_FATAL_FAILURE(Cause(GetParam(), "$JS.API." + VerbOf(target, victim_.id)));
  }
  ASSERT_NO_FATAL_FAILURE(AwaitDealtWith(GetParam()));
  for (const Target target : kTargets) EXPECT_TRUE(Stands(target)) << VerbOf(target, victim_.id);
}

TEST_P(ReplyThreats, T23_Control_WithoutTheMappingsItDoes) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kByAnEarlierVersion));
  const std::string version = mesh_->root().server_version();
  for (const Target target : kTargets) {
    const std::string verb = VerbOf(target, victim_.id);
    ASSERT_NO_FATAL_FAILURE(Cause(GetParam(), "$JS.API." + verb));
    if (ReachesWithoutMappings(GetParam(), target, version)) {
      EXPECT_TRUE(Eventually([&] { return !Stands(target); })) << verb;
    } else {
      ASSERT_NO_FATAL_FAILURE(AwaitDealtWith(GetParam()));
      EXPECT_TRUE(Stands(target)) << verb;
    }
  }
}

// A server alone has no leaders; that the request came to whoever would carry it out is told by the broker.
class StepDownThreats : public ReplyThreats {
 protected:
  bool Reached(const std::string& verb) {
    Collector<std::string> audited;
    const auto tap = mesh_->root().Subscribe(
        "$JS.EVENT.ADVISORY.API", "", [&audited](NatsMessage message) { audited.Add(message.payload); });
    EXPECT_THAT(mesh_->root().Flush(kPatience), IsOk());
    Cause(GetParam(), "$JS.API." + verb);
    // Another request of the API, reached in every space, ends the wait.
    Cause(GetParam(), "$JS.API.INFO");
    const auto names = [](const std::string& subject) {
      return [subject](const std::string& audit) { return audit.find(subject) != std::string::npos; };
    };
    EXPECT_TRUE(audited.AwaitAny(names("\"$JS.API.INFO\""), kPatience));
    // The server carries them out side by side.
    return audited.AwaitAny(names(verb), std::chrono::seconds(1));
  }
};

TEST_P(StepDownThreats, T23_NoAnswerAsksALeaderToStepDown) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kToday));
  EXPECT_FALSE(Reached("STREAM.LEADER.STEPDOWN.CHAT_main"));
  EXPECT_FALSE(Reached("CONSUMER.LEADER.STEPDOWN.CHAT_main." + ChatDurable(victim_.id)));
}

TEST_P(StepDownThreats, T23_Control_WithoutTheMappingsItDoes) {
  ASSERT_NO_FATAL_FAILURE(Begin(Mesh::Made::kByAnEarlierVersion));
  EXPECT_TRUE(Reached("STREAM.LEADER.STEPDOWN.CHAT_main"));
  EXPECT_TRUE(Reached("CONSUMER.LEADER.STEPDOWN.CHAT_main." + ChatDurable(victim_.id)));
}

std::string NameOf(const ::testing::TestParamInfo<Answer>& answer) {
  static constexpr std::array<const char*, 4> kNames = {"PullStatus", "AckAnswer", "PublishAck", "Delivery"};
  return kNames[static_cast<std::size_t>(answer.param)];
}

INSTANTIATE_TEST_SUITE_P(EachAnswer, ReplyThreats,
                         ::testing::Values(Answer::kPullStatus, Answer::kAckAnswer, Answer::kPublishAck,
                                           Answer::kDelivery),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(EachEmptyAnswer, StepDownThreats,
                         ::testing::Values(Answer::kPullStatus, Answer::kAckAnswer), NameOf);

}  // namespace
}  // namespace meshwarden::testing::threats_reply_test
