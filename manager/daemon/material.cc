#include "manager/daemon/material.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/private_file.h"
#include "base/status.h"
#include "endpoint/nats/server/tls_files.h"
#include "policy/loader.h"
#include "provisioning/minting/credential.h"
#include "provisioning/minting/mint.h"
#include "provisioning/minting/profiles.h"

namespace meshwarden {
namespace {

constexpr std::chrono::hours kExpiresSoon{24};

// Whether what lies in a creds file now may take the place of what the daemon began with.
absl::Status CheckRenewed(const Creds& renewed, Profile profile, const std::string& space,
                          const SpaceSecrets& secrets, const Clock& clock) {
  MW_ASSIGN_OR_RETURN(const CredentialView view, ViewCredential(renewed.decoded()));
  MW_RETURN_IF_ERROR(CheckCredential(view, profile, space, clock.Now()));
  if (view.secrets == secrets) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "it holds other secret tokens of the space than the manager began with; start the manager again to "
      "work "
      "with them");
}

// Loads one thing after the other and notes what is wrong.
class Loading {
 public:
  Loading(const Config& config, const Clock& clock) : config_(config), clock_(clock), now_(clock.Now()) {}

  // A credential that was loaded, and the secrets in its grants; null and none if something is wrong with it.
  struct Loaded {
    std::shared_ptr<CredsFile> creds;
    SpaceSecrets secrets;
  };
  Loaded LoadCreds(const std::string& path, std::string_view key, Profile profile) {
    const auto secrets = std::make_shared<SpaceSecrets>();
    absl::StatusOr<std::shared_ptr<CredsFile>> creds = CredsFile::Open(
        path, [profile, space = config_.space, secrets, &clock = clock_](const Creds& renewed) {
          return CheckRenewed(renewed, profile, space, *secrets, clock);
        });
    if (!creds.ok()) {
      Note(Annotate(creds.status(), key));
      return {};
    }
    const absl::StatusOr<CredentialView> view = ViewCredential((*creds)->in_hand()->decoded());
    const absl::Status fits =
        view.ok() ? CheckCredential(*view, profile, config_.space, now_) : view.status();
    if (!fits.ok()) {
      Note(Annotate(fits, fmt::format("{}: {}", key, path)));
      return {};
    }
    CompareAccount(view->account, path);
    WarnAbout(*view, path);
    *secrets = view->secrets;
    return {.creds = *std::move(creds), .secrets = view->secrets};
  }

  std::shared_ptr<const Policy> LoadPolicyFile() {
    PolicyLoadResult loaded = LoadPolicy(config_.policy);
    if (!loaded.ok()) {
      Note(loaded.ToStatus());
      return nullptr;
    }
    if (loaded.policy->space() != config_.space) {
      Note(absl::InvalidArgumentError(
          fmt::format("{}: the policy is of space \"{}\", the configuration of \"{}\"; "
                      "make them the same",
                      config_.policy, loaded.policy->space(), config_.space)));
    }
    return std::move(loaded.policy);
  }

  void CheckIssuer() {
    if (config_.issuer.empty()) {
      return;
    }
    const absl::StatusOr<Issuer> issuer = Issuer::Load(config_.issuer);
    if (!issuer.ok()) {
      Note(Annotate(issuer.status(), "issuer"));
    } else if (issuer->space() != config_.space) {
      Note(absl::InvalidArgumentError(
          fmt::format("{}: the issuer is of space \"{}\", the configuration of \"{}\"", config_.issuer,
                      issuer->space(), config_.space)));
    } else {
      CompareAccount(issuer->account().text(), config_.issuer);
    }
    WarnIfOpen(config_.issuer);
  }

  void CheckTls() {
    if (const absl::Status usable = CheckTlsFiles(config_.tls); !usable.ok()) Note(Annotate(usable, "tls"));
  }

  void CheckThatTheyDiffer(const Material& material) {
    if (material.responder != nullptr && material.mover != nullptr &&
        material.responder->id() == material.mover->id()) {
      warnings.emplace_back(
          "credentials and mover_credentials are of one identity; a separate mover keeps whoever sends "
          "requests "
          "from reaching JetStream through their reply subjects");
    }
  }

  // All that a manager holds is of one account: else its halves would work in two places.
  void CompareAccount(const std::string& account, const std::string& path) {
    if (account_.empty()) {
      account_ = account;
      account_of_ = path;
    } else if (account != account_) {
      Note(
          absl::InvalidArgumentError(fmt::format("{} is of account {}, and {} of {}; name files of one space",
                                                 path, account, account_of_, account_)));
    }
  }

  void Note(const absl::Status& status) { problems.push_back(MessageOf(status)); }

  std::vector<std::string> problems;
  std::vector<std::string> warnings;

 private:
  void WarnAbout(const CredentialView& view, const std::string& path) {
    if (view.expires.has_value() && *view.expires - now_ < kExpiresSoon) {
      warnings.push_back(fmt::format("{} expires within a day; mint a new one in time", path));
    }
    WarnIfOpen(path);
  }

  void WarnIfOpen(const std::string& path) {
    if (std::optional<std::string> warning = WarnIfOpenToOthers(path)) {
      warnings.push_back(*std::move(warning));
    }
  }

  const Config& config_;
  const Clock& clock_;
  const SystemTime now_;
  std::string account_;     // of what was loaded first
  std::string account_of_;  // and which that was
};

}  // namespace

absl::StatusOr<Material> LoadMaterial(const Config& config, const Clock& clock) {
  MW_RETURN_IF_ERROR(CheckComplete(config));
  Loading loading(config, clock);
  Material material;
  material.responder = loading.LoadCreds(config.credentials, "credentials", Profile::kResponder).creds;
  Loading::Loaded mover = loading.LoadCreds(config.mover_credentials, "mover_credentials", Profile::kMover);
  material.mover = std::move(mover.creds);
  material.secrets = std::move(mover.secrets);
  if (!config.watcher_credentials.empty()) {
    material.watcher =
        loading.LoadCreds(config.watcher_credentials, "watcher_credentials", Profile::kWatcher).creds;
  }
  material.policy = loading.LoadPolicyFile();
  loading.CheckIssuer();
  loading.CheckTls();
  loading.CheckThatTheyDiffer(material);
  if (!loading.problems.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}", fmt::join(loading.problems, "\n")));
  }
  material.warnings = std::move(loading.warnings);
  return material;
}

}  // namespace meshwarden
