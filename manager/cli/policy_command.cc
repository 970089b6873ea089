// `meshwarden policy check` and `meshwarden policy explain`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "manager/cli/command_line.h"
#include "manager/cli/space_option.h"
#include "policy/explain.h"
#include "policy/loader.h"
#include "policy/policy.h"
#include "provisioning/space/control_line.h"

namespace meshwarden {
namespace {

Json ToJson(const SourceProblem& problem) {
  return {{"file", problem.location.file == nullptr ? "" : *problem.location.file},
          {"line", problem.location.line},
          {"column", problem.location.column},
          {"message", problem.message},
          {"suggestion", problem.suggestion}};
}

// Agents whose credential no server would take.
std::vector<std::string> WarnAboutCredentials(const Policy& policy) {
  std::vector<std::string> warnings;
  for (const AgentPolicy& agent : policy.agents()) {
    std::optional<std::string> warning = WarnAboutAgent(agent, policy.space());
    if (warning.has_value()) warnings.push_back(*std::move(warning));
  }
  return warnings;
}

void PrintJson(const PolicyLoadResult& loaded, const std::vector<std::string>& warnings, std::ostream& out) {
  Json report = {{"ok", loaded.ok()}};
  if (loaded.ok()) {
    report["space"] = loaded.policy->space();
    report["agents"] = loaded.policy->size();
    report["launchers"] = loaded.policy->launchers().size();
    report["revision"] = loaded.policy->revision();
  }
  report["problems"] = Json::array();
  for (const SourceProblem& problem : loaded.problems) {
    report["problems"].push_back(ToJson(problem));
  }
  report["warnings"] = warnings;
  out << DumpJson(report) << '\n';
}

struct CheckArguments {
  std::string path;
  std::string space;
  bool json = false;
};

absl::Status Check(const CheckArguments& arguments, std::ostream& out, std::ostream& err) {
  const std::string& path = arguments.path;
  const PolicyLoadResult loaded = LoadPolicy(path);
  const std::vector<std::string> warnings =
      loaded.ok() ? WarnAboutCredentials(*loaded.policy) : std::vector<std::string>();
  if (arguments.json) {
    PrintJson(loaded, warnings, out);
    if (!loaded.ok()) {
      return absl::InvalidArgumentError(fmt::format("{}: not a policy that can be used", path));
    }
    return CheckSpace(arguments.space, path, loaded.policy->space());
  }
  MW_RETURN_IF_ERROR(loaded.ToStatus());
  MW_RETURN_IF_ERROR(CheckSpace(arguments.space, path, loaded.policy->space()));
  for (const std::string& warning : warnings) err << "warning: " << warning << '\n';
  out << fmt::format("fine: space {}, {} agents, {} launchers, revision {}\n", loaded.policy->space(),
                     loaded.policy->size(), loaded.policy->launchers().size(), loaded.policy->revision());
  return absl::OkStatus();
}

void AddCheck(CLI::App& policy, CommandLine& line) {
  const auto options = std::make_shared<CheckArguments>();
  CLI::App* check = policy.add_subcommand("check", "Say everything that is wrong with a policy");
  check->footer("\nExample:\n  meshwarden policy check policy.yaml");
  check->add_option("FILE", options->path, "Policy file, or folder of policy files")->required();
  check->add_flag("--json", options->json, "Answer with one JSON object");
  AddSpaceOption(*check, options->space, SpaceFrom::kOptionOnly);
  check->callback(
      [options, &line] { line.deed = [options, &line] { return Check(*options, line.out, line.err); }; });
}

void AddExplain(CLI::App& policy, CommandLine& line) {
  struct Options {
    std::string name;
    std::string channel;
    std::string path;
    std::string space;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* explain = policy.add_subcommand(
      "explain",
      "Say what an agent may do on a channel, or what an agent or launcher can start, and "
      "which line says so");
  explain->footer("\nExample:\n  meshwarden policy explain planner team.backend --policy policy.yaml");
  explain->add_option("NAME", options->name, "Name of the agent or launcher")->required();
  CLI::Option* channel =
      explain->add_option("CHANNEL", options->channel,
                          "Channel or pattern; left out: say what NAME can start, also through others");
  explain->add_option("--policy", options->path, "Policy file, or folder of policy files")->required();
  AddSpaceOption(*explain, options->space, SpaceFrom::kOptionOnly);
  explain->callback([options, channel, &line] {
    line.deed = [options, with_channel = channel->count() > 0, &line] {
      const PolicyLoadResult loaded = LoadPolicy(options->path);
      MW_RETURN_IF_ERROR(loaded.ToStatus());
      MW_RETURN_IF_ERROR(CheckSpace(options->space, options->path, loaded.policy->space()));
      MW_ASSIGN_OR_RETURN(const std::string words,
                          with_channel ? ExplainChannel(*loaded.policy, options->name, options->channel)
                                       : ExplainStarting(*loaded.policy, options->name));
      line.out << words;
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddPolicyCommands(CLI::App& app, CommandLine& line) {
  CLI::App* policy = app.add_subcommand("policy", "Check and explain a policy; needs no broker");
  policy->require_subcommand(1);
  policy->footer("\nExample:\n  meshwarden policy check policy.yaml");
  AddCheck(*policy, line);
  AddExplain(*policy, line);
}

}  // namespace meshwarden
