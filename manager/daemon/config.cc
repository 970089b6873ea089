#include "manager/daemon/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text/closest_name.h"
#include "base/text/printable.h"
#include "base/yaml/problem.h"
#include "base/yaml/source_text.h"
#include "base/yaml/text_check.h"
#include "base/yaml/yaml_document.h"
#include "base/yaml/yaml_words.h"
#include "endpoint/nats/server/server_url.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr YamlWords kConfigWords = {
    .file = "configuration",
    .when_empty = "it needs at least space, credentials, mover_credentials and policy",
    .when_too_big = "a configuration needs some twenty lines",
    .when_deep = "a configuration needs two: a section and its keys",
};

constexpr std::size_t kMaxConfigBytes = 64 * 1024;
constexpr std::size_t kMaxServers = 64;
constexpr char kSpaceRule[] = "the name of a space is made of letters, digits, _ and -";

// Keys that the specification names and this version cannot honour.
bool IsOfALaterVersion(std::string_view key) { return key == "metrics" || key == "audit"; }

// Walks the document and fills a Config; collects what is wrong and goes on.
class ConfigReader {
 public:
  ConfigReader(const SourceText& source, const std::string& path, ProblemList& problems)
      : source_(source), directory_(std::filesystem::path(path).parent_path()), problems_(problems) {}

  Config Read(const YamlNode& root) {
    Config config;
    ReadMapping(root, "the configuration",
                {{"space", [&](auto node) { config.space = Space(node); }},
                 {"servers", [&](auto node) { config.servers = Servers(node); }},
                 {"credentials", [&](auto node) { config.credentials = Path(node); }},
                 {"mover_credentials", [&](auto node) { config.mover_credentials = Path(node); }},
                 {"watcher_credentials", [&](auto node) { config.watcher_credentials = Path(node); }},
                 {"issuer", [&](auto node) { config.issuer = Path(node); }},
                 {"policy", [&](auto node) { config.policy = Path(node); }},
                 {"log", [&](auto node) { ReadLog(node, config.log); }},
                 {"limits", [&](auto node) { ReadLimits(node, config.limits); }},
                 {"tls", [&](auto node) { ReadTls(node, config.tls); }}});
    return config;
  }

 private:
  struct Key {
    std::string_view name;
    std::function<void(const YamlNode&)> read;
  };

  void Report(const YamlNode& node, std::string message, std::string suggestion = "") {
    problems_.Add(source_, node.place(), std::move(message), std::move(suggestion));
  }

  void ReadMapping(const YamlNode& node, std::string_view what, const std::vector<Key>& keys) {
    if (node.kind() != YamlKind::kMapping) {
      Report(node, fmt::format("{} must be a mapping of keys to values", what));
      return;
    }
    for (const auto& [key, value] : node.Entries()) {
      const auto known = std::find_if(keys.begin(), keys.end(),
                                      [&name = key](const Key& entry) { return entry.name == name.text(); });
      if (known != keys.end()) {
        known->read(value);
      } else {
        ReportUnknownKey(key, what, keys);
      }
    }
  }

  void ReportUnknownKey(const YamlNode& key, std::string_view what, const std::vector<Key>& keys) {
    if (IsOfALaterVersion(key.text())) {
      Report(key, fmt::format("this version of meshwardend has no {}", key.text()), "leave it out");
      return;
    }
    std::vector<std::string_view> names;
    for (const Key& known : keys) {
      names.push_back(known.name);
    }
    std::string suggestion = DidYouMean(key.text(), names);
    if (suggestion.empty()) {
      suggestion = fmt::format("the keys are {}", fmt::join(names, ", "));
    }
    Report(key, fmt::format("unknown key {} in {}", Quoted(key.text()), what), suggestion);
  }

  std::string Text(const YamlNode& node) {
    if (node.kind() != YamlKind::kScalar || node.text().empty()) {
      Report(node, "this must be a text");
      return "";
    }
    return std::string(node.text());
  }

  std::string Path(const YamlNode& node) {
    const std::filesystem::path path = Text(node);
    return path.empty() || path.is_absolute() ? path.string()
                                              : (directory_ / path).lexically_normal().string();
  }

  std::string Space(const YamlNode& node) {
    std::string space = Text(node);
    if (!space.empty() && !IsSafeToken(space)) {
      Report(node, kSpaceRule);
    }
    return space;
  }

  // One server, or several with commas between.
  void AddServers(const YamlNode& node, std::vector<std::string>& servers) {
    const std::string text = Text(node);
    if (text.empty()) {
      return;
    }
    std::size_t begin = 0;
    while (begin <= text.size()) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const std::string_view server = TrimWhiteSpace(std::string_view(text).substr(begin, end - begin));
      ReportIfError(node, ParseServerUrl(server).status());
      servers.emplace_back(server);
      begin = end + 1;
    }
  }

  std::vector<std::string> Servers(const YamlNode& node) {
    std::vector<std::string> servers;
    if (node.kind() == YamlKind::kList) {
      for (const YamlNode& element : node.Elements()) {
        AddServers(element, servers);
      }
    } else {
      AddServers(node, servers);
    }
    if (servers.size() > kMaxServers || (servers.empty() && node.kind() == YamlKind::kList)) {
      Report(node, fmt::format("servers must name between 1 and {} servers", kMaxServers));
      return {};
    }
    return servers;
  }

  std::size_t Number(const YamlNode& node, std::size_t lowest, std::size_t highest) {
    const std::string_view text = node.kind() == YamlKind::kScalar ? node.text() : std::string_view();
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < lowest || number > highest) {
      Report(node, fmt::format("this must be a whole number from {} to {}", lowest, highest));
    }
    return number;
  }

  bool YesOrNo(const YamlNode& node) {
    const std::string_view text = node.kind() == YamlKind::kScalar ? node.text() : std::string_view();
    if (text != "true" && text != "false") Report(node, "this must be true or false");
    return text == "true";
  }

  void ReadLog(const YamlNode& node, LogOptions& log) {
    ReadMapping(node, "log",
                {{"level", [&](auto value) { Assign(value, LogLevelByName(Text(value)), log.level); }},
                 {"format", [&](auto value) { Assign(value, LogFormatByName(Text(value)), log.format); }}});
  }

  void ReadLimits(const YamlNode& node, AgentQueue::Limits& limits) {
    ReadMapping(node, "limits",
                {{"in_flight", [&](auto value) { limits.running = Number(value, 1, kMaxInFlight); }},
                 {"per_agent_waiting",
                  [&](auto value) { limits.waiting_per_agent = Number(value, 0, kMaxWaitingPerAgent); }},
                 {"waiting", [&](auto value) { limits.waiting = Number(value, 0, kMaxWaiting); }}});
  }

  void ReadTls(const YamlNode& node, TlsOptions& tls) {
    tls.required = true;
    ReadMapping(node, "tls",
                {{"ca", [&](auto value) { tls.ca_file = Path(value); }},
                 {"cert", [&](auto value) { tls.cert_file = Path(value); }},
                 {"key", [&](auto value) { tls.key_file = Path(value); }},
                 {"server_name", [&](auto value) { tls.server_name = Text(value); }},
                 {"handshake_first", [&](auto value) { tls.handshake_first = YesOrNo(value); }}});
  }

  void ReportIfError(const YamlNode& node, const absl::Status& status) {
    if (!status.ok()) {
      Report(node, MessageOf(status));
    }
  }

  template <typename T>
  void Assign(const YamlNode& node, absl::StatusOr<T> value, T& target) {
    ReportIfError(node, value.status());
    if (value.ok()) {
      target = *value;
    }
  }

  const SourceText& source_;
  const std::filesystem::path directory_;
  ProblemList& problems_;
};

absl::Status ToStatus(const std::vector<SourceProblem>& problems) {
  std::string text;
  for (const SourceProblem& problem : problems) {
    text += text.empty() ? "" : "\n";
    text += problem.Format();
  }
  return absl::InvalidArgumentError(text);
}

absl::Status CheckPresence(const Config& config) {
  std::vector<std::string_view> missing;
  const auto need = [&missing](const std::string& value, std::string_view name) {
    if (value.empty()) {
      missing.push_back(name);
    }
  };
  need(config.space, "space (--space)");
  need(config.credentials, "credentials (--credentials)");
  need(config.mover_credentials, "mover_credentials (--mover-credentials)");
  need(config.policy, "policy (--policy)");
  if (missing.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "the configuration lacks {}; add it to the file or give the flag", fmt::join(missing, ", ")));
}

// A flag has not been through the file's checks.
absl::Status CheckValues(const Config& config) {
  if (!IsSafeToken(config.space)) {
    return absl::InvalidArgumentError(kSpaceRule);
  }
  for (const std::string& server : config.servers) {
    MW_RETURN_IF_ERROR(ParseServerUrl(server).status());
  }
  const AgentQueue::Limits& limits = config.limits;
  if (limits.running == 0 || limits.running > kMaxInFlight || limits.waiting > kMaxWaiting ||
      limits.waiting_per_agent > kMaxWaitingPerAgent) {
    return absl::InvalidArgumentError(fmt::format(
        "limits: in_flight must be from 1 to {}, waiting at most {}, per_agent_waiting at most {}",
        kMaxInFlight, kMaxWaiting, kMaxWaitingPerAgent));
  }
  if (config.tls.cert_file.empty() != config.tls.key_file.empty()) {
    return absl::InvalidArgumentError("tls: cert and key go together; give both or neither");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) {
    return Annotate(text.status(), "configuration");
  }
  return ParseConfig(*text, path);
}

absl::StatusOr<Config> ParseConfig(std::string_view yaml, const std::string& path) {
  if (yaml.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the configuration is empty; it needs at least space, credentials, "
                    "mover_credentials and policy",
                    path));
  }
  const SourceText source(path, yaml, 0);
  ProblemList problems;
  Config config;
  if (CheckText(source, kConfigWords, problems)) {
    if (const std::optional<YamlDocument> document = YamlDocument::Parse(source, kConfigWords, problems)) {
      config = ConfigReader(source, path, problems).Read(document->root());
    }
  }
  if (problems.count() > 0) {
    return ToStatus(std::move(problems).Take());
  }
  return config;
}

absl::Status CheckComplete(const Config& config) {
  MW_RETURN_IF_ERROR(CheckPresence(config));
  return CheckValues(config);
}

}  // namespace meshwarden
