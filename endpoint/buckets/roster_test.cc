#include "endpoint/buckets/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden::roster_test {
namespace {

using ::meshwarden::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using TimePoint = Roster::TimePoint;

constexpr PresenceStatus kIdle = PresenceStatus::kIdle;
constexpr PresenceStatus kOffline = PresenceStatus::kOffline;
const TimePoint kStart{seconds(1000)};

Presence Peer(const std::string& id, const std::string& name, PresenceStatus status = kIdle) {
  Presence presence;
  presence.card.id = id;
  presence.card.name = name;
  presence.status = status;
  return presence;
}

class RosterTest : public ::testing::Test {
 protected:
  // The change that it made, if any; the event must tell of the record itself.
  std::optional<PresenceChange> Apply(const Presence& presence, TimePoint now = kStart) {
    const auto event = roster_.Apply(presence.card.id, presence, now);
    if (!event) return std::nullopt;
    EXPECT_EQ(event->presence, presence);
    return event->type;
  }
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const Presence& presence : roster_.List()) ids.push_back(presence.card.id);
    return ids;
  }
  std::string Resolve(const std::string& name_or_id) const {
    const auto found = roster_.Resolve(name_or_id);
    return found.ok() ? found->card.id : found.status().ToString();
  }

  Roster roster_{seconds(6)};
};

TEST_F(RosterTest, FirstSightingIsAJoin) {
  EXPECT_EQ(Apply(Peer("UA", "alice")), PresenceChange::kJoin);
  EXPECT_THAT(roster_.List(), ElementsAre(Peer("UA", "alice")));
}

TEST_F(RosterTest, FirstSightingOfOneOfflineIsRecordedWithoutAnEvent) {
  EXPECT_EQ(Apply(Peer("UA", "alice", kOffline)), std::nullopt);
  EXPECT_THAT(roster_.List(), ElementsAre(Peer("UA", "alice", kOffline)));
  EXPECT_EQ(Apply(Peer("UA", "alice", kOffline)), std::nullopt);
  EXPECT_EQ(Apply(Peer("UA", "alice")), PresenceChange::kJoin);
}

TEST_F(RosterTest, HeartbeatTellsNothingButIsKept) {
  Apply(Peer("UA", "alice"));
  Presence later = Peer("UA", "alice");
  later.ts = Timestamp(seconds(5));
  later.unknown["seen"] = 1;
  EXPECT_EQ(Apply(later), std::nullopt);
  EXPECT_THAT(roster_.List(), ElementsAre(later));
}

TEST_F(RosterTest, ChangeOfStatusActivityOrCardIsAnUpdate) {
  Presence presence = Peer("UA", "alice");
  Apply(presence);
  presence.status = PresenceStatus::kWorking;
  EXPECT_EQ(Apply(presence), PresenceChange::kUpdate);
  presence.activity = "reviewing";
  EXPECT_EQ(Apply(presence), PresenceChange::kUpdate);
  presence.card.tags = {"cpp"};
  EXPECT_EQ(Apply(presence), PresenceChange::kUpdate);
  presence.card.name = "Alice";
  EXPECT_EQ(Apply(presence), PresenceChange::kUpdate);
  EXPECT_EQ(Apply(presence), std::nullopt);
}

TEST_F(RosterTest, GoodbyeIsOfflineOnceAndComingBackAJoin) {
  Apply(Peer("UA", "alice"));
  EXPECT_EQ(Apply(Peer("UA", "alice", kOffline)), PresenceChange::kOffline);
  EXPECT_EQ(Apply(Peer("UA", "alice", kOffline)), std::nullopt);
  EXPECT_EQ(Apply(Peer("UA", "Alice", kOffline)), std::nullopt);
  EXPECT_EQ(Apply(Peer("UA", "alice")), PresenceChange::kJoin);
}

TEST_F(RosterTest, CardOfAnotherKeyIsIgnored) {
  Apply(Peer("UA", "alice"));
  EXPECT_FALSE(roster_.Apply("UB", Peer("UA", "mallory"), kStart).has_value());
  EXPECT_FALSE(roster_.Apply("ua", Peer("UA", "mallory"), kStart).has_value());
  EXPECT_THAT(roster_.List(), ElementsAre(Peer("UA", "alice")));
}

TEST_F(RosterTest, DeletedRecordIsOfflineUnlessItWasOrIsUnknown) {
  Apply(Peer("UA", "alice"));
  const auto event = roster_.Remove("UA");
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->type, PresenceChange::kOffline);
  EXPECT_EQ(event->presence, Peer("UA", "alice", kOffline));
  EXPECT_FALSE(roster_.Remove("UA").has_value());
  EXPECT_FALSE(roster_.Remove("UB").has_value());
  EXPECT_THAT(roster_.List(), ElementsAre(Peer("UA", "alice", kOffline)));
}

TEST_F(RosterTest, SilenceLongerThanLivenessIsOfflineOnce) {
  Apply(Peer("UA", "alice"));
  EXPECT_THAT(roster_.Sweep(kStart + seconds(6)), IsEmpty());
  const std::vector<PresenceEvent> events = roster_.Sweep(kStart + seconds(6) + milliseconds(1));
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].type, PresenceChange::kOffline);
  EXPECT_EQ(events[0].presence, Peer("UA", "alice", kOffline));
  EXPECT_THAT(roster_.Sweep(kStart + seconds(60)), IsEmpty());
  EXPECT_EQ(Apply(Peer("UA", "alice"), kStart + seconds(60)), PresenceChange::kJoin);
}

TEST_F(RosterTest, HeartbeatKeepsAliveByItsArrivalWhateverItsTime) {
  Presence presence = Peer("UA", "alice");
  presence.ts = Timestamp(std::chrono::hours(1'000'000));
  Apply(presence);
  presence.ts = Timestamp(milliseconds(0));
  Apply(presence, kStart + seconds(5));
  EXPECT_THAT(roster_.Sweep(kStart + seconds(11)), IsEmpty());
  EXPECT_THAT(roster_.Sweep(kStart + seconds(12)), SizeIs(1));
}

TEST_F(RosterTest, ClearForgetsAllWithoutEvents) {
  Apply(Peer("UA", "alice"));
  Apply(Peer("UB", "bob", kOffline));
  roster_.Clear();
  EXPECT_THAT(roster_.List(), IsEmpty());
  EXPECT_EQ(Apply(Peer("UA", "alice")), PresenceChange::kJoin);
}

TEST_F(RosterTest, ListIsSortedByTheBytesOfTheNameThenById) {
  Apply(Peer("U5", "\xC3\xA9mile"));
  Apply(Peer("U4", "bob"));
  Apply(Peer("U3", "Zoe"));
  Apply(Peer("U2", "bob", kOffline));
  Apply(Peer("U1", "zoe"));
  EXPECT_THAT(Ids(), ElementsAre("U3", "U2", "U4", "U1", "U5"));
}

TEST_F(RosterTest, IdComesBeforeAName) {
  Apply(Peer("UA", "alice", kOffline));
  Apply(Peer("UM", "UA"));
  EXPECT_EQ(Resolve("UA"), "UA");
  EXPECT_EQ(Resolve("UM"), "UM");
}

// Names are anybody's to choose.
TEST_F(RosterTest, WhatHasTheFormOfAnIdIsNobodysName) {
  for (const std::string id :
       {"UAUR72NINAAIGENL6PDYHXDCTYHTVJGTAM53EWO4C3QL4KS7ZNKHKL7D", "bdd096e1-5303-4525-9c5e-b3111287a323"}) {
    Apply(Peer("UM", id));
    EXPECT_THAT(roster_.Resolve(id), StatusIs(absl::StatusCode::kNotFound)) << id;
    Apply(Peer(id, "alice"));
    EXPECT_EQ(Resolve(id), id);
  }
}

TEST_F(RosterTest, IdIsTakenExactly) {
  Apply(Peer("UA", "alice"));
  EXPECT_THAT(roster_.Resolve("ua"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RosterTest, ExactNameComesBeforeOneInAnotherCase) {
  Apply(Peer("UA", "Alice", kOffline));
  Apply(Peer("UM", "alice"));
  EXPECT_EQ(Resolve("Alice"), "UA");
  EXPECT_EQ(Resolve("alice"), "UM");
}

TEST_F(RosterTest, NameIsFoundInAnotherCaseIfNoneHasItExactly) {
  Apply(Peer("UA", "Alice [\xC3\x89]"));
  EXPECT_EQ(Resolve("aLICE [\xC3\x89]"), "UA");
  EXPECT_THAT(Resolve("alice [\xC3\xA9]"), HasSubstr("NOT_FOUND")) << "ASCII only";
  EXPECT_THAT(Resolve("alice {\xC3\x89}"), HasSubstr("NOT_FOUND")) << "letters only";
  EXPECT_THAT(Resolve("alice"), HasSubstr("NOT_FOUND"));
}

TEST_F(RosterTest, OfSeveralThoseNotOfflineCountFirst) {
  Apply(Peer("UA", "alice", kOffline));
  Apply(Peer("UB", "alice"));
  EXPECT_EQ(Resolve("alice"), "UB");
  EXPECT_EQ(Resolve("ALICE"), "UB");
  roster_.Remove("UB");
  EXPECT_THAT(roster_.Resolve("alice"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("UA, UB")));
}

TEST_F(RosterTest, AmbiguousNameListsTheIdsOfThoseEquallyGood) {
  Apply(Peer("UA", "alice"));
  Apply(Peer("UB", "alice"));
  Apply(Peer("UC", "alice", kOffline));
  Apply(Peer("UD", "Alice"));
  EXPECT_THAT(roster_.Resolve("alice"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "2 peers are called \"alice\"; use the id of one of them: UA, UB"));
  EXPECT_THAT(roster_.Resolve("aLICE"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("UA, UB, UD")));
}

TEST_F(RosterTest, AmbiguityOfManyStaysShort) {
  for (int i = 10; i < 30; ++i) Apply(Peer("U" + std::to_string(i), "alice"));
  EXPECT_THAT(Resolve("alice"), HasSubstr("U18, U19 and 10 more"));
  EXPECT_THAT(Resolve("alice"), Not(HasSubstr("U20")));
}

TEST_F(RosterTest, UnknownNameSaysWhereToLook) {
  EXPECT_THAT(roster_.Resolve("nobody"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"nobody\"; the roster")));
  EXPECT_THAT(roster_.Resolve(""), StatusIs(absl::StatusCode::kNotFound));
}

class FullRosterTest : public RosterTest {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < kMaxRosterEntries; ++i) Apply(Peer("P" + std::to_string(i), "peer"));
    ASSERT_THAT(roster_.List(), SizeIs(kMaxRosterEntries));
  }
};

TEST_F(FullRosterTest, NewcomersAreIgnoredWhileAllAreThere) {
  EXPECT_EQ(Apply(Peer("UN", "newcomer")), std::nullopt);
  EXPECT_EQ(Apply(Peer("UN", "newcomer", kOffline)), std::nullopt);
  EXPECT_THAT(roster_.List(), SizeIs(kMaxRosterEntries));
  EXPECT_THAT(Resolve("UN"), HasSubstr("NOT_FOUND"));
  EXPECT_EQ(Apply(Peer("P5", "peer", PresenceStatus::kWorking)), PresenceChange::kUpdate);
}

TEST_F(FullRosterTest, OfflineOneHeardLeastLatelyMakesRoom) {
  Apply(Peer("P7", "peer"), kStart + seconds(1));
  roster_.Remove("P7");
  roster_.Remove("P8");
  Apply(Peer("P9", "peer", kOffline), kStart + seconds(2));
  EXPECT_EQ(Apply(Peer("UO", "offline", kOffline)), std::nullopt);
  EXPECT_EQ(Apply(Peer("U1", "first")), PresenceChange::kJoin);
  EXPECT_THAT(Resolve("P8"), HasSubstr("NOT_FOUND"));
  EXPECT_EQ(Apply(Peer("U2", "second")), PresenceChange::kJoin);
  EXPECT_THAT(Resolve("P7"), HasSubstr("NOT_FOUND"));
  EXPECT_EQ(Apply(Peer("P9", "peer")), PresenceChange::kJoin);
  EXPECT_EQ(Apply(Peer("U3", "third")), std::nullopt) << "one that came back keeps its place";
  EXPECT_THAT(roster_.List(), SizeIs(kMaxRosterEntries));
}

// What a roster is by its description: who was heard when, and who is offline.
struct Model {
  struct Known {
    PresenceStatus status;
    TimePoint heard;
  };
  std::map<std::string, Known> peers;

  std::optional<PresenceChange> Apply(const std::string& id, PresenceStatus status, TimePoint now) {
    const auto found = peers.find(id);
    const PresenceStatus before = found == peers.end() ? kOffline : found->second.status;
    peers[id] = {status, now};
    if (before == status) return std::nullopt;
    if (before == kOffline) return PresenceChange::kJoin;
    return status == kOffline ? PresenceChange::kOffline : PresenceChange::kUpdate;
  }
  bool Remove(const std::string& id) {
    const auto found = peers.find(id);
    if (found == peers.end() || found->second.status == kOffline) return false;
    found->second.status = kOffline;
    return true;
  }
  std::vector<std::string> Sweep(TimePoint now) {
    std::vector<std::string> gone;
    for (auto& [id, known] : peers) {
      if (now - known.heard > seconds(6) && Remove(id)) gone.push_back(id);
    }
    return gone;
  }
};

class RosterModelTest : public RosterTest {
 protected:
  int Random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  void ApplyOne(const std::string& id) {
    constexpr PresenceStatus kStatuses[] = {kIdle, PresenceStatus::kWaiting, PresenceStatus::kWorking,
                                            kOffline};
    const PresenceStatus status = kStatuses[Random(4)];
    EXPECT_EQ(Apply(Peer(id, "peer", status), now_), model_.Apply(id, status, now_));
  }
  void RemoveOne(const std::string& id) {
    const auto event = roster_.Remove(id);
    EXPECT_EQ(event.has_value(), model_.Remove(id));
    if (event) {
      EXPECT_EQ(event->presence.card.id, id);
    }
  }
  void SweepAll() {
    std::vector<std::string> gone;
    for (const PresenceEvent& event : roster_.Sweep(now_)) gone.push_back(event.presence.card.id);
    EXPECT_EQ(gone, model_.Sweep(now_));
  }
  void ExpectSameState() {
    const std::vector<Presence> list = roster_.List();
    ASSERT_EQ(list.size(), model_.peers.size());
    for (const Presence& presence : list) {
      EXPECT_EQ(presence.status, model_.peers.at(presence.card.id).status);
    }
  }

  std::mt19937 random_{20261123};
  TimePoint now_ = kStart;
  Model model_;
};

TEST_F(RosterModelTest, AnySequenceOfEventsTellsWhatTheModelTells) {
  for (int step = 0; step < 20'000 && !HasFailure(); ++step) {
    SCOPED_TRACE(step);
    now_ += milliseconds(Random(1500));
    const std::string id = "U" + std::to_string(Random(8));
    const int what = Random(10);
    if (what < 6) {
      ApplyOne(id);
    } else if (what < 8) {
      RemoveOne(id);
    } else {
      SweepAll();
    }
    ExpectSameState();
  }
}

}  // namespace
}  // namespace meshwarden::roster_test
