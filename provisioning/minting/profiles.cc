#include "provisioning/minting/profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/space/api_guard.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr std::string_view kSpawnCapability = "spawn";

constexpr std::array kNames = {
    std::pair(Profile::kAgent, std::string_view("agent")),
    std::pair(Profile::kObserver, std::string_view("observer")),
    std::pair(Profile::kAdmin, std::string_view("admin")),
    std::pair(Profile::kUnrestricted, std::string_view("unrestricted")),
    std::pair(Profile::kSetup, std::string_view("setup")),
    std::pair(Profile::kResponder, std::string_view("manager")),
    std::pair(Profile::kMover, std::string_view("mover")),
    std::pair(Profile::kWatcher, std::string_view("watcher")),
    std::pair(Profile::kLauncher, std::string_view("launcher")),
};

// Subjects of the JetStream API for one stream.
class StreamApi {
 public:
  explicit StreamApi(std::string stream) : stream_(std::move(stream)) {}

  std::string Stream(std::string_view verb) const {
    return fmt::format("$JS.API.STREAM.{}.{}", verb, stream_);
  }
  std::string Consumer(std::string_view verb) const {
    return fmt::format("$JS.API.CONSUMER.{}.{}", verb, stream_);
  }
  std::string Consumer(std::string_view verb, std::string_view tail) const {
    return fmt::format("$JS.API.CONSUMER.{}.{}.{}", verb, stream_, tail);
  }
  // Acknowledgements of one consumer ("<consumer>.>"), or of all (">").
  std::string Ack(std::string_view tail) const { return fmt::format("$JS.ACK.{}.{}", stream_, tail); }

 private:
  const std::string stream_;
};

constexpr std::string_view kAccountInfo = "$JS.API.INFO";
constexpr std::string_view kFlowControl = "$JS.FC.>";

std::string OwnInbox(const ProfileOptions& options) { return InboxPrefix(options.id) + ".>"; }

StreamApi Chat(const ProfileOptions& options) { return StreamApi(ChatStream(options.space)); }
StreamApi Dm(const ProfileOptions& options) { return StreamApi(DmStream(options.space)); }
StreamApi Task(const ProfileOptions& options) { return StreamApi(TaskStream(options.space)); }
StreamApi Presence(const ProfileOptions& options) {
  return StreamApi(BucketStream(PresenceBucket(options.space)));
}
StreamApi Channels(const ProfileOptions& options) {
  return StreamApi(BucketStream(ChannelBucket(options.space)));
}
StreamApi Agents(const ProfileOptions& options) {
  return StreamApi(BucketStream(AgentBucket(options.space)));
}

using Subjects = std::vector<std::string>;

bool HasSecrets(const ProfileOptions& options) {
  return !options.secrets.api.empty() && !options.secrets.records.empty();
}

void Append(Subjects& subjects, Subjects more) {
  subjects.insert(subjects.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// What an agent says: its own chat channels, then DMs, tasks and requests about itself.
absl::StatusOr<Subjects> AgentMessages(const ProfileOptions& options) {
  Subjects subjects;
  for (const std::string& channel : options.allow_publish) {
    MW_RETURN_IF_ERROR(ValidateChannel(channel));
    MW_ASSIGN_OR_RETURN(std::string subject, ChatSubject(options.space, options.id, channel));
    subjects.push_back(std::move(subject));
  }
  subjects.push_back(UnicastSubject(options.space, "*", options.id));
  subjects.push_back(AnycastSubject(options.space, "*", options.id));
  subjects.push_back(ControlSubject(options.space, kSelfService, options.id));
  return subjects;
}

// Reading through a durable that somebody else made: bind, pull, acknowledge, and nothing more.
Subjects BindOnly(const StreamApi& stream, std::string_view durable) {
  return {stream.Consumer("INFO", durable), stream.Consumer("MSG.NEXT", durable),
          stream.Ack(fmt::format("{}.>", durable))};
}

// To a broker the token ">" of a published subject is a token like any other, which "*" matches: leave to
// make a reader on "team.*" would be leave to make one on "team.>". No denial can tell the two apart, so
// there is none.
bool EndsInStar(std::string_view channel) { return channel.substr(channel.rfind('.') + 1) == "*"; }

// The history reader: one filter for each readable pattern, in the subject, where the server pins it. A
// pattern that ends in "*" is read live only.
absl::StatusOr<Subjects> AgentHistory(const ProfileOptions& options) {
  const StreamApi chat = Chat(options);
  const std::string reader = ChatHistoryConsumer(options.id);
  Subjects subjects;
  for (const std::string& channel : options.allow_subscribe.value_or(Subjects{"general"})) {
    MW_RETURN_IF_ERROR(ValidateChannel(channel));
    if (EndsInStar(channel)) continue;
    MW_ASSIGN_OR_RETURN(const std::string filter, ChatSubject(options.space, "*", channel));
    subjects.push_back(chat.Consumer("CREATE", fmt::format("{}.{}", reader, filter)));
  }
  Append(subjects,
         {chat.Consumer("INFO", reader), chat.Consumer("MSG.NEXT", reader), chat.Consumer("DELETE", reader)});
  return subjects;
}

// The two buckets that every agent watches; it writes its own presence only.
Subjects AgentBuckets(const ProfileOptions& options) {
  const StreamApi presence = Presence(options);
  const StreamApi channels = Channels(options);
  return {presence.Consumer("CREATE", ">"), presence.Consumer("INFO", ">"),
          std::string(kFlowControl),        BucketSubject(PresenceBucket(options.space), options.id),
          channels.Stream("MSG.GET"),       channels.Consumer("CREATE", ">"),
          channels.Consumer("INFO", ">")};
}

absl::StatusOr<Subjects> AgentPublish(const ProfileOptions& options) {
  MW_ASSIGN_OR_RETURN(Subjects allow, AgentMessages(options));
  Append(allow, {std::string(kAccountInfo), Chat(options).Stream("INFO"), Presence(options).Stream("INFO"),
                 Channels(options).Stream("INFO")});
  Append(allow, BindOnly(Chat(options), ChatDurable(options.id)));
  MW_ASSIGN_OR_RETURN(Subjects history, AgentHistory(options));
  Append(allow, std::move(history));
  Append(allow, BindOnly(Dm(options), DmDurable(options.id)));
  Append(allow, AgentBuckets(options));
  if (options.role) Append(allow, BindOnly(Task(options), TaskDurable(*options.role)));
  if (std::count(options.capabilities.begin(), options.capabilities.end(), kSpawnCapability) > 0) {
    allow.push_back(ControlSubject(options.space, options.manager_service, options.id));
  }
  return allow;
}

// Said again as denials, so that no later grant opens another's messages by accident.
Subjects AgentDenied(const ProfileOptions& options) {
  Subjects deny;
  for (const StreamApi& stream : {Dm(options), Task(options)}) {
    Append(deny, {stream.Consumer("CREATE"), stream.Consumer("CREATE", ">"),
                  stream.Consumer("DURABLE.CREATE", ">")});
  }
  return deny;
}

absl::StatusOr<Permissions> AgentPermissions(const ProfileOptions& options) {
  // A "*" here would be every control service.
  if (!IsSafeToken(options.manager_service)) {
    return absl::InvalidArgumentError(
        fmt::format("manager service {} is no name of [A-Za-z0-9_-]", Quoted(options.manager_service)));
  }
  MW_ASSIGN_OR_RETURN(Subjects allow, AgentPublish(options));
  return Permissions{.publish = SubjectRules{.allow = std::move(allow), .deny = AgentDenied(options)},
                     .subscribe = SubjectRules{.allow = {OwnInbox(options)}, .deny = {}}};
}

// Consumers of one's own making on a message stream, for reading it.
Subjects FreeReading(const StreamApi& stream) {
  return {stream.Consumer("CREATE"),        stream.Consumer("CREATE", ">"), stream.Consumer("INFO", ">"),
          stream.Consumer("MSG.NEXT", ">"), stream.Consumer("DELETE", ">"), stream.Ack(">")};
}

Subjects ObserverPublish(const ProfileOptions& options) {
  const StreamApi presence = Presence(options);
  const StreamApi channels = Channels(options);
  Subjects allow = {std::string(kAccountInfo), Chat(options).Stream("INFO"), presence.Stream("INFO")};
  Append(allow, FreeReading(Chat(options)));
  Append(allow, {presence.Consumer("CREATE", ">"), presence.Consumer("INFO", ">"), channels.Stream("INFO"),
                 channels.Stream("MSG.GET"), channels.Consumer("CREATE", ">"), channels.Consumer("INFO", ">"),
                 channels.Consumer("DELETE", ">"), std::string(kFlowControl)});
  return allow;
}

Permissions ObserverPermissions(const ProfileOptions& options) {
  const std::string chat = fmt::format("{}.chat.>", SpacePrefix(options.space));
  return {.publish = SubjectRules{.allow = ObserverPublish(options), .deny = {}},
          .subscribe = SubjectRules{.allow = {chat, OwnInbox(options)}, .deny = {}}};
}

// Reads all messages, but names their subjects: the whole space would include the control services, whose
// queue groups it could then join and whose requests it could swallow.
Permissions AdminPermissions(const ProfileOptions& options) {
  Subjects allow = ObserverPublish(options);
  allow.push_back(Dm(options).Stream("INFO"));
  Append(allow, FreeReading(Dm(options)));
  const std::string prefix = SpacePrefix(options.space);
  return {.publish = SubjectRules{.allow = std::move(allow), .deny = {}},
          .subscribe = SubjectRules{
              .allow = {prefix + ".chat.>", prefix + ".inst.>", prefix + ".svc.>", OwnInbox(options)},
              .deny = {}}};
}

// One's own inbox to read, and exactly `allow` to publish.
Permissions RequestsOnly(const ProfileOptions& options, Subjects allow) {
  return {.publish = SubjectRules{.allow = std::move(allow), .deny = {}},
          .subscribe = SubjectRules{.allow = {OwnInbox(options)}, .deny = {}}};
}

std::string SecretApi(const ProfileOptions& options, std::string_view verb, const std::string& stream) {
  return fmt::format("$JS.API.{}.{}.{}", options.secrets.api, verb, stream);
}

// Asking whether the mappings are in force; nothing of these names exists.
Subjects GuardProbes(const ProfileOptions& options) {
  Subjects probes = {std::string(kPurgeProbe)};
  for (const std::string& stream : GuardedStreams(options.space)) {
    probes.push_back(ConsumerDeleteProbe(stream));
  }
  return probes;
}

// What the tokens of the space open: taking back durables that were made, and in the manager's bucket its
// keys and the removal of their markers.
Subjects SetupSecrets(const ProfileOptions& options) {
  const std::string agents = BucketStream(AgentBucket(options.space));
  Subjects allow = GuardProbes(options);
  for (const std::string& stream :
       {ChatStream(options.space), DmStream(options.space), TaskStream(options.space)}) {
    allow.push_back(StreamApi(stream).Consumer("DELETE", "*"));  // where the plain subjects are not closed
    allow.push_back(SecretApi(options, "CONSUMER.DELETE", stream + ".*"));
  }
  allow.push_back(SecretApi(options, "STREAM.MSG.DELETE", agents));
  allow.push_back(BucketSubject(AgentBucket(options.space), options.secrets.records + ".>"));
  return allow;
}

Permissions SetupPermissions(const ProfileOptions& options) {
  Subjects allow = {std::string(kAccountInfo)};
  for (const StreamApi& stream :
       {Chat(options), Dm(options), Task(options), Presence(options), Channels(options), Agents(options)}) {
    Append(allow, {stream.Stream("CREATE"), stream.Stream("INFO"), stream.Stream("UPDATE")});
  }
  for (const StreamApi& stream : {Chat(options), Dm(options), Task(options)}) {
    Append(allow, {stream.Consumer("DURABLE.CREATE", "*"), stream.Consumer("CREATE", ">"),
                   stream.Consumer("INFO", "*")});
  }
  Append(allow, {Agents(options).Stream("MSG.GET"), BucketSubject(AgentBucket(options.space), "*")});
  if (HasSecrets(options)) Append(allow, SetupSecrets(options));
  return RequestsOnly(options, std::move(allow));
}

// Publishes to inboxes ("_INBOX_<id>.<n>" has two or three tokens) and nowhere else: whatever reply subject a
// requester names, no stream, bucket, service or message of a space is reached. allow_responses would
// override the denials, so it is not used.
Permissions ResponderPermissions(const ProfileOptions& options) {
  Subjects services;
  for (const std::string_view service : {kSelfService, kManagerService, kAdminService}) {
    // With the queue group's name: a subscription that would see others' requests is refused.
    services.push_back(fmt::format("{} {}", ControlSubject(options.space, service, "*"), service));
  }
  services.push_back(OwnInbox(options));
  return {.publish = SubjectRules{.allow = {"*.*.*", "*.*"},
                                  .deny = {"$KV.>", "$JS.>", "$SYS.>", "$SRV.>", "$O.>", "$MQTT.>", "cotal.>",
                                           "_R_.>", "_GR_.>"}},
          .subscribe = SubjectRules{.allow = std::move(services), .deny = {}}};
}

// Repairs of what aimed answers do: durables looked at and set back to their places, a chat durable taken
// away with the pulls that stand on it, entries of the channel registry put back. And what managers tell each
// other, but no records.
Subjects MoverRepairs(const ProfileOptions& options) {
  const StreamApi chat = Chat(options);
  const StreamApi dm = Dm(options);
  const StreamApi task = Task(options);
  Subjects allow = GuardProbes(options);
  Append(allow,
         {chat.Consumer("DELETE", "*"), chat.Consumer("LIST"), dm.Consumer("LIST"), dm.Consumer("INFO", "*"),
          chat.Consumer("RESET", "*"), dm.Consumer("RESET", "*"), task.Consumer("RESET", "*"),
          SecretApi(options, "CONSUMER.DELETE", ChatStream(options.space) + ".*"),
          SecretApi(options, "CONSUMER.DELETE", TaskStream(options.space) + ".*")});
  Append(allow, {Channels(options).Stream("MSG.GET"), BucketSubject(ChannelBucket(options.space), ">")});
  for (const std::string_view kind : {"lease", "policy"}) {
    allow.push_back(
        BucketSubject(AgentBucket(options.space), fmt::format("{}.{}.>", options.secrets.records, kind)));
  }
  return allow;
}

// Moves chat durables and makes role queues anew: the filter of such a durable stands in the subject, so that
// it is some role's, though not that it is the one of the name. Nothing of direct messages.
Permissions MoverPermissions(const ProfileOptions& options) {
  const StreamApi chat = Chat(options);
  const StreamApi task = Task(options);
  Subjects allow = {std::string(kAccountInfo),
                    chat.Stream("INFO"),
                    chat.Consumer("DURABLE.CREATE", "*"),
                    chat.Consumer("INFO", "*"),
                    task.Stream("INFO"),
                    task.Stream("MSG.GET"),
                    task.Consumer("LIST"),
                    task.Consumer("INFO", "*"),
                    task.Consumer("DELETE", "*"),
                    task.Consumer("CREATE", "*." + AnycastSubject(options.space, "*", "*")),
                    Agents(options).Stream("MSG.GET")};
  if (HasSecrets(options)) Append(allow, MoverRepairs(options));
  return RequestsOnly(options, std::move(allow));
}

// `deny` keeps an empty `allow` from meaning everything.
Permissions WatcherPermissions(const ProfileOptions& options) {
  return {.publish = SubjectRules{.allow = {}, .deny = {">"}},
          .subscribe = SubjectRules{
              .allow = {"$JS.EVENT.ADVISORY.>", "$JS.API.CONSUMER.RESET.>", OwnInbox(options)}, .deny = {}}};
}

}  // namespace

std::string_view NameOf(Profile profile) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [profile](const auto& entry) { return entry.first == profile; });
  return found->second;
}

absl::StatusOr<Profile> ProfileByName(std::string_view name) {
  std::string known;
  for (const auto& [profile, profile_name] : kNames) {
    if (profile_name == name) return profile;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", profile_name);
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no profile {}; the profiles are {}", Quoted(name), known));
}

absl::StatusOr<Permissions> PermissionsOf(Profile profile, const ProfileOptions& options) {
  switch (profile) {
    case Profile::kAgent:
      return AgentPermissions(options);
    case Profile::kObserver:
      return ObserverPermissions(options);
    case Profile::kAdmin:
      return AdminPermissions(options);
    case Profile::kUnrestricted:
      return Permissions{};
    case Profile::kSetup:
      return SetupPermissions(options);
    case Profile::kResponder:
      return ResponderPermissions(options);
    case Profile::kMover:
      return MoverPermissions(options);
    case Profile::kWatcher:
      return WatcherPermissions(options);
    case Profile::kLauncher:
      return RequestsOnly(options, {ControlSubject(options.space, kManagerService, options.id)});
  }
  return absl::InvalidArgumentError("unknown profile");
}

}  // namespace meshwarden
