// What an agent with a valid credential holds up of another's messages by what it has the broker send, and
// what the other's endpoint makes of it without anybody's help: rows T24 and T25 of the threat model, as far
// as they are an endpoint's. Nobody watches the space here.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/space/privileged.h"
#include "proto/names.h"
#include "proto/registry.h"
#include "proto/subject.h"
#include "tests/endpoint/space.h"
#include "tests/support/attacker.h"
#include "tests/support/sanitizer.h"

namespace meshwarden::testing::threats_healing_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

// What an endpoint promises. A sanitizer makes all of it slower, and is no measure of that.
const milliseconds kPromised{kSanitized ? 10'000 : 2000};
// A machine that is busy with something else can spoil a round, but not all of them one after the other; an
// endpoint that is too slow is so in each.
constexpr int kRounds = 5;
constexpr char kAstray[] = "did not come here";
// A pull that waits for a minute, and brings one message or as many as it likes.
constexpr char kOne[] = R"({"batch":1,"expires":60000000000})";
constexpr char kMany[] = R"({"batch":100000,"expires":60000000000})";

std::string PullsOn(const std::string& stream, const std::string& durable) {
  return fmt::format("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream, durable);
}

class HealingThreats : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(space_, TestSpace::Start(Mode::kAuth));
    ASSERT_NO_FATAL_FAILURE(EnterAttacker());
    MW_ASSERT_OK_AND_ASSIGN(bob_options_, space_->OptionsFor("bob"));
  }
  void TearDown() override {
    if (!HasFailure() || bob_ == nullptr) return;
    for (const absl::Status& error : bob_->errors.Await(0)) ADD_FAILURE() << "bob was told: " << error;
    for (const auto& [stream, durable] :
         {std::pair{"DM_main", DmDurable(bob_id())}, {"CHAT_main", ChatDurable(bob_id())}}) {
      const auto info =
          space_->root().Request(fmt::format("$JS.API.CONSUMER.INFO.{}.{}", stream, durable), "", kPatience);
      if (info.ok()) ADD_FAILURE() << info->payload;
    }
  }
  const std::string& bob_id() { return bob_options_.card.id; }
  std::string BobsMail() { return PullsOn("DM_main", DmDurable(bob_id())); }
  std::string BobsChat() { return PullsOn("CHAT_main", ChatDurable(bob_id())); }

  void EnterAttacker() { MW_ASSERT_OK_AND_ASSIGN(attacker_, Attacker::Enter(space_->mesh(), "ada", "ops")); }
  void EnterBob(Settling settling = Settling::kAckAll) {
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(bob_options_, settling));
    // The live stream of the channels is open.
    const std::string ready = "ready, " + bob_id();
    ASSERT_THAT(space_->Post("general", ready), IsOk());
    ASSERT_TRUE(bob_->AwaitText(ready));
  }
  std::uint64_t PullsAt(const std::string& stream, const std::string& durable) {
    const absl::StatusOr<ConsumerInfo> info = space_->root_api().GetConsumer(stream, durable);
    return info.ok() ? info->num_waiting : 0;
  }
  void AwaitPulls(std::uint64_t count) {
    ASSERT_TRUE(Eventually([&] {
      return PullsAt("DM_main", DmDurable(bob_id())) + PullsAt("CHAT_main", ChatDurable(bob_id())) >= count;
    }));
  }
  // Control: something is stored at all.
  void AimStatusUntilStored(const std::string& stream, const std::string& subject) {
    const auto last = [&] { return space_->root_api().GetStream(stream)->last_seq; };
    const std::uint64_t before = last();
    ASSERT_TRUE(Eventually([&] { return attacker_->AimStatus(subject).ok() && last() > before; }));
  }
  // One message was delivered, and not to its reader.
  void AwaitHeldUp(const std::string& stream, const std::string& durable) {
    ASSERT_TRUE(Eventually([&] {
      const absl::StatusOr<ConsumerInfo> info = space_->root_api().GetConsumer(stream, durable);
      return info.ok() && info->num_ack_pending == 1;
    }));
  }
  void Mail(const std::string& text) {
    const std::string subject = UnicastSubject("main", bob_id(), "PEER");
    ASSERT_THAT(space_->Store(subject, PeerMessage("PEER", "general", text)), IsOk());
  }
  void Post(const std::string& text) { ASSERT_THAT(space_->Post("general", text), IsOk()); }

  // Sends `count` by `send`, one after the other, and expects each to come, and once. What that took from the
  // first one on goes to `slowest_`.
  void ExpectAllCome(int count, const std::function<void(const std::string&)>& send) {
    std::vector<std::string> sent = bob_->Texts(0, milliseconds(0));
    const auto begun = steady_clock::now();
    for (int i = 0; i < count; ++i) {
      sent.push_back(fmt::format("{}", i));
      ASSERT_NO_FATAL_FAILURE(send(sent.back()));
    }
    EXPECT_TRUE(Eventually([&] { return bob_->messages.Await(0).size() >= sent.size(); }));
    slowest_ = std::max(slowest_, Since(begun));
    EXPECT_THAT(bob_->Texts(sent.size() + 1, milliseconds(300)), UnorderedElementsAreArray(sent));
  }
  // An attack and what comes after it: all of it holds in each round, and within the time that is promised in
  // one of them.
  void ExpectInTime(const std::function<void()>& round) {
    std::vector<std::int64_t> took;
    while (took.size() < kRounds) {
      // Of an attacker's messages no more than 1,000 are on their way.
      if (!took.empty()) {
        ASSERT_NO_FATAL_FAILURE(EnterAttacker());
      }
      slowest_ = milliseconds(0);
      ASSERT_NO_FATAL_FAILURE(round());
      if (HasFailure() || slowest_ <= kPromised) return;
      took.push_back(slowest_.count());
    }
    ADD_FAILURE() << "too slow in each round, in milliseconds: " << ::testing::PrintToString(took);
  }
  static milliseconds Since(steady_clock::time_point begun) {
    return std::chrono::ceil<milliseconds>(steady_clock::now() - begun);
  }
  void ExpectMailComes(int count) {
    ASSERT_NO_FATAL_FAILURE(ExpectAllCome(count, [this](const std::string& text) { Mail(text); }));
  }
  void ExpectChatComes(int count) {
    ASSERT_NO_FATAL_FAILURE(ExpectAllCome(count, [this](const std::string& text) { Post(text); }));
  }

  milliseconds slowest_{0};
  std::unique_ptr<TestSpace> space_;
  std::optional<Attacker> attacker_;
  EndpointOptions bob_options_;
  std::unique_ptr<Member> bob_;
};

TEST_F(HealingThreats, T24_MailComesWhereTwentyForeignPullsWait) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 20), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(22));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(20));
  });
  EXPECT_TRUE(bob_->AwaitError(kAstray));
}

// As many as the broker lets wait.
TEST_F(HealingThreats, T24_MailComesWhereSixHundredForeignPullsWait) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 600), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(512));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(20));
  });
}

TEST_F(HealingThreats, T24_OneMessageComesWhereSixHundredForeignPullsWait) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  // It takes as many times of giving back as there are pulls.
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 600), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(512));
    // The first goes to bob's own pull, which stands in front of all the others, and after that behind them.
    const std::string first = fmt::format("the first after {}", bob_->messages.Await(0).size());
    ASSERT_NO_FATAL_FAILURE(Mail(first));
    ASSERT_TRUE(bob_->AwaitText(first));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(1));
  });
  EXPECT_TRUE(bob_->AwaitError(kAstray));
}

// No pull of his own finds a place.
TEST_F(HealingThreats, T24_MailComesToOneWhoStartsWhereSixHundredForeignPullsWait) {
  // His pulls are let fall until there is room.
  ExpectInTime([&] {
    MW_ASSERT_OK_AND_ASSIGN(bob_options_, space_->OptionsFor("bob"));
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 600), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(512));
    ASSERT_NO_FATAL_FAILURE(EnterBob());
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(20));
  });
}

// They take as much as there is.
TEST_F(HealingThreats, T24_MailComesWhereTwentyForeignPullsStay) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kMany, 20), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(22));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(20));
  });
}

TEST_F(HealingThreats, T24_ChatComesWhereTwentyForeignPullsWait) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsChat(), kOne, 20), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(22));
    ASSERT_NO_FATAL_FAILURE(ExpectChatComes(20));
  });
  EXPECT_TRUE(bob_->AwaitError(kAstray));
}

TEST_F(HealingThreats, T24_ChatComesWhereSixHundredForeignPullsWait) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsChat(), kOne, 600), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(512));
    ASSERT_NO_FATAL_FAILURE(ExpectChatComes(20));
  });
}

TEST_F(HealingThreats, T24_MailComesWhereAnAcknowledgementSetsUpAPull) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimByAcknowledgement(BobsMail(), kOne), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(3));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(2));
  });
  EXPECT_TRUE(bob_->AwaitError(kAstray));
}

TEST_F(HealingThreats, T24_MailComesWhereAPushConsumerSetsUpAPull) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  const std::uint64_t before = PullsAt("DM_main", DmDurable(bob_id()));
  // What an acknowledgement-free consumer delivers has no reply, so that nobody can be answered by it.
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimByPush(BobsMail(), kOne), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(3));
  });
  EXPECT_LE(PullsAt("DM_main", DmDurable(bob_id())), before + 1);
}

// Again and again, and what was held up before is not handed over twice.
TEST_F(HealingThreats, T24_EachOfManyAttacksIsHealed) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  for (int i = 0; i < 3; ++i) {
    ExpectInTime([&] {
      ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 10), IsOk());
      ASSERT_NO_FATAL_FAILURE(ExpectMailComes(5));
      ASSERT_THAT(attacker_->AimMessages(BobsChat(), kOne, 10), IsOk());
      ASSERT_NO_FATAL_FAILURE(ExpectChatComes(5));
    });
  }
  // It is told of the mail and of the chat, and not for each time.
  std::size_t told = 0;
  for (const absl::Status& error : bob_->errors.Await(0)) {
    if (std::string(error.message()).find(kAstray) != std::string::npos) ++told;
  }
  EXPECT_GE(told, 2u);
  EXPECT_LT(told, 6u);
}

// What a handler is still at is not taken from it.
TEST_F(HealingThreats, T24_WhatIsInHandIsNotGivenBack) {
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(bob_options_, Settling::kByTest));
  ASSERT_NO_FATAL_FAILURE(Mail("held"));
  ASSERT_TRUE(bob_->AwaitText("held"));
  ExpectInTime([&] {
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 5), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(7));
    ASSERT_NO_FATAL_FAILURE(ExpectMailComes(3));
  });
  for (const ReceivedMessage& message : bob_->messages.Await(0)) ASSERT_THAT(message.settle.Ack(), IsOk());
  EXPECT_TRUE(Eventually([&] {
    const auto info = space_->root_api().GetConsumer("DM_main", DmDurable(bob_id()));
    return info.ok() && info->num_ack_pending == 0;
  }));
}

// It costs neither the mail nor the history that a newcomer is owed.
TEST_F(HealingThreats, T24_WhatWasHeldUpBeforeTheFirstStartComes) {
  std::vector<std::string> history;
  ExpectInTime([&] {
    history.push_back(fmt::format("history {}", history.size()));
    ASSERT_NO_FATAL_FAILURE(Post(history.back()));
    MW_ASSERT_OK_AND_ASSIGN(bob_options_, space_->OptionsFor("bob"));
    ASSERT_THAT(attacker_->AimMessages(BobsMail(), kOne, 20), IsOk());
    ASSERT_THAT(attacker_->AimMessages(BobsChat(), kOne, 20), IsOk());
    ASSERT_NO_FATAL_FAILURE(AwaitPulls(40));
    ASSERT_NO_FATAL_FAILURE(Mail("mail"));
    const std::string chat = "chat for " + bob_id();
    ASSERT_NO_FATAL_FAILURE(Post(chat));
    ASSERT_NO_FATAL_FAILURE(AwaitHeldUp(DmStream("main"), DmDurable(bob_id())));
    ASSERT_NO_FATAL_FAILURE(AwaitHeldUp(ChatStream("main"), ChatDurable(bob_id())));
    std::vector<std::string> all = history;
    all.insert(all.end(), {"mail", chat});
    const auto begun = steady_clock::now();
    MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(bob_options_));
    EXPECT_TRUE(Eventually([&] { return bob_->messages.Await(0).size() >= all.size(); }));
    slowest_ = Since(begun);
    EXPECT_THAT(bob_->Texts(all.size() + 1, milliseconds(300)), UnorderedElementsAreArray(all));
    for (const ReceivedMessage& message : bob_->messages.Await(0)) {
      const std::string text = TextOf(message.message);
      EXPECT_EQ(message.historical, text != chat && text != "mail") << text;
    }
    history.push_back(chat);
  });
}

// A process that ended with messages in hand: the next one need not wait until the broker loses patience.
TEST_F(HealingThreats, WhatAnEarlierProcessHadInHandComesAtOnce) {
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(bob_options_, Settling::kByTest));
  ASSERT_NO_FATAL_FAILURE(Mail("one"));
  ASSERT_NO_FATAL_FAILURE(Mail("two"));
  ASSERT_TRUE(bob_->AwaitText("two"));
  ASSERT_THAT(bob_->messages.Await(0).front().settle.Ack(), IsOk());
  bob_.reset();
  MW_ASSERT_OK_AND_ASSIGN(bob_, space_->Enter(bob_options_));
  EXPECT_TRUE(bob_->AwaitText("two", 2 * kPromised));
  EXPECT_THAT(bob_->Texts(2, milliseconds(300)), ElementsAre("two"));
  EXPECT_FALSE(bob_->AwaitError(kAstray, milliseconds(0)));
}

// Control: who only waits gets what the pulls leave.
TEST_F(HealingThreats, T24_Control_WhatIsHeldUpStaysAwayFromAReaderThatDoesNotHeal) {
  MW_ASSERT_OK_AND_ASSIGN(TestAgent cy, space_->mesh().Provision("cy"));
  ASSERT_THAT(attacker_->AimMessages(PullsOn("DM_main", DmDurable(cy.id)), kOne, 20), IsOk());
  ASSERT_TRUE(Eventually([&] { return PullsAt("DM_main", DmDurable(cy.id)) == 20; }));
  for (int i = 0; i < 20; ++i) {
    const std::string subject = UnicastSubject("main", cy.id, "PEER");
    ASSERT_THAT(space_->Store(subject, PeerMessage("PEER", "general", fmt::format("{}", i))), IsOk());
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto messages, Receive(cy, "DM_main", DmDurable(cy.id)));
  EXPECT_THAT(messages, IsEmpty());
}

// What is stored under another's name by an answer has no body. (A message that is delivered there is stored
// under its own subject.)
TEST_F(HealingThreats, T25_WhatIsNoMessageIsNotHandedOver) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  const std::string mail = UnicastSubject("main", bob_id(), "PEER");
  const std::string chat = "cotal.main.chat.PEER.general";
  ASSERT_NO_FATAL_FAILURE(AimStatusUntilStored("DM_main", mail));
  ASSERT_NO_FATAL_FAILURE(AimStatusUntilStored("CHAT_main", chat));
  EXPECT_TRUE(bob_->AwaitError("a message was refused, on " + mail));
  EXPECT_TRUE(bob_->AwaitError("a message was refused, on " + chat));
  ASSERT_NO_FATAL_FAILURE(ExpectMailComes(1));
}

// A record of the registry that became none changes nothing of what was known.
TEST_F(HealingThreats, T25_WhatIsNoRecordOfTheRegistryIsNotHeeded) {
  ChannelConfig config;
  config.description = "for all";
  ASSERT_THAT(Privileged(space_->root_api(), "main").SetChannelConfig("general", config), IsOk());
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  ASSERT_EQ(bob_->endpoint->GetChannelConfig("general").description, "for all");
  ASSERT_NO_FATAL_FAILURE(AimStatusUntilStored("KV_cotal_channels_main", "$KV.cotal_channels_main.general"));
  EXPECT_TRUE(bob_->AwaitError("the channel registry's record of general"));
  ASSERT_THAT(attacker_->AimPublishAnswer("$KV.cotal_channels_main.general"), IsOk());
  EXPECT_TRUE(bob_->AwaitError("it is an answer of the broker"));
  EXPECT_EQ(bob_->endpoint->GetChannelConfig("general").description, "for all");
}

// Nor does what is no presence.
TEST_F(HealingThreats, T25_WhatIsNoPresenceIsNotHeeded) {
  ASSERT_NO_FATAL_FAILURE(EnterBob());
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter("cy"));
  ASSERT_TRUE(bob_->presence.AwaitAny(
      [&](const PresenceEvent& event) { return event.presence.card.id == cy->endpoint->id(); }));
  const std::size_t told = bob_->presence.Await(0).size();
  // The record is written anew all the time, so only who hears of it can tell that something was stored.
  EXPECT_TRUE(Eventually([&] {
    return attacker_->AimStatus("$KV.cotal_presence_main." + cy->endpoint->id()).ok() &&
           bob_->AwaitError("presence record " + cy->endpoint->id(), milliseconds(100));
  }));
  EXPECT_THAT(bob_->endpoint->ResolvePeer("cy"), IsOk());
  EXPECT_EQ(bob_->presence.Await(0).size(), told);
}

}  // namespace
}  // namespace meshwarden::testing::threats_healing_test
