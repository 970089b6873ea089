// `meshwarden policy check` and `meshwarden policy explain`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "manager/cli/command_line.h"
#include "policy/explain.h"
#include "policy/loader.h"

namespace meshwarden {
namespace {

enum class Output { kWords, kJson };

Json ToJson(const SourceProblem& problem) {
  return {{"file", problem.location.file == nullptr ? "" : *problem.location.file},
          {"line", problem.location.line},
          {"column", problem.location.column},
          {"message", problem.message},
          {"suggestion", problem.suggestion}};
}

void PrintJson(const PolicyLoadResult& loaded, std::ostream& out) {
  Json report = {{"ok", loaded.ok()}};
  if (loaded.ok()) {
    report["space"] = loaded.policy->space();
    report["agents"] = loaded.policy->size();
    report["revision"] = loaded.policy->revision();
  }
  report["problems"] = Json::array();
  for (const SourceProblem& problem : loaded.problems) {
    report["problems"].push_back(ToJson(problem));
  }
  out << DumpJson(report) << '\n';
}

absl::Status Check(const std::string& path, Output output, std::ostream& out) {
  const PolicyLoadResult loaded = LoadPolicy(path);
  if (output == Output::kJson) {
    PrintJson(loaded, out);
    return loaded.ok() ? absl::OkStatus()
                       : absl::InvalidArgumentError(fmt::format("{}: not a policy that can be used", path));
  }
  MW_RETURN_IF_ERROR(loaded.ToStatus());
  out << fmt::format("fine: space {}, {} agents, revision {}\n", loaded.policy->space(),
                     loaded.policy->size(), loaded.policy->revision());
  return absl::OkStatus();
}

void AddCheck(CLI::App& policy, CommandLine& line) {
  struct Options {
    std::string path;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* check = policy.add_subcommand("check", "Say everything that is wrong with a policy");
  check->footer("\nExample:\n  meshwarden policy check policy.yaml");
  check->add_option("FILE", options->path, "Policy file, or folder of policy files")->required();
  check->add_flag("--json", options->json, "Answer with one JSON object");
  check->callback([options, &line] {
    line.deed = [options, &line] {
      return Check(options->path, options->json ? Output::kJson : Output::kWords, line.out);
    };
  });
}

void AddExplain(CLI::App& policy, CommandLine& line) {
  struct Options {
    std::string agent;
    std::string channel;
    std::string path;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* explain =
      policy.add_subcommand("explain", "Say what an agent may do on a channel, and which line says so");
  explain->footer("\nExample:\n  meshwarden policy explain planner team.backend --policy policy.yaml");
  explain->add_option("AGENT", options->agent, "Name of the agent")->required();
  explain->add_option("CHANNEL", options->channel, "Channel or pattern")->required();
  explain->add_option("--policy", options->path, "Policy file, or folder of policy files")->required();
  explain->callback([options, &line] {
    line.deed = [options, &line] {
      const PolicyLoadResult loaded = LoadPolicy(options->path);
      MW_RETURN_IF_ERROR(loaded.ToStatus());
      MW_ASSIGN_OR_RETURN(const std::string words,
                          ExplainChannel(*loaded.policy, options->agent, options->channel));
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
