#include "manager/cli/creds_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "base/secret_token.h"
#include "base/text/printable.h"

namespace meshwarden {
namespace {

// A JWT may come from anybody.
constexpr std::size_t kMaxShownBytes = 512;

std::string Shown(std::string_view text) { return Printable(MaskSecretTokens(text), kMaxShownBytes); }

std::string_view PurposeOf(Profile profile) {
  switch (profile) {
    case Profile::kAgent:
      return "reads and posts as one agent";
    case Profile::kObserver:
      return "reads all channels";
    case Profile::kAdmin:
      return "reads all channels and direct messages";
    case Profile::kUnrestricted:
      return "may do anything in the space";
    case Profile::kSetup:
      return "makes streams, durables and records";
    case Profile::kResponder:
      return "answers control requests";
    case Profile::kMover:
      return "moves chat filters, mends durables";
    case Profile::kWatcher:
      return "hears how the JetStream API is used";
    case Profile::kLauncher:
      return "asks for agents to be provisioned";
  }
  return "";
}

bool HasExpired(const CredentialView& credential, SystemTime now) {
  return credential.expires.has_value() && *credential.expires <= now;
}

std::string ProfileLine(const CredentialView& credential) {
  if (!credential.profile.has_value()) {
    return "none that is known";
  }
  return fmt::format("{} ({})", NameOf(*credential.profile), PurposeOf(*credential.profile));
}

std::string ExpiryLine(const CredentialView& credential, SystemTime now) {
  if (!credential.expires.has_value()) {
    return "never";
  }
  return FormatTime(*credential.expires) + (HasExpired(credential, now) ? ", so it has EXPIRED" : "");
}

std::string Listed(const std::vector<std::string>& texts) {
  std::string listed;
  for (const std::string& text : texts)
    listed += fmt::format("{}{}", listed.empty() ? "" : ", ", Shown(text));
  return listed;
}

std::string ResponsesText(const Responses& responses) {
  const std::string times =
      responses.max > 0 ? fmt::format("at most {} times", responses.max) : "any number of times";
  const double seconds = std::chrono::duration<double>(responses.ttl).count();
  const std::string within = responses.ttl.count() > 0 ? fmt::format(" within {:g} s", seconds) : "";
  return fmt::format("each message, {}{}, wherever its sender says and past what it may not publish", times,
                     within);
}

// What few credentials have; a line for each that this one has.
std::string UnusualLines(const CredentialView& credential, SystemTime now) {
  std::string text;
  if (credential.not_before.has_value()) {
    text += fmt::format("valid from {}{}\n", FormatTime(*credential.not_before),
                        *credential.not_before > now ? ", so it is NOT VALID YET" : "");
  }
  if (credential.bearer) text += "key        NOT ASKED FOR: a bearer token, good for whoever has read it\n";
  if (!credential.sources.empty()) text += fmt::format("good from  {}\n", Listed(credential.sources));
  if (!credential.times.empty()) text += fmt::format("good at    {}\n", Listed(credential.times));
  if (!credential.connection_types.empty()) {
    text += fmt::format("connects   by {}\n", Listed(credential.connection_types));
  }
  for (const auto& [name, limit] : credential.limits) {
    const std::string_view unit = name == "subs"   ? "subscriptions"
                                  : name == "data" ? "bytes in all"
                                                   : "bytes a message";
    text += fmt::format("limited to {} {}\n", limit, unit);
  }
  if (credential.responses.has_value()) {
    text += fmt::format("may answer {}\n", ResponsesText(*credential.responses));
  }
  return text;
}

std::string RulesText(std::string_view verb, const std::optional<SubjectRules>& rules) {
  if (!rules.has_value()) {
    return fmt::format("may {} anything in its account\n", verb);
  }
  std::string text = fmt::format("may {}\n", verb);
  for (const std::string& subject : rules->allow) {
    text += fmt::format("  {}\n", Shown(subject));
  }
  if (rules->allow.empty()) {
    text += "  anything in its account\n";
  }
  if (!rules->deny.empty()) {
    text += fmt::format("may not {}\n", verb);
  }
  for (const std::string& subject : rules->deny) {
    text += fmt::format("  {}\n", Shown(subject));
  }
  return text;
}

Json Masked(const std::vector<std::string>& subjects) {
  Json masked = Json::array();
  for (const std::string& subject : subjects) masked.push_back(MaskSecretTokens(subject));
  return masked;
}

Json RulesJson(const std::optional<SubjectRules>& rules) {
  return rules.has_value() ? Json{{"allow", Masked(rules->allow)}, {"deny", Masked(rules->deny)}}
                           : Json(nullptr);
}

}  // namespace

std::string FormatTime(SystemTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string DescribeCredential(const CredentialView& credential, SystemTime now) {
  return fmt::format(
      "identity   {}\nname       {}\nprofile    {}\nspace      {}\naccount    {}\nissued by  {}\n"
      "issued     {}\nexpires    {}\n{}{}{}",
      Shown(credential.id), Shown(credential.name), ProfileLine(credential),
      credential.space.value_or("not told by its permissions"), Shown(credential.account),
      Shown(credential.issuer), FormatTime(credential.issued_at), ExpiryLine(credential, now),
      UnusualLines(credential, now), RulesText("publish", credential.permissions.publish),
      RulesText("subscribe", credential.permissions.subscribe));
}

Json CredentialToJson(const CredentialView& credential, SystemTime now) {
  Json json = {{"id", credential.id}, {"name", credential.name}};
  json["profile"] = credential.profile.has_value() ? Json(NameOf(*credential.profile)) : Json(nullptr);
  json["space"] = credential.space.has_value() ? Json(*credential.space) : Json(nullptr);
  json["account"] = credential.account;
  json["issuer"] = credential.issuer;
  json["issued"] = FormatTime(credential.issued_at);
  json["expires"] = credential.expires.has_value() ? Json(FormatTime(*credential.expires)) : Json(nullptr);
  json["expired"] = HasExpired(credential, now);
  json["notBefore"] =
      credential.not_before.has_value() ? Json(FormatTime(*credential.not_before)) : Json(nullptr);
  json["bearer"] = credential.bearer;
  json["sources"] = credential.sources;
  json["times"] = credential.times;
  json["connectionTypes"] = credential.connection_types;
  json["limits"] = credential.limits;
  json["responses"] =
      credential.responses.has_value()
          ? Json{{"max", credential.responses->max}, {"ttlNanoseconds", credential.responses->ttl.count()}}
          : Json(nullptr);
  json["publish"] = RulesJson(credential.permissions.publish);
  json["subscribe"] = RulesJson(credential.permissions.subscribe);
  return json;
}

}  // namespace meshwarden
