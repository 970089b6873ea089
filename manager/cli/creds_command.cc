// `meshwarden creds show` and `meshwarden creds mint`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
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
#include "base/status.h"
#include "base/text/printable.h"
#include "manager/cli/command_line.h"
#include "manager/cli/creds_report.h"
#include "manager/cli/space_option.h"
#include "proto/duration.h"
#include "proto/identity/creds.h"
#include "proto/identity/nkey.h"
#include "provisioning/minting/credential.h"
#include "provisioning/minting/mint.h"
#include "provisioning/minting/profiles.h"
#include "provisioning/space/control_line.h"

namespace meshwarden {
namespace {

enum class Output { kWords, kJson };

absl::Status Show(const std::string& path, const std::string& space, Output output, CommandLine& line) {
  std::ostream& out = line.out;
  MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Load(path));
  absl::StatusOr<CredentialView> credential = ViewCredential(creds.decoded());
  MW_RETURN_IF_ERROR(Annotate(credential.status(), path));
  if (credential->space.has_value()) MW_RETURN_IF_ERROR(CheckSpace(space, path, *credential->space));
  if (const auto warning = WarnIfTooLarge(path, creds.jwt().size()))
    line.err << "warning: " << *warning << '\n';
  const SystemTime now = Clock::System().Now();
  if (output == Output::kJson) {
    out << DumpJson(CredentialToJson(*credential, now)) << '\n';
  } else {
    out << DescribeCredential(*credential, now);
  }
  return absl::OkStatus();
}

void AddShow(CLI::App& creds, CommandLine& line) {
  struct Options {
    std::string path;
    std::string space;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* show = creds.add_subcommand("show", "Say whose a creds file is and what it may do");
  show->footer("\nExample:\n  meshwarden creds show ./mesh/creds/manager.creds");
  show->add_option("FILE", options->path, "Creds file")->required();
  show->add_flag("--json", options->json, "Answer with one JSON object");
  AddSpaceOption(*show, options->space, SpaceFrom::kOptionOnly);
  show->callback([options, &line] {
    line.deed = [options, &line] {
      return Show(options->path, options->space, options->json ? Output::kJson : Output::kWords, line);
    };
  });
}

struct MintArguments {
  std::string profile;
  std::string issuer;
  std::string out;
  std::string space;
  std::string name;
  std::optional<std::string> ttl;
  std::optional<std::vector<std::string>> allow_subscribe;
  std::vector<std::string> allow_publish;
  std::optional<std::string> role;
  std::vector<std::string> capabilities;
  std::string secrets_of;
};

// Permissions that a profile does not have must not be asked for as if it had.
absl::Status CheckAgentOnly(Profile profile, const MintArguments& arguments) {
  const bool asks = arguments.allow_subscribe.has_value() || !arguments.allow_publish.empty() ||
                    arguments.role.has_value() || !arguments.capabilities.empty();
  if (profile == Profile::kAgent || !asks) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "--allow-subscribe, --allow-publish, --role and --capability are for --profile agent; {} has "
      "fixed permissions",
      NameOf(profile)));
}

absl::StatusOr<MintOptions> OptionsOf(const MintArguments& arguments, const Issuer& issuer) {
  MintOptions options;
  MW_ASSIGN_OR_RETURN(options.profile, ProfileByName(arguments.profile));
  MW_RETURN_IF_ERROR(CheckAgentOnly(options.profile, arguments));
  options.permissions.space = arguments.space.empty() ? issuer.space() : arguments.space;
  options.permissions.allow_subscribe = arguments.allow_subscribe;
  options.permissions.allow_publish = arguments.allow_publish;
  options.permissions.role = arguments.role;
  options.permissions.capabilities = arguments.capabilities;
  options.name = arguments.name;
  if (arguments.ttl.has_value()) {
    absl::StatusOr<std::chrono::milliseconds> ttl = ParseDuration(*arguments.ttl);
    MW_RETURN_IF_ERROR(Annotate(ttl.status(), "--ttl"));
    options.ttl = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
  }
  return options;
}

// The secret tokens that a credential of the issuer's account and space holds. Those of another space would
// be told to whoever gets the new credential, and be of no use in its own.
absl::StatusOr<SpaceSecrets> SecretsOfFile(const std::string& path, const Issuer& issuer) {
  MW_ASSIGN_OR_RETURN(const Creds creds, Creds::Load(path));
  absl::StatusOr<CredentialView> view = ViewCredential(creds.decoded());
  if (!view.ok()) return Annotate(view.status(), path);
  if (view->secrets == SpaceSecrets()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} holds no secret tokens of its space; name a setup or mover credential that space init or "
        "space harden wrote",
        path));
  }
  if (view->account != issuer.account().text()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is of account {}, the issuer of {}; name a setup or mover credential of the issuer's",
                    path, view->account, issuer.account().text()));
  }
  if (view->space != issuer.space()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is of space {}, the issuer of {}; name a setup or mover credential of the issuer's",
                    path, Quoted(view->space.value_or("?")), Quoted(issuer.space())));
  }
  return view->secrets;
}

// The secret tokens that the credential is to carry: those of the file that was named, else of the setup or
// mover credential that stands where space init wrote it beside the issuer.
absl::StatusOr<SpaceSecrets> FindSecrets(const MintArguments& arguments, const Issuer& issuer) {
  if (!arguments.secrets_of.empty()) return SecretsOfFile(arguments.secrets_of, issuer);
  const std::filesystem::path folder = std::filesystem::path(arguments.issuer).parent_path() / "creds";
  for (const Profile profile : {Profile::kSetup, Profile::kMover}) {
    absl::StatusOr<SpaceSecrets> secrets =
        SecretsOfFile((folder / fmt::format("{}.creds", NameOf(profile))).string(), issuer);
    if (secrets.ok()) return secrets;
  }
  return SpaceSecrets();
}

absl::Status AddSecrets(const MintArguments& arguments, const Issuer& issuer, MintOptions& options,
                        std::ostream& err) {
  if (options.profile != Profile::kSetup && options.profile != Profile::kMover) {
    return arguments.secrets_of.empty()
               ? absl::OkStatus()
               : absl::InvalidArgumentError("--secrets-of is for the profiles setup and mover");
  }
  MW_ASSIGN_OR_RETURN(options.permissions.secrets, FindSecrets(arguments, issuer));
  if (options.permissions.secrets == SpaceSecrets()) {
    err << "warning: no credential with the space's secret tokens beside the issuer, so this one has the "
           "rights of "
           "a space of an earlier version; name one with --secrets-of\n";
  }
  return absl::OkStatus();
}

absl::Status Mint(const MintArguments& arguments, std::ostream& out, std::ostream& err) {
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Load(arguments.issuer));
  MW_ASSIGN_OR_RETURN(MintOptions options, OptionsOf(arguments, issuer));
  MW_RETURN_IF_ERROR(AddSecrets(arguments, issuer, options, err));
  const std::string space = options.permissions.space;
  const Profile profile = options.profile;
  MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  MW_ASSIGN_OR_RETURN(const Creds creds,
                      MintCreds(issuer, std::move(options), std::move(user), Clock::System()));
  MW_RETURN_IF_ERROR(creds.Save(arguments.out, IfExists::kFail));
  if (const auto warning = WarnIfTooLarge(arguments.out, creds.jwt().size()))
    err << "warning: " << *warning << '\n';
  out << fmt::format("{}: {} of space {}, identity {}\n", arguments.out, NameOf(profile), space, creds.id());
  return absl::OkStatus();
}

void AddMint(CLI::App& creds, CommandLine& line) {
  const auto arguments = std::make_shared<MintArguments>();
  CLI::App* mint =
      creds.add_subcommand("mint", "Make a credential, outside of any policy, with a new identity");
  mint->footer(
      "\nExamples:\n"
      "  meshwarden creds mint --profile mover --issuer ./mesh/issuer.json --out mover.creds --ttl 30d\n"
      "  meshwarden creds mint --profile agent --allow-subscribe general,team.\\> \\\n"
      "      --issuer ./mesh/issuer.json --out guest.creds");
  mint->add_option("--profile", arguments->profile,
                   "agent, observer, admin, setup, manager, mover, watcher, launcher or unrestricted")
      ->required();
  mint->add_option("--issuer", arguments->issuer, "Issuer file that space init wrote")->required();
  mint->add_option("--out", arguments->out, "Creds file to write (mode 0600); must not be there yet")
      ->required();
  mint->add_option("--space", arguments->space, "Name of the space (default: the issuer's)")
      ->envname("MESHWARDEN_SPACE");
  mint->add_option("--name", arguments->name, "Name to show (default: the profile's)");
  mint->add_option("--ttl", arguments->ttl, "Lifetime, as 90m, 24h or 30d (default: does not expire)");
  mint->add_option("--allow-subscribe", arguments->allow_subscribe,
                   "What an agent may read (default: general)")
      ->delimiter(',')
      ->allow_extra_args(false);
  mint->add_option("--allow-publish", arguments->allow_publish, "Where an agent may post (default: nowhere)")
      ->delimiter(',')
      ->allow_extra_args(false);
  mint->add_option("--role", arguments->role, "Role of an agent");
  mint->add_option("--capability", arguments->capabilities, "Capability of an agent, as spawn")
      ->delimiter(',')
      ->allow_extra_args(false);
  mint->add_option(
      "--secrets-of", arguments->secrets_of,
      "Setup or mover credential whose secret tokens a new one is to carry (default: those beside the "
      "issuer)");
  mint->callback([arguments, &line] {
    line.deed = [arguments, &line] { return Mint(*arguments, line.out, line.err); };
  });
}

}  // namespace

void AddCredsCommands(CLI::App& app, CommandLine& line) {
  CLI::App* creds = app.add_subcommand("creds", "Show and make credentials");
  creds->require_subcommand(1);
  creds->footer("\nExample:\n  meshwarden creds show ./mesh/creds/manager.creds");
  AddShow(*creds, line);
  AddMint(*creds, line);
}

}  // namespace meshwarden
