// `meshwarden provision`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/private_file.h"
#include "base/status.h"
#include "base/text/printable.h"
#include "manager/cli/broker_session.h"
#include "manager/cli/command_line.h"
#include "manager/cli/creds_out.h"
#include "manager/cli/provision_outcome.h"
#include "manager/cli/space_option.h"
#include "policy/loader.h"
#include "policy/policy.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/mint.h"
#include "provisioning/provisioner.h"
#include "provisioning/records/record_keeper.h"
#include "provisioning/space/control_line.h"

namespace meshwarden {
namespace {

struct ProvisionArguments {
  BrokerOptions broker;
  std::string space;
  std::string agent;
  std::string policy;
  std::string issuer;
  std::string out;
  std::string id_seed;
  std::optional<std::vector<std::string>> subscribe;
};

// The identity that an earlier run took must be the same agent's. `record` is that identity's.
absl::Status CheckEarlierRun(const absl::StatusOr<AgentRecord>& record, const ProvisionArguments& arguments,
                             const std::string& kept_in) {
  if (absl::IsNotFound(record.status())) {
    return absl::OkStatus();  // a broker that lost its store gets it back
  }
  MW_RETURN_IF_ERROR(record.status());
  if (record->agent == arguments.agent) {
    return absl::OkStatus();
  }
  if (!kept_in.empty()) {
    return absl::FailedPreconditionError(fmt::format("an earlier run has begun agent {}, not {}",
                                                     Quoted(record->agent), Quoted(arguments.agent)));
  }
  return absl::FailedPreconditionError(
      fmt::format("{} holds the credential of agent {}, not {}; choose another --out", arguments.out,
                  Quoted(record->agent), Quoted(arguments.agent)));
}

void PrintResult(const ProvisionArguments& arguments, const std::string& space, const std::string& id,
                 const ProvisionResult& result, std::ostream& out) {
  const Json json = {{"agent", arguments.agent},
                     {"id", id},
                     {"space", space},
                     {"creds", arguments.out},
                     {"channels", result.channels},
                     {"created", result.created}};
  out << DumpJson(json) << '\n';
}

struct Provisioned {
  absl::StatusOr<ProvisionResult> result;
  IdentityFate fate = IdentityFate::kFree;  // if it failed
};

Provisioned ProvisionOn(BrokerSession& session, const ProvisionArguments& arguments, const Policy& policy,
                        const Issuer& issuer, const CredsOut& out) {
  if (session.credential().account != issuer.account().text()) {
    return {.result = absl::FailedPreconditionError(
                fmt::format("{} is of account {}, the issuer of {}; name files of one space",
                            arguments.broker.creds, session.credential().account, issuer.account().text())),
            .fate = IdentityFate::kFree};
  }
  RecordKeeper records(session.api(), issuer.space(), session.credential().secrets);
  if (out.used_before()) {
    const absl::StatusOr<AgentRecord> record = records.Read(out.id());
    const absl::Status same = CheckEarlierRun(record, arguments, out.kept_in());
    if (!same.ok()) return {.result = same, .fate = JudgeFailure(same, record, arguments.agent)};
  }
  const ProvisionOptions options{.agent = arguments.agent, .id = out.id(), .subscribe = arguments.subscribe};
  Provisioned provisioned{.result = ProvisionAgent({.api = session.api(),
                                                    .records = records,
                                                    .policy = policy,
                                                    .issuer = issuer,
                                                    .clock = Clock::System()},
                                                   options)};
  if (!provisioned.result.ok()) {
    provisioned.fate = JudgeFailure(provisioned.result.status(), records.Read(out.id()), arguments.agent);
  }
  return provisioned;
}

absl::Status WriteCredential(CredsOut out, const std::string& agent, const std::string& jwt) {
  const std::string id = out.id();
  const std::string kept_in = out.kept_in();
  const absl::Status written = std::move(out).Write(jwt, Clock::System().Now());
  return Annotate(
      written,
      fmt::format("{} is provisioned as {}, but its credential could not be written; the "
                  "same command again writes it{}",
                  Quoted(agent), id, kept_in.empty() ? "" : ", as long as " + kept_in + " is there"));
}

absl::Status Provision(const ProvisionArguments& arguments, CommandLine& line) {
  const PolicyLoadResult loaded = LoadPolicy(arguments.policy);
  MW_RETURN_IF_ERROR(loaded.ToStatus());
  MW_RETURN_IF_ERROR(CheckSpace(arguments.space, arguments.policy, loaded.policy->space()));
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Load(arguments.issuer));
  MW_RETURN_IF_ERROR(CheckSpace(arguments.space, arguments.issuer, issuer.space()));
  MW_ASSIGN_OR_RETURN(CredsOut out, CredsOut::Open(arguments.out, arguments.id_seed, issuer.account()));
  if (const std::optional<std::string> warning = WarnIfOpenToOthers(arguments.id_seed)) {
    line.err << "warning: " << *warning << '\n';
  }
  absl::StatusOr<BrokerSession> session = BrokerSession::Open(arguments.broker, "provision", line.err);
  if (!session.ok()) {
    std::move(out).Discard();
    return session.status();
  }
  Provisioned provisioned = ProvisionOn(*session, arguments, *loaded.policy, issuer, out);
  if (!provisioned.result.ok()) {
    const absl::Status& why = provisioned.result.status();
    absl::Status advised = WithAdvice(why, provisioned.fate, out.kept_in());
    if (provisioned.fate == IdentityFate::kFree) std::move(out).Discard();
    return advised;
  }
  const std::string id = out.id();
  if (const auto warning = WarnIfTooLarge(arguments.agent, provisioned.result->jwt.size())) {
    line.err << "warning: " << *warning << '\n';
  }
  MW_RETURN_IF_ERROR(WriteCredential(std::move(out), arguments.agent, provisioned.result->jwt));
  PrintResult(arguments, issuer.space(), id, *provisioned.result, line.out);
  return absl::OkStatus();
}

}  // namespace

void AddProvisionCommand(CLI::App& app, CommandLine& line) {
  const auto arguments = std::make_shared<ProvisionArguments>();
  CLI::App* provision = app.add_subcommand(
      "provision", "Make an agent's durables, record and credential, straight on the broker");
  provision->footer(
      "\nRepeating it with the same --out changes nothing; the identity in that file is used again. While "
      "it\n"
      "works, a new identity is kept in OUT.begun: if it is stopped, the same command again finishes it.\n"
      "\nExample:\n"
      "  meshwarden provision planner --policy policy.yaml --issuer ./mesh/issuer.json \\\n"
      "      --creds ./mesh/creds/setup.creds --out planner.creds");
  provision->add_option("AGENT", arguments->agent, "Name of the agent in the policy")->required();
  provision->add_option("--policy", arguments->policy, "Policy file, or folder of policy files")->required();
  provision->add_option("--issuer", arguments->issuer, "Issuer file that space init wrote")->required();
  AddBrokerOptions(*provision, arguments->broker);
  AddSpaceOption(*provision, arguments->space, SpaceFrom::kOptionOrEnvironment);
  provision->add_option("--out", arguments->out, "Creds file to write (mode 0600)")->required();
  provision->add_option(
      "--id-seed", arguments->id_seed,
      "File with the seed of the identity to use (default: the one in --out, or a new one)");
  provision->add_option("--subscribe", arguments->subscribe, "Channels at the start (default: the policy's)")
      ->delimiter(',')
      ->allow_extra_args(false);
  provision->callback(
      [arguments, &line] { line.deed = [arguments, &line] { return Provision(*arguments, line); }; });
}

}  // namespace meshwarden
