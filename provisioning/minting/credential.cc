#include "provisioning/minting/credential.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/secret_token.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "proto/channel_pattern.h"
#include "proto/names.h"
#include "proto/subject.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr std::string_view kApiPrefix = "$JS.API.";

constexpr std::array kFixedProfiles = {Profile::kObserver,  Profile::kAdmin, Profile::kSetup,
                                       Profile::kResponder, Profile::kMover, Profile::kLauncher};

std::vector<std::string> StringsAt(const Json& object, const char* key) {
  std::vector<std::string> strings;
  const auto found = object.find(key);
  if (found != object.end() && found->is_array()) {
    for (const Json& item : *found) {
      if (const auto* text = item.get_ptr<const std::string*>()) {
        strings.push_back(*text);
      }
    }
  }
  return strings;
}

std::string StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Absent rules, and rules that allow and deny nothing, mean unrestricted.
std::optional<SubjectRules> RulesAt(const Json& nats, const char* key) {
  const auto found = nats.find(key);
  if (found == nats.end() || !found->is_object()) {
    return std::nullopt;
  }
  SubjectRules rules{.allow = StringsAt(*found, "allow"), .deny = StringsAt(*found, "deny")};
  if (rules.allow.empty() && rules.deny.empty()) {
    return std::nullopt;
  }
  return rules;
}

std::int64_t IntegerAt(const Json& object, const char* key, std::int64_t otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

std::optional<Responses> ResponsesAt(const Json& nats) {
  const auto found = nats.find("resp");
  if (found == nats.end() || !found->is_object()) return std::nullopt;
  return Responses{.max = IntegerAt(*found, "max", 0),
                   .ttl = std::chrono::nanoseconds(IntegerAt(*found, "ttl", 0))};
}

bool IsSet(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

std::vector<std::string> TimesAt(const Json& nats) {
  std::vector<std::string> times;
  const auto found = nats.find("times");
  if (found == nats.end() || !found->is_array()) return times;
  for (const Json& range : *found) {
    if (range.is_object()) {
      times.push_back(fmt::format("{} to {}", StringAt(range, "start"), StringAt(range, "end")));
    }
  }
  return times;
}

std::map<std::string, std::int64_t> LimitsAt(const Json& nats) {
  std::map<std::string, std::int64_t> limits;
  for (const char* name : {"subs", "data", "payload"}) {
    const std::int64_t limit = IntegerAt(nats, name, -1);
    if (limit >= 0) limits.emplace(name, limit);
  }
  return limits;
}

// The space in "cotal.<space>.…" and in "….CHAT_<space>…", the two forms in which profiles name it.
std::optional<std::string> SpaceIn(std::string_view subject) {
  std::string_view space;
  if (subject.starts_with("cotal.")) {
    space = subject.substr(6);
  } else if (const std::size_t stream = subject.find(".CHAT_"); stream != std::string_view::npos) {
    space = subject.substr(stream + 6);
  }
  space = space.substr(0, space.find('.'));
  return IsSafeToken(space) ? std::optional<std::string>(space) : std::nullopt;
}

std::optional<std::string> OnlySpaceOf(const Permissions& permissions) {
  std::set<std::string> spaces;
  for (const auto& rules : {permissions.publish, permissions.subscribe}) {
    if (!rules.has_value()) continue;
    for (const std::string& subject : rules->allow) {
      if (std::optional<std::string> space = SpaceIn(subject)) {
        spaces.insert(*std::move(space));
      }
    }
  }
  return spaces.size() == 1 ? std::optional(*spaces.begin()) : std::nullopt;
}

// The word of `subject` between `before` and the next dot, if it is a secret token.
std::optional<std::string> SecretBehind(std::string_view before, std::string_view subject) {
  if (!subject.starts_with(before)) return std::nullopt;
  subject.remove_prefix(before.size());
  const std::string_view word = subject.substr(0, subject.find('.'));
  return word.size() < subject.size() && IsSecretToken(word) ? std::optional<std::string>(word)
                                                             : std::nullopt;
}

SpaceSecrets SecretsIn(const CredentialView& credential) {
  SpaceSecrets secrets;
  if (!credential.space.has_value() || !credential.permissions.publish.has_value()) return secrets;
  const std::string records = BucketSubject(AgentBucket(*credential.space), "");
  for (const std::string& subject : credential.permissions.publish->allow) {
    if (std::optional<std::string> token = SecretBehind(kApiPrefix, subject)) secrets.api = *token;
    if (std::optional<std::string> token = SecretBehind(records, subject)) secrets.records = *token;
  }
  return secrets;
}

bool SameRules(const std::optional<SubjectRules>& a, const std::optional<SubjectRules>& b) {
  return a.has_value() == b.has_value() && (!a || (a->allow == b->allow && a->deny == b->deny));
}

bool LooksLikeAgent(const CredentialView& credential) {
  if (!credential.permissions.publish || !credential.permissions.subscribe) {
    return false;
  }
  const std::vector<std::string>& publish = credential.permissions.publish->allow;
  const std::string self = ControlSubject(*credential.space, kSelfService, credential.id);
  return std::find(publish.begin(), publish.end(), self) != publish.end() &&
         credential.permissions.subscribe->allow == std::vector{InboxPrefix(credential.id) + ".>"};
}

bool HasRulesOf(Profile profile, const ProfileOptions& options, const CredentialView& credential) {
  const absl::StatusOr<Permissions> expected = PermissionsOf(profile, options);
  return expected.ok() && SameRules(expected->publish, credential.permissions.publish) &&
         SameRules(expected->subscribe, credential.permissions.subscribe);
}

std::optional<Profile> ProfileOf(const CredentialView& credential) {
  if (IsUnrestricted(credential)) {
    return Profile::kUnrestricted;
  }
  ProfileOptions options;
  options.id = credential.id;
  options.secrets = credential.secrets;
  // The one profile that names no space.
  if (HasRulesOf(Profile::kWatcher, options, credential)) return Profile::kWatcher;
  if (!credential.space.has_value()) {
    return std::nullopt;
  }
  options.space = *credential.space;
  for (const Profile profile : kFixedProfiles) {
    if (HasRulesOf(profile, options, credential)) return profile;
  }
  return LooksLikeAgent(credential) ? std::optional(Profile::kAgent) : std::nullopt;
}

// Whether `rules` let all of `subject` through. A permission to subscribe may name a queue group after a
// space; it is part of what has to match.
bool Grants(const std::optional<SubjectRules>& rules, const std::string& subject) {
  if (!rules.has_value()) {
    return true;
  }
  const auto covers = [&subject](const std::string& pattern) {
    return pattern == subject || PatternCovers(pattern, subject.substr(0, subject.find(' ')));
  };
  return std::any_of(rules->allow.begin(), rules->allow.end(), covers) &&
         std::none_of(rules->deny.begin(), rules->deny.end(), covers);
}

absl::Status CheckRights(const std::optional<SubjectRules>& have, const std::optional<SubjectRules>& need,
                         std::string_view verb) {
  if (!need.has_value()) {
    return absl::OkStatus();
  }
  for (const std::string& subject : need->allow) {
    if (!Grants(have, subject)) {
      return absl::FailedPreconditionError(fmt::format("it may not {} {}", verb, MaskSecretTokens(subject)));
    }
  }
  return absl::OkStatus();
}

// A permission to subscribe may name a queue group after a space; without one it holds for every group.
struct Grant {
  explicit Grant(const std::string& text)
      : subject(text.substr(0, text.find(' '))),
        group(text.find(' ') == std::string::npos ? std::string() : text.substr(text.find(' ') + 1)) {}

  bool Covers(const Grant& other) const {
    return (group.empty() || group == other.group) && PatternCovers(subject, other.subject);
  }

  std::string subject;
  std::string group;
};

bool CoveredByAny(const std::vector<std::string>& wide, const std::string& narrow) {
  const Grant grant(narrow);
  return std::any_of(wide.begin(), wide.end(),
                     [&grant](const std::string& pattern) { return Grant(pattern).Covers(grant); });
}

// What `have` lets through beyond `need`.
absl::Status CheckNoMore(const std::optional<SubjectRules>& have, const std::optional<SubjectRules>& need,
                         std::string_view verb) {
  if (!need.has_value()) return absl::OkStatus();
  const auto too_much = [verb](std::string_view what) {
    return absl::FailedPreconditionError(fmt::format("it may {} {}", verb, what));
  };
  if (!have.has_value() || have->allow.empty() != need->allow.empty()) return too_much("anything");
  for (const std::string& subject : have->allow) {
    if (!CoveredByAny(need->allow, subject)) return too_much(Quoted(MaskSecretTokens(subject)));
  }
  for (const std::string& subject : need->deny) {
    if (!CoveredByAny(have->deny, subject)) return too_much(Quoted(MaskSecretTokens(subject)));
  }
  return absl::OkStatus();
}

// What no credential of a program of ours has, whatever its rights are.
absl::Status CheckKind(const CredentialView& credential) {
  if (credential.bearer) {
    return absl::FailedPreconditionError("it is a bearer token, good for whoever has read it");
  }
  if (credential.responses.has_value()) {
    return absl::FailedPreconditionError(
        "it may answer wherever a request says (allow_responses), past its own denials");
  }
  return absl::OkStatus();
}

absl::Status CheckValidity(const CredentialView& credential, SystemTime now) {
  if (credential.expires.has_value() && *credential.expires <= now) {
    return absl::FailedPreconditionError("it has expired; mint a new one with meshwarden creds mint");
  }
  if (credential.not_before.has_value() && *credential.not_before > now) {
    return absl::FailedPreconditionError(
        "it is not valid yet (nbf); is this machine's clock right? Else mint one with meshwarden creds mint");
  }
  return absl::OkStatus();
}

absl::Status CheckNeed(const CredentialView& credential, const Permissions& need) {
  MW_RETURN_IF_ERROR(CheckRights(credential.permissions.publish, need.publish, "publish to"));
  MW_RETURN_IF_ERROR(CheckRights(credential.permissions.subscribe, need.subscribe, "subscribe to"));
  MW_RETURN_IF_ERROR(CheckKind(credential));
  MW_RETURN_IF_ERROR(
      Annotate(CheckNoMore(credential.permissions.publish, need.publish, "publish to"), "too much"));
  return Annotate(CheckNoMore(credential.permissions.subscribe, need.subscribe, "subscribe to"), "too much");
}

}  // namespace

bool IsUnrestricted(const CredentialView& credential) {
  return !credential.permissions.publish.has_value() && !credential.permissions.subscribe.has_value();
}

absl::StatusOr<CredentialView> ViewCredential(const DecodedJwt& jwt) {
  const Json& nats = jwt.claims.nats;
  if (!nats.is_object() || StringAt(nats, "type") != "user") {
    return absl::InvalidArgumentError(
        "the JWT is not a user's; take a creds file that space init, provision or creds mint wrote");
  }
  CredentialView view{.id = jwt.claims.subject,
                      .name = jwt.claims.name,
                      .account = StringAt(nats, "issuer_account"),
                      .issuer = jwt.issuer,
                      .issued_at = jwt.issued_at,
                      .expires = jwt.claims.expires,
                      .not_before = jwt.claims.not_before,
                      .permissions = {.publish = RulesAt(nats, "pub"), .subscribe = RulesAt(nats, "sub")},
                      .responses = ResponsesAt(nats),
                      .bearer = IsSet(nats, "bearer_token"),
                      .sources = StringsAt(nats, "src"),
                      .connection_types = StringsAt(nats, "allowed_connection_types"),
                      .times = TimesAt(nats),
                      .limits = LimitsAt(nats),
                      .space = std::nullopt,
                      .profile = std::nullopt,
                      .secrets = {}};
  if (view.account.empty()) {
    view.account = jwt.issuer;  // signed by the account itself
  }
  view.space = OnlySpaceOf(view.permissions);
  view.secrets = SecretsIn(view);
  view.profile = ProfileOf(view);
  return view;
}

absl::Status CheckCredential(const CredentialView& credential, Profile profile, std::string_view space,
                             SystemTime now) {
  MW_RETURN_IF_ERROR(CheckValidity(credential, now));
  ProfileOptions options;
  options.space = space;
  options.id = credential.id;
  options.secrets = credential.secrets;
  MW_ASSIGN_OR_RETURN(const Permissions need, PermissionsOf(profile, options));
  absl::Status rights = CheckNeed(credential, need);
  if (rights.ok()) return rights;
  return absl::FailedPreconditionError(
      fmt::format("{}, so it is no credential of profile {} for space {}{}; name the right file, or mint one "
                  "with meshwarden creds mint --profile {}",
                  MessageOf(rights), NameOf(profile), space,
                  credential.profile.has_value()
                      ? fmt::format(" (it looks like profile {}{})", NameOf(*credential.profile),
                                    credential.space ? fmt::format(" of space {}", *credential.space) : "")
                      : "",
                  NameOf(profile)));
}

}  // namespace meshwarden
