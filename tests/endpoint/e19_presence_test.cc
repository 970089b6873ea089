// E19: who is there.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "proto/names.h"
#include "proto/presence.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing::e19_presence_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Longer than any test.
constexpr std::chrono::minutes kNever{10};

std::string KeyOf(std::string_view id) { return BucketSubject(PresenceBucket("main"), id); }

Presence RecordOf(const std::string& id, const std::string& name,
                  PresenceStatus status = PresenceStatus::kIdle) {
  Presence presence;
  presence.card.id = id;
  presence.card.name = name;
  presence.status = status;
  presence.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return presence;
}

class PresenceTest : public BothModes {
 protected:
  // An endpoint that watches; the others' silence does not count for it.
  absl::StatusOr<std::unique_ptr<Member>> Watcher(std::chrono::milliseconds liveness = kNever) {
    MW_ASSIGN_OR_RETURN(EndpointOptions options, space_->OptionsFor("cy"));
    options.liveness = liveness;
    return space_->Enter(std::move(options));
  }
  absl::StatusOr<std::unique_ptr<Member>> Silent(const std::string& name) {
    MW_ASSIGN_OR_RETURN(EndpointOptions options, space_->OptionsFor(name));
    options.heartbeat = kNever;
    return space_->Enter(std::move(options));
  }
  void Write(const Presence& presence) {
    ASSERT_THAT(space_->Store(KeyOf(presence.card.id), EncodePresence(presence)), IsOk());
  }
  absl::StatusOr<StoredMessage> Stored(std::string_view id) {
    return space_->root_api().LastMessage(BucketStream(PresenceBucket("main")), KeyOf(id));
  }
};
INSTANTIATE_TEST_SUITE_P(, PresenceTest, kBothModes, kModeName);

bool AwaitEvent(Member& member, std::string_view id, PresenceChange type) {
  return member.presence.AwaitAny(
      [&](const PresenceEvent& event) { return event.type == type && event.presence.card.id == id; },
      kPatience);
}

std::vector<PresenceChange> EventsOf(Member& member, std::string_view id) {
  std::vector<PresenceChange> types;
  for (const PresenceEvent& event : member.presence.Await(0)) {
    if (event.presence.card.id == id) types.push_back(event.type);
  }
  return types;
}

std::vector<std::string> NamesOf(const std::vector<Presence>& roster) {
  std::vector<std::string> names;
  for (const Presence& presence : roster) names.push_back(presence.card.name);
  return names;
}

TEST_P(PresenceTest, E19_TheHeartbeatKeepsTheRecordAliveAndTellsNothing) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, Silent("bob"));
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("cy"));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter(options));
  Collector<Presence> beats;
  MW_ASSERT_OK_AND_ASSIGN(
      const auto subscription,
      space_->root().Subscribe(KeyOf(ada->endpoint->id()), "", [&](const NatsMessage& record) {
        auto presence = DecodePresence(record.payload);
        if (presence.ok()) beats.Add(*std::move(presence));
      }));
  const std::vector<Presence> records = beats.Await(5);
  ASSERT_GE(records.size(), 5u);
  // Eight seconds of them: a record that is not renewed lasts for six.
  EXPECT_GE(records.back().ts - records.front().ts, std::chrono::milliseconds(7500));
  EXPECT_LE(records.back().ts - records.front().ts, std::chrono::milliseconds(12'000));
  EXPECT_THAT(Stored(ada->endpoint->id()), IsOk());
  EXPECT_THAT(Stored(bob->endpoint->id()), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(AwaitEvent(*cy, bob->endpoint->id(), PresenceChange::kOffline));
  EXPECT_THAT(EventsOf(*cy, ada->endpoint->id()), ElementsAre(PresenceChange::kJoin));
  EXPECT_THAT(EventsOf(*cy, bob->endpoint->id()),
              ElementsAre(PresenceChange::kJoin, PresenceChange::kOffline));
}

TEST_P(PresenceTest, E19_APeerThatDiesWithoutAGoodbyeIsOfflineSoonAfterItsLiveness) {
  constexpr std::chrono::milliseconds kLiveness{1000};
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("cy"));
  options.liveness = kLiveness;
  options.heartbeat = std::chrono::milliseconds(200);
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, space_->Enter(options));
  const auto written = std::chrono::steady_clock::now();
  Write(RecordOf("GHOST", "ghost", PresenceStatus::kWorking));
  ASSERT_TRUE(AwaitEvent(*cy, "GHOST", PresenceChange::kJoin));
  ASSERT_TRUE(AwaitEvent(*cy, "GHOST", PresenceChange::kOffline));
  const auto silent = std::chrono::steady_clock::now() - written;
  EXPECT_GE(silent, kLiveness);
  EXPECT_LT(silent, kLiveness + std::chrono::seconds(3));
  MW_ASSERT_OK_AND_ASSIGN(const Presence ghost, cy->endpoint->ResolvePeer("ghost"));
  EXPECT_EQ(ghost.status, PresenceStatus::kOffline);
  EXPECT_THAT(EventsOf(*cy, cy->endpoint->id()), ElementsAre(PresenceChange::kJoin));
  // It comes back.
  Write(RecordOf("GHOST", "ghost"));
  EXPECT_TRUE(cy->presence.AwaitLast([](const PresenceEvent& event) {
    return event.type == PresenceChange::kJoin && event.presence.card.id == "GHOST";
  }));
}

TEST_P(PresenceTest, E19_ADeletedRecordIsOfflineAtOnce) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  Write(RecordOf("GONE", "gone"));
  Write(RecordOf("PURGED", "purged"));
  ASSERT_TRUE(AwaitEvent(*cy, "GONE", PresenceChange::kJoin));
  ASSERT_TRUE(AwaitEvent(*cy, "PURGED", PresenceChange::kJoin));
  ASSERT_THAT(space_->root_api().DeleteStoredKey(PresenceBucket("main"), "GONE"), IsOk());
  ASSERT_THAT(space_->root().PublishMessage({.subject = KeyOf("PURGED"),
                                             .reply = "",
                                             .payload = "",
                                             .headers = {{"KV-Operation", "PURGE"}, {"Nats-Rollup", "sub"}}}),
              IsOk());
  EXPECT_TRUE(AwaitEvent(*cy, "GONE", PresenceChange::kOffline));
  EXPECT_TRUE(AwaitEvent(*cy, "PURGED", PresenceChange::kOffline));
  MW_ASSERT_OK_AND_ASSIGN(const Presence gone, cy->endpoint->ResolvePeer("GONE"));
  EXPECT_EQ(gone.status, PresenceStatus::kOffline);
}

TEST_P(PresenceTest, E19_AStopSaysGoodbye) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_TRUE(AwaitEvent(*cy, ada->endpoint->id(), PresenceChange::kJoin));
  ada->endpoint->Stop();
  EXPECT_TRUE(AwaitEvent(*cy, ada->endpoint->id(), PresenceChange::kOffline));
  MW_ASSERT_OK_AND_ASSIGN(const StoredMessage last, Stored(ada->endpoint->id()));
  EXPECT_EQ(DecodePresence(last.payload)->status, PresenceStatus::kOffline);
}

TEST_P(PresenceTest, E19_OneThatIsOfflineOnFirstSightIsRecordedWithoutAnEvent) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));  // open mode: makes the bucket
  Write(RecordOf("BEFORE", "before", PresenceStatus::kOffline));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  Write(RecordOf("AFTER", "after", PresenceStatus::kOffline));
  Write(RecordOf("LAST", "last"));
  ASSERT_TRUE(AwaitEvent(*cy, "LAST", PresenceChange::kJoin));
  EXPECT_THAT(EventsOf(*cy, "BEFORE"), IsEmpty());
  EXPECT_THAT(EventsOf(*cy, "AFTER"), IsEmpty());
  EXPECT_THAT(NamesOf(cy->endpoint->Roster()), ElementsAre("ada", "after", "before", "cy", "last"));
}

TEST_P(PresenceTest, E19_TheRosterIsThereWhenTheStartReturns) {
  std::vector<std::unique_ptr<Member>> peers;
  for (const std::string name : {"ada", "bob"}) {
    MW_ASSERT_OK_AND_ASSIGN(auto peer, space_->Enter(name));
    peers.push_back(std::move(peer));
  }
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  EXPECT_THAT(cy->endpoint->ResolvePeer("ada"), IsOk());
  EXPECT_THAT(cy->endpoint->ResolvePeer("bob"), IsOk());
}

TEST_P(PresenceTest, E19_AChangeOfStatusOrActivityIsAnUpdate) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  const std::string id = ada->endpoint->id();
  ASSERT_TRUE(AwaitEvent(*cy, id, PresenceChange::kJoin));
  const auto last_is = [&](PresenceStatus status, const std::optional<std::string>& activity) {
    return cy->presence.AwaitLast(
        [&](const PresenceEvent& event) {
          return event.type == PresenceChange::kUpdate && event.presence.card.id == id &&
                 event.presence.status == status && event.presence.activity == activity;
        },
        kPatience);
  };
  ASSERT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
  EXPECT_TRUE(last_is(PresenceStatus::kWorking, std::nullopt));
  ASSERT_THAT(ada->endpoint->SetActivity("reading the diff"), IsOk());
  EXPECT_TRUE(last_is(PresenceStatus::kWorking, "reading the diff"));
  ASSERT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWaiting), IsOk());
  EXPECT_TRUE(last_is(PresenceStatus::kWaiting, "reading the diff"));
  ASSERT_THAT(ada->endpoint->SetActivity(std::nullopt), IsOk());
  EXPECT_TRUE(last_is(PresenceStatus::kWaiting, std::nullopt));
  // The same again is no change.
  ASSERT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWaiting), IsOk());
  Write(RecordOf("LAST", "last"));
  ASSERT_TRUE(AwaitEvent(*cy, "LAST", PresenceChange::kJoin));
  EXPECT_EQ(EventsOf(*cy, id).size(), 5u);
}

TEST_P(PresenceTest, E19_TheCardIsTheOneThatTheOptionsSay) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.card.description = "plans";
  options.card.tags = {"a", "b"};
  options.card.kind = CardKind::kEndpoint;
  options.card.meta = {{"version", 3}};
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  ASSERT_TRUE(AwaitEvent(*cy, ada->endpoint->id(), PresenceChange::kJoin));
  MW_ASSERT_OK_AND_ASSIGN(const Presence seen, cy->endpoint->ResolvePeer("ada"));
  options.card.protocol_version = "0.2";
  EXPECT_EQ(seen.card, options.card);
  EXPECT_EQ(seen.card.description, "plans");
  EXPECT_EQ(seen.card.role, "planner");
  EXPECT_EQ(seen.status, PresenceStatus::kIdle);
}

TEST_P(PresenceTest, E19_TheRosterIsSortedByNameAndToldAfterEachChange) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  Write(RecordOf("A1", "zed"));
  Write(RecordOf("B2", "amy"));
  Write(RecordOf("C3", "max"));
  EXPECT_TRUE(cy->rosters.AwaitLast([](const std::vector<Presence>& roster) {
    return NamesOf(roster) == std::vector<std::string>{"amy", "cy", "max", "zed"};
  }));
  EXPECT_THAT(NamesOf(cy->endpoint->Roster()), ElementsAre("amy", "cy", "max", "zed"));
  ASSERT_THAT(space_->root_api().DeleteStoredKey(PresenceBucket("main"), "C3"), IsOk());
  EXPECT_TRUE(cy->rosters.AwaitLast([](const std::vector<Presence>& roster) {
    return roster.size() == 4 && roster[2].status == PresenceStatus::kOffline;
  }));
}

TEST_P(PresenceTest, E19_ARecordOfSomebodyElseOrOneThatCantBeReadChangesNothing) {
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  Presence forged = RecordOf(ada->endpoint->id(), "mallory", PresenceStatus::kOffline);
  ASSERT_THAT(space_->Store(KeyOf("MALLORY"), EncodePresence(forged)), IsOk());
  ASSERT_THAT(space_->Store(KeyOf("BROKEN"), "{"), IsOk());
  EXPECT_TRUE(cy->AwaitError("BROKEN"));
  Write(RecordOf("LAST", "last"));
  ASSERT_TRUE(AwaitEvent(*cy, "LAST", PresenceChange::kJoin));
  EXPECT_THAT(NamesOf(cy->endpoint->Roster()), ElementsAre("ada", "cy", "last"));
  EXPECT_EQ(cy->endpoint->ResolvePeer("ada")->status, PresenceStatus::kIdle);
}

TEST_P(PresenceTest, E19_AnEndpointMayStayUnseenOrNotLook) {
  MW_ASSERT_OK_AND_ASSIGN(const auto cy, Watcher());
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("ada"));
  options.register_presence = false;
  options.watch_presence = false;
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter(options));
  EXPECT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWorking), IsOk());
  ada->endpoint->Stop();
  Write(RecordOf("LAST", "last"));
  ASSERT_TRUE(AwaitEvent(*cy, "LAST", PresenceChange::kJoin));
  EXPECT_THAT(NamesOf(cy->endpoint->Roster()), ElementsAre("cy", "last"));
  EXPECT_THAT(ada->endpoint->Roster(), IsEmpty());
  EXPECT_THAT(Stored(ada->endpoint->id()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(PresenceTest, E19_BeforeTheStartThereIsNoStatusToSet) {
  MW_ASSERT_OK_AND_ASSIGN(const EndpointOptions options, space_->OptionsFor("ada"));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Make(options));
  EXPECT_THAT(ada->endpoint->SetStatus(PresenceStatus::kWorking),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("endpoint not started")));
}

TEST(Presence, E19_AnAgentMayNotWriteAnothersRecord) {
  MW_ASSERT_OK_AND_ASSIGN(const auto space, TestSpace::Start(Mode::kAuth));
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space->Enter("bob"));
  MW_ASSERT_OK_AND_ASSIGN(const TestAgent ada, space->mesh().Provision("ada"));
  JetStreamApi api(*ada.connection, kPatience);
  EXPECT_THAT(api.PutKey(PresenceBucket("main"), bob->endpoint->id(), "{}"),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(api.DeleteStoredKey(PresenceBucket("main"), bob->endpoint->id()),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(api.DeleteStoredKey(PresenceBucket("main"), ada.id), IsOk());
}

// A record that nobody reads would make an endpoint look gone, for as long as it has that activity.
TEST_P(PresenceTest, E19_AnActivityThatWasRefusedIsNotKept) {
  MW_ASSERT_OK_AND_ASSIGN(EndpointOptions options, space_->OptionsFor("bob"));
  options.heartbeat = std::chrono::milliseconds(100);
  MW_ASSERT_OK_AND_ASSIGN(const auto bob, space_->Enter(options));
  MW_ASSERT_OK_AND_ASSIGN(const auto ada, space_->Enter("ada"));
  ASSERT_THAT(bob->endpoint->SetActivity("reading"), IsOk());
  EXPECT_THAT(bob->endpoint->SetActivity(std::string(70'000, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most")));
  EXPECT_THAT(bob->endpoint->SetActivity(std::string(2'000'000, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  MW_ASSERT_OK_AND_ASSIGN(const Presence before, space_->PresenceOf(bob->endpoint->id()));
  // The next heartbeats say what was there before.
  ASSERT_TRUE(Eventually([&] {
    const auto now = space_->PresenceOf(bob->endpoint->id());
    return now.ok() && now->ts > before.ts;
  }));
  MW_ASSERT_OK_AND_ASSIGN(const Presence after, space_->PresenceOf(bob->endpoint->id()));
  EXPECT_EQ(after.activity, "reading");
  EXPECT_THAT(bob->errors.Await(0), IsEmpty());
  EXPECT_THAT(ada->errors.Await(0), IsEmpty());
}

}  // namespace
}  // namespace meshwarden::testing::e19_presence_test
