#include "tests/conformance/broker.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "endpoint/space/privileged.h"
#include "proto/channel_pattern.h"
#include "proto/subject.h"

namespace meshwarden::conformance {
namespace {

// Stands for every identity that the vectors mask as "<NAME>".
constexpr std::string_view kId = "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

// `text` with each "<NAME>" replaced by an identity.
std::string Unmask(const std::string& text) {
  const std::size_t open = text.find('<');
  const std::size_t close = text.find('>', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return text;
  return text.substr(0, open) + std::string(kId) + Unmask(text.substr(close + 1));
}

Json UnmaskAll(const Json& value) {
  if (value.is_string()) return Unmask(value.get<std::string>());
  if (!value.is_structured()) return value;
  Json unmasked = value.is_object() ? Json::object() : Json::array();
  for (const auto& [key, item] : value.items()) {
    if (value.is_object()) {
      unmasked[Unmask(key)] = UnmaskAll(item);
    } else {
      unmasked.push_back(UnmaskAll(item));
    }
  }
  return unmasked;
}

std::optional<std::string> SpaceOf(const Json& streams) {
  for (const auto& [name, config] : streams.items()) {
    if (name.rfind("CHAT_", 0) == 0) return name.substr(5);
  }
  return std::nullopt;
}

void Compare(const std::string& name, const Json& actual, const Json& wanted, bool exactly,
             CaseResults& results) {
  for (const auto& [field, value] : wanted.items()) {
    if (!actual.contains(field) || actual.at(field) != value) {
      const std::string found = actual.contains(field) ? DumpJson(actual.at(field)) : "nothing";
      return results.Fail(fmt::format("{}: {} is {}, not {}", name, field, found, DumpJson(value)));
    }
  }
  for (const auto& [field, value] : actual.items()) {
    if (exactly && !wanted.contains(field)) {
      return results.Fail(fmt::format("{}: {} should not be there ({})", name, field, DumpJson(value)));
    }
  }
  results.Pass();
}

// Makes the durable that `wanted` describes, from what it is for, not from its configuration.
absl::StatusOr<UpheldDurable> Provision(Privileged& privileged, const std::string& space,
                                        const std::string& name, const Json& wanted) {
  if (name.rfind("dm_", 0) == 0) return privileged.ProvisionDmInbox(name.substr(3));
  if (name.rfind("svc_", 0) == 0) return privileged.ProvisionTaskQueue(name.substr(4));
  std::vector<std::string> channels;
  for (const Json& filter : wanted.at("filter_subjects")) {
    const std::optional<std::string> channel = ChannelOfFilter(space, filter.get<std::string>());
    if (!channel) return absl::InvalidArgumentError("not a chat filter: " + filter.get<std::string>());
    channels.push_back(*channel);
  }
  return privileged.ProvisionChatDurable(name.substr(5), channels);
}

}  // namespace

CaseResults RunBrokerCases(const Json& vector, JetStreamApi& api, const std::string& server_version) {
  CaseResults results;
  const Json streams = UnmaskAll(vector.at("configs").at("streams"));
  const Json consumers = UnmaskAll(vector.at("configs").at("consumers"));
  const bool exactly = vector.value("server", "") == server_version;
  const std::optional<std::string> space = SpaceOf(streams);
  if (!space) {
    results.Fail("broker.json names no CHAT stream");
    return results;
  }
  Privileged privileged(api, *space);
  if (const absl::Status status = privileged.CreateSpaceStreams(/*replicas=*/1); !status.ok()) {
    results.Fail(MessageOf(status));
    return results;
  }
  for (const auto& [name, wanted] : streams.items()) {
    const absl::StatusOr<StreamInfo> info = api.GetStream(name);
    if (!info.ok()) {
      results.Fail(fmt::format("{}: {}", name, MessageOf(info.status())));
    } else {
      Compare(name, info->config, wanted, exactly, results);
    }
  }
  for (const auto& [name, wanted] : consumers.items()) {
    const absl::StatusOr<UpheldDurable> durable = Provision(privileged, *space, name, wanted);
    if (!durable.ok()) {
      results.Fail(fmt::format("{}: {}", name, MessageOf(durable.status())));
    } else {
      Compare(name, ToJson(durable->info.config), wanted, exactly, results);
    }
  }
  return results;
}

}  // namespace meshwarden::conformance
