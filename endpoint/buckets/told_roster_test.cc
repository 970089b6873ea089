#include "endpoint/buckets/told_roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/collector.h"

namespace meshwarden::told_roster_test {
namespace {

using ::meshwarden::testing::Collector;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr PresenceChange kJoin = PresenceChange::kJoin;
constexpr PresenceChange kUpdate = PresenceChange::kUpdate;
constexpr PresenceChange kGone = PresenceChange::kOffline;
const Roster::TimePoint kStart{seconds(1000)};

Presence Peer(const std::string& id, PresenceStatus status = PresenceStatus::kIdle) {
  Presence presence;
  presence.card.id = id;
  presence.card.name = id;
  presence.status = status;
  return presence;
}

class ToldRosterTest : public ::testing::Test {
 protected:
  void Apply(const Presence& presence, Roster::TimePoint now = kStart) {
    told_roster_.Apply(presence.card.id, presence, now);
  }
  void Tell(const PresenceEvent& event) {
    told_.Add({event.presence.card.id, event.type});
    if (on_told_ != nullptr) on_told_(event);
  }

  Collector<std::pair<std::string, PresenceChange>> told_;
  std::function<void(const PresenceEvent&)> on_told_;
  Roster roster_{seconds(6)};
  ToldRoster told_roster_{roster_, [this](const PresenceEvent& event) { Tell(event); }};
};

TEST_F(ToldRosterTest, EachChangeIsToldOnce) {
  Apply(Peer("A"));
  Apply(Peer("A"));
  Apply(Peer("A", PresenceStatus::kWorking));
  Apply(Peer("B"));
  told_roster_.Remove("A");
  told_roster_.Remove("A");
  told_roster_.Remove("UNKNOWN");
  told_roster_.Sweep(kStart + seconds(7));
  told_roster_.Sweep(kStart + seconds(7));
  EXPECT_THAT(told_.Await(0), ElementsAre(Pair("A", kJoin), Pair("A", kUpdate), Pair("B", kJoin),
                                          Pair("A", kGone), Pair("B", kGone)));
}

TEST_F(ToldRosterTest, ARecordOfAnotherIsNoChange) {
  told_roster_.Apply("A", Peer("B"), kStart);
  EXPECT_THAT(told_.Await(0), IsEmpty());
}

// B speaks up while the sweep has put it offline and not yet told so.
TEST_F(ToldRosterTest, WhatComesAmidASweepIsToldAfterIt) {
  Apply(Peer("A"));
  Apply(Peer("B"));
  std::thread watch;
  on_told_ = [&](const PresenceEvent& event) {
    if (event.type != kGone || event.presence.card.id != "A") return;
    watch = std::thread([&] { Apply(Peer("B"), kStart + seconds(8)); });
    told_.Await(4, milliseconds(200));
  };
  told_roster_.Sweep(kStart + seconds(7));
  watch.join();
  EXPECT_THAT(told_.Await(0), ElementsAre(Pair("A", kJoin), Pair("B", kJoin), Pair("A", kGone),
                                          Pair("B", kGone), Pair("B", kJoin)));
  EXPECT_EQ(roster_.List().back().status, PresenceStatus::kIdle);
}

}  // namespace
}  // namespace meshwarden::told_roster_test
