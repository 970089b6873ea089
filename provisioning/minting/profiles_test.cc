#include "provisioning/minting/profiles.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"

namespace meshwarden::profiles_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::string_view kId = "UA6WHT4TLYQY4JMMPLZJCOADRTEWAS2VEBCLH2BGTC4G6A5SDBKCJMYC";

// What a list says for the space "main", with "@" for the id.
std::vector<std::string> Expand(const std::vector<std::string>& subjects) {
  std::vector<std::string> expanded;
  for (std::string subject : subjects) {
    for (std::size_t at = 0; (at = subject.find('@')) != std::string::npos;) subject.replace(at, 1, kId);
    expanded.push_back(subject);
  }
  return expanded;
}

ProfileOptions Options() {
  ProfileOptions options;
  options.space = "main";
  options.id = kId;
  return options;
}

Permissions Get(Profile profile, const ProfileOptions& options = Options()) {
  absl::StatusOr<Permissions> permissions = PermissionsOf(profile, options);
  EXPECT_THAT(permissions, IsOk());
  return *permissions;
}

// True if a NATS server would let a credential with `rules` use `subject` (a pattern, for subscriptions).
bool Lets(const SubjectRules& rules, std::string_view subject) {
  const auto covers = [subject](const std::string& rule) { return PatternCovers(rule, subject); };
  return std::any_of(rules.allow.begin(), rules.allow.end(), covers) &&
         std::none_of(rules.deny.begin(), rules.deny.end(), covers);
}

TEST(ProfilesTest, NamesGoBothWays) {
  const std::vector<std::string> names = {"agent",   "observer", "admin",   "unrestricted", "setup",
                                          "manager", "mover",    "watcher", "launcher"};
  for (const std::string& name : names) {
    MW_ASSERT_OK_AND_ASSIGN(const Profile profile, ProfileByName(name));
    EXPECT_EQ(NameOf(profile), name);
  }
  EXPECT_THAT(ProfileByName("manager"), IsOkAndHolds(Profile::kResponder));
}

TEST(ProfilesTest, UnknownNameIsToldTheKnownOnes) {
  EXPECT_THAT(ProfileByName("root"),
              StatusIs(kInvalid, AllOf(HasSubstr("\"root\""), HasSubstr("agent, observer"),
                                       HasSubstr("mover, watcher"))));
  EXPECT_THAT(ProfileByName(""), StatusIs(kInvalid));
}

TEST(ProfilesTest, AgentWithoutGrantsPostsNothingAndReadsGeneral) {
  const Permissions agent = Get(Profile::kAgent);
  EXPECT_THAT(agent.publish->allow, Not(Contains(StartsWith("cotal.main.chat."))));
  EXPECT_THAT(
      agent.publish->allow,
      Contains(Expand({"$JS.API.CONSUMER.CREATE.CHAT_main.chathist_@.cotal.main.chat.*.general"})[0]));
  EXPECT_EQ(agent.subscribe->allow, Expand({"_INBOX_@.>"}));
  EXPECT_EQ(agent.publish->deny,
            Expand({"$JS.API.CONSUMER.CREATE.DM_main", "$JS.API.CONSUMER.CREATE.DM_main.>",
                    "$JS.API.CONSUMER.DURABLE.CREATE.DM_main.>", "$JS.API.CONSUMER.CREATE.TASK_main",
                    "$JS.API.CONSUMER.CREATE.TASK_main.>", "$JS.API.CONSUMER.DURABLE.CREATE.TASK_main.>"}));
}

TEST(ProfilesTest, GrantsRoleAndSpawnAddTheirSubjects) {
  ProfileOptions options = Options();
  options.allow_subscribe = {"team.>"};
  options.allow_publish = {"ops"};
  options.role = "code reviewer";
  options.capabilities = {"spawn"};
  const Permissions agent = Get(Profile::kAgent, options);
  for (const std::string& subject : Expand(
           {"cotal.main.chat.@.ops", "$JS.API.CONSUMER.CREATE.CHAT_main.chathist_@.cotal.main.chat.*.team.>",
            "$JS.API.CONSUMER.MSG.NEXT.TASK_main.svc_code_reviewer", "cotal.main.ctl.manager.@"})) {
    EXPECT_THAT(agent.publish->allow, Contains(subject));
  }
  EXPECT_THAT(agent.publish->allow, Not(Contains(HasSubstr("chat.*.general"))));
}

TEST(ProfilesTest, AgentReachesNoOtherServiceAndNoOthersConsumer) {
  ProfileOptions options = Options();
  options.capabilities = {"fly"};
  const SubjectRules publish = *Get(Profile::kAgent, options).publish;
  EXPECT_TRUE(Lets(publish, fmt::format("cotal.main.ctl.self.{}", kId)));
  for (const std::string& subject :
       Expand({"cotal.main.ctl.manager.@", "cotal.main.ctl.admin.@", "cotal.main.ctl.self.UOTHER",
               "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.chat_@", "$JS.API.CONSUMER.CREATE.CHAT_main.chat_@",
               "$JS.API.CONSUMER.CREATE.CHAT_main", "$JS.API.CONSUMER.MSG.NEXT.DM_main.dm_UOTHER",
               "$JS.API.STREAM.MSG.GET.CHAT_main", "$JS.API.STREAM.PURGE.CHAT_main",
               "$KV.cotal_presence_main.UOTHER", "$JS.API.CONSUMER.MSG.NEXT.TASK_main.svc_planner"})) {
    EXPECT_FALSE(Lets(publish, subject)) << subject;
  }
}

TEST(ProfilesTest, ChannelThatWouldBeRewrittenIsRefused) {
  ProfileOptions options = Options();
  options.allow_subscribe = {"foo/bar"};
  EXPECT_THAT(PermissionsOf(Profile::kAgent, options),
              StatusIs(kInvalid, StartsWith("invalid channel \"foo/bar\"")));
  options.allow_subscribe.reset();
  options.allow_publish = {"a..b"};
  EXPECT_THAT(PermissionsOf(Profile::kAgent, options),
              StatusIs(kInvalid, StartsWith("invalid channel \"a..b\"")));
  EXPECT_THAT(PermissionsOf(Profile::kObserver, options), IsOk());
}

// The broker matches a published ">" by "*"; T2 shows it on a real one.
TEST(ProfilesTest, NoHistoryReaderForAPatternThatEndsInAStar) {
  ProfileOptions options = Options();
  options.allow_subscribe = {"team.*", "*", "a.*.c", "team.>", "ops"};
  const std::vector<std::string> allow = Get(Profile::kAgent, options).publish->allow;
  const std::string reader = "$JS.API.CONSUMER.CREATE.CHAT_main.chathist_@.cotal.main.chat.*.";
  for (const char* channel : {"team.*", "*"}) {
    EXPECT_THAT(allow, Not(Contains(Expand({reader + channel}).front())));
  }
  for (const char* channel : {"a.*.c", "team.>", "ops"}) {
    EXPECT_THAT(allow, Contains(Expand({reader + channel}).front()));
  }
}

TEST(ProfilesTest, ManagerServiceMustBeAPlainName) {
  ProfileOptions options = Options();
  options.capabilities = {"spawn"};
  for (const char* service : {"*", ">", "", "a.b", "manager.>"}) {
    options.manager_service = service;
    EXPECT_THAT(PermissionsOf(Profile::kAgent, options), StatusIs(kInvalid, HasSubstr("manager service")));
  }
}

TEST(ProfilesTest, AdminReadsMessagesButNoControlRequest) {
  const Permissions admin = Get(Profile::kAdmin);
  EXPECT_EQ(admin.subscribe->allow,
            Expand({"cotal.main.chat.>", "cotal.main.inst.>", "cotal.main.svc.>", "_INBOX_@.>"}));
  EXPECT_FALSE(Lets(*admin.subscribe, "cotal.main.ctl.self.*"));
  EXPECT_FALSE(Lets(*admin.publish, "$JS.API.STREAM.PURGE.DM_main"));
  EXPECT_TRUE(Lets(*admin.publish, "$JS.API.CONSUMER.MSG.NEXT.DM_main.reader"));
}

TEST(ProfilesTest, UnrestrictedHasNoRules) {
  const Permissions permissions = Get(Profile::kUnrestricted);
  EXPECT_FALSE(permissions.publish.has_value());
  EXPECT_FALSE(permissions.subscribe.has_value());
}

TEST(ProfilesTest, ResponderAnswersToInboxesAndServesInQueueGroups) {
  const Permissions responder = Get(Profile::kResponder);
  EXPECT_THAT(responder.publish->allow, ElementsAre("*.*.*", "*.*"));
  EXPECT_THAT(responder.publish->deny, ElementsAre("$KV.>", "$JS.>", "$SYS.>", "$SRV.>", "$O.>", "$MQTT.>",
                                                   "cotal.>", "_R_.>", "_GR_.>"));
  EXPECT_EQ(responder.subscribe->allow,
            Expand({"cotal.main.ctl.self.* self", "cotal.main.ctl.manager.* manager",
                    "cotal.main.ctl.admin.* admin", "_INBOX_@.>"}));
  EXPECT_THAT(responder.subscribe->deny, IsEmpty());
}

TEST(ProfilesTest, ResponderReachesNoSubjectOfAuthority) {
  const SubjectRules publish = *Get(Profile::kResponder).publish;
  EXPECT_TRUE(Lets(publish, "_INBOX_UOTHER.abc.1"));
  EXPECT_TRUE(Lets(publish, "_INBOX_UOTHER.abc"));
  for (const char* subject :
       {"$JS.API.STREAM.PURGE.CHAT_main", "$JS.API.INFO", "$KV.meshwarden_agents_main.UX",
        "cotal.main.chat.UX.general", "cotal.main.x", "$SYS.REQ.X", "_R_.a", "a", "a.b.c.d"}) {
    EXPECT_FALSE(Lets(publish, subject)) << subject;
  }
}

TEST(ProfilesTest, MoverMovesChatFiltersRemakesRoleQueuesAndReadsRecords) {
  const Permissions mover = Get(Profile::kMover);
  EXPECT_EQ(
      mover.publish->allow,
      Expand({"$JS.API.INFO", "$JS.API.STREAM.INFO.CHAT_main", "$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.*",
              "$JS.API.CONSUMER.INFO.CHAT_main.*", "$JS.API.STREAM.INFO.TASK_main",
              "$JS.API.STREAM.MSG.GET.TASK_main", "$JS.API.CONSUMER.LIST.TASK_main",
              "$JS.API.CONSUMER.INFO.TASK_main.*", "$JS.API.CONSUMER.DELETE.TASK_main.*",
              "$JS.API.CONSUMER.CREATE.TASK_main.*.cotal.main.svc.*.*",
              fmt::format("$JS.API.STREAM.MSG.GET.KV_{}", AgentBucket("main"))}));
  EXPECT_EQ(mover.subscribe->allow, Expand({"_INBOX_@.>"}));
}

TEST(ProfilesTest, MoverNeitherReadsDirectMessagesNorEmptiesAStream) {
  const SubjectRules publish = *Get(Profile::kMover).publish;
  for (const char* subject :
       {"$JS.API.CONSUMER.CREATE.DM_main.x.cotal.main.inst.U.*", "$JS.API.CONSUMER.DURABLE.CREATE.DM_main.x",
        "$JS.API.STREAM.MSG.GET.DM_main", "$JS.API.CONSUMER.DELETE.CHAT_main.chat_U",
        "$JS.API.CONSUMER.DELETE.DM_main.dm_U", "$JS.API.STREAM.PURGE.TASK_main",
        "$JS.API.STREAM.DELETE.TASK_main", "$JS.API.STREAM.MSG.DELETE.TASK_main",
        "$JS.API.STREAM.UPDATE.TASK_main", "$JS.API.CONSUMER.MSG.NEXT.TASK_main.svc_x",
        "$JS.ACK.TASK_main.svc_x.1.1.1.1.0", "cotal.main.svc.x.U"}) {
    EXPECT_FALSE(Lets(publish, subject)) << subject;
  }
}

TEST(ProfilesTest, LauncherAsksTheManagerServiceOnly) {
  const Permissions launcher = Get(Profile::kLauncher);
  EXPECT_EQ(launcher.publish->allow, Expand({"cotal.main.ctl.manager.@"}));
  EXPECT_EQ(launcher.subscribe->allow, Expand({"_INBOX_@.>"}));
}

TEST(ProfilesTest, SetupMakesEveryStreamOfASpace) {
  const SubjectRules publish = *Get(Profile::kSetup).publish;
  const std::vector<StreamConfig> streams = SpaceStreams("main", 1);
  EXPECT_EQ(streams.size(), 6U);
  for (const StreamConfig& stream : streams) {
    EXPECT_TRUE(Lets(publish, "$JS.API.STREAM.CREATE." + stream.name)) << stream.name;
    EXPECT_TRUE(Lets(publish, "$JS.API.STREAM.UPDATE." + stream.name)) << stream.name;
  }
  for (const std::string& subject :
       Expand({"$JS.API.CONSUMER.DURABLE.CREATE.CHAT_main.chat_@", "$JS.API.CONSUMER.INFO.DM_main.dm_@",
               "$JS.API.CONSUMER.CREATE.TASK_main.svc_x.cotal.main.svc.x.*",
               "$KV." + AgentBucket("main") + ".@", "$JS.API.STREAM.MSG.GET.KV_" + AgentBucket("main")})) {
    EXPECT_TRUE(Lets(publish, subject)) << subject;
  }
}

TEST(ProfilesTest, SetupNeitherPurgesNorDeletesNorSpeaks) {
  const SubjectRules publish = *Get(Profile::kSetup).publish;
  EXPECT_THAT(publish.allow, Each(Not(AllOf(StartsWith("$JS."), HasSubstr("PURGE")))));
  for (const char* subject :
       {"$JS.API.STREAM.DELETE.CHAT_main", "$JS.API.STREAM.PURGE.CHAT_main", "$JS.API.STREAM.CREATE.OTHER",
        "$JS.API.CONSUMER.DELETE.CHAT_main.chat_x", "$JS.API.STREAM.MSG.GET.CHAT_main",
        "cotal.main.chat.U.general", "cotal.main.ctl.admin.U", "$KV.cotal_presence_main.U"}) {
    EXPECT_FALSE(Lets(publish, subject)) << subject;
  }
}

TEST(ProfilesTest, NoProfileListensBeyondItsOwnInbox) {
  for (const Profile profile : {Profile::kAgent, Profile::kObserver, Profile::kAdmin, Profile::kSetup,
                                Profile::kResponder, Profile::kMover, Profile::kLauncher}) {
    const SubjectRules subscribe = *Get(profile).subscribe;
    EXPECT_TRUE(Lets(subscribe, fmt::format("_INBOX_{}.>", kId)));
    for (const char* subject : {"_INBOX.>", "_INBOX_UOTHER.>", "*.>", ">", "$SYS.>"}) {
      EXPECT_FALSE(Lets(subscribe, subject)) << NameOf(profile) << " " << subject;
    }
  }
}

TEST(ProfilesTest, SpaceGoesThroughTheTokenRule) {
  ProfileOptions options = Options();
  options.space = "my space!";
  EXPECT_THAT(Get(Profile::kLauncher, options).publish->allow,
              ElementsAre(fmt::format("cotal.my_space_.ctl.manager.{}", kId)));
}

ProfileOptions WithSecrets() {
  ProfileOptions options = Options();
  options.secrets = {.api = std::string(26, 'A'), .records = std::string(26, 'B')};
  return options;
}

TEST(ProfilesTest, WithoutSecretsSetupAndMoverHaveTheRightsOfBefore) {
  for (const Profile profile : {Profile::kSetup, Profile::kMover}) {
    const std::vector<std::string> before = Get(profile).publish->allow;
    const std::vector<std::string> now = Get(profile, WithSecrets()).publish->allow;
    ASSERT_GT(now.size(), before.size());
    EXPECT_TRUE(std::equal(before.begin(), before.end(), now.begin()));
    EXPECT_THAT(before, Not(Contains(HasSubstr("PROBE"))));
  }
}

TEST(ProfilesTest, SecretsStandInTheGrantsOfSetupAndMoverOnly) {
  const std::vector<std::string> names = {"agent", "observer", "admin", "manager", "watcher", "launcher"};
  for (const std::string& name : names) {
    const Permissions permissions = Get(*ProfileByName(name), WithSecrets());
    for (const auto& rules : {permissions.publish, permissions.subscribe}) {
      EXPECT_THAT(rules->allow, Each(Not(HasSubstr("AAAAA")))) << name;
      EXPECT_THAT(rules->allow, Each(Not(HasSubstr("BBBBB")))) << name;
    }
  }
}

TEST(ProfilesTest, MoverTakesAwayDurablesOfChatAndTasksButWritesNoRecords) {
  const SubjectRules rules = *Get(Profile::kMover, WithSecrets()).publish;
  const std::string api = "$JS.API." + std::string(26, 'A');
  const std::string keys = "$KV.meshwarden_agents_main." + std::string(26, 'B');
  EXPECT_TRUE(Lets(rules, api + ".CONSUMER.DELETE.CHAT_main.chat_U"));
  EXPECT_TRUE(Lets(rules, api + ".CONSUMER.DELETE.TASK_main.svc_r"));
  EXPECT_TRUE(Lets(rules, "$JS.API.CONSUMER.RESET.DM_main.dm_U"));
  EXPECT_TRUE(Lets(rules, "$JS.API.CONSUMER.INFO.DM_main.dm_U"));
  EXPECT_TRUE(Lets(rules, keys + ".lease.a"));
  EXPECT_FALSE(Lets(rules, api + ".CONSUMER.DELETE.DM_main.dm_U"));
  EXPECT_FALSE(Lets(rules, api + ".STREAM.PURGE.CHAT_main"));
  EXPECT_FALSE(Lets(rules, keys + ".rec.U"));
  EXPECT_FALSE(Lets(rules, keys + ".place.agent.61.0"));
}

TEST(ProfilesTest, WatcherPublishesNothing) {
  const Permissions permissions = Get(Profile::kWatcher);
  EXPECT_FALSE(Lets(*permissions.publish, "a"));
  EXPECT_FALSE(Lets(*permissions.publish, "_INBOX_x.y"));
  EXPECT_TRUE(Lets(*permissions.subscribe, "$JS.EVENT.ADVISORY.API"));
  EXPECT_FALSE(Lets(*permissions.subscribe, "cotal.main.chat.>"));
  EXPECT_FALSE(Lets(*permissions.subscribe, "$JS.ACK.>"));
}

}  // namespace
}  // namespace meshwarden::profiles_test
