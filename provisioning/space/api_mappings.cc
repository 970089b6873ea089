#include "provisioning/space/api_mappings.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/secret_token.h"
#include "endpoint/space/api_guard.h"

namespace meshwarden {
namespace {

constexpr std::string_view kApi = "$JS.API.";
// Where nobody listens.
constexpr std::string_view kOff = "$JS.OFF.";

// Verbs with the number of names that follow them.
struct Verb {
  std::string_view name;
  int names;
};
constexpr std::array kEverywhere = {Verb{"STREAM.DELETE", 1}, Verb{"STREAM.PURGE", 1},
                                    Verb{"STREAM.MSG.DELETE", 1}, Verb{"STREAM.LEADER.STEPDOWN", 1},
                                    Verb{"CONSUMER.LEADER.STEPDOWN", 2}};
constexpr Verb kConsumerDelete = {"CONSUMER.DELETE", 2};

std::string Wildcards(int count) {
  std::string tail;
  for (int i = 0; i < count; ++i) tail += ".*";
  return tail;
}

std::string Placeholders(int count) {
  std::string tail;
  for (int i = 1; i <= count; ++i) tail += fmt::format(".{{{{wildcard({})}}}}", i);
  return tail;
}

Json MapTo(std::string subject) {
  return Json::array({Json{{"subject", std::move(subject)}, {"weight", 100}}});
}

void SwitchOff(const Verb& verb, Json& mappings) {
  mappings[fmt::format("{}{}{}", kApi, verb.name, Wildcards(verb.names))] =
      MapTo(fmt::format("{}{}{}", kOff, verb.name, Placeholders(verb.names)));
}

void OpenBehind(std::string_view token, const Verb& verb, Json& mappings) {
  mappings[fmt::format("{}{}.{}{}", kApi, token, verb.name, Wildcards(verb.names))] =
      MapTo(fmt::format("{}{}{}", kApi, verb.name, Placeholders(verb.names)));
}

}  // namespace

Json ApiMappings(std::string_view space, std::string_view token) {
  Json mappings = Json::object();
  for (const Verb& verb : kEverywhere) SwitchOff(verb, mappings);
  for (const std::string& stream : GuardedStreams(space)) {
    mappings[fmt::format("{}CONSUMER.DELETE.{}.*", kApi, stream)] =
        MapTo(fmt::format("{}CONSUMER.DELETE.{}.{{{{wildcard(1)}}}}", kOff, stream));
  }
  for (const Verb& verb : kEverywhere) OpenBehind(token, verb, mappings);
  OpenBehind(token, kConsumerDelete, mappings);
  return mappings;
}

std::string TokenOfMappings(const Json& mappings) {
  if (!mappings.is_object()) return "";
  for (const auto& item : mappings.items()) {
    const std::string_view subject = item.key();
    if (!subject.starts_with(kApi)) continue;
    const std::string_view token = subject.substr(kApi.size(), kSecretTokenLength);
    if (IsSecretToken(token) && subject.substr(kApi.size() + token.size()).starts_with('.')) {
      return std::string(token);
    }
  }
  return "";
}

}  // namespace meshwarden
