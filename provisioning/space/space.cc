#include "provisioning/space/space.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/secret.h"
#include "base/status.h"
#include "proto/identity/creds.h"
#include "proto/identity/secret_text.h"
#include "provisioning/minting/mint.h"
#include "provisioning/minting/profiles.h"

namespace meshwarden {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kFolders = {"keys", "creds"};
constexpr std::array kFirstCredentials = {Profile::kSetup,   Profile::kResponder, Profile::kMover,
                                          Profile::kWatcher, Profile::kAdmin,     Profile::kLauncher,
                                          Profile::kObserver};

struct PlannedFile {
  std::string path;
  Secret contents;
};

PlannedFile SeedFile(const std::string& directory, std::string_view name, const KeyPair& key) {
  const Secret seed = key.Seed();
  return {.path = fmt::format("{}/keys/{}.nk", directory, name),
          .contents = JoinSecret({seed.ExposeText(), "\n"})};
}

absl::StatusOr<PlannedFile> CredsFile(const std::string& directory, const Issuer& issuer, Profile profile,
                                      const SpaceSecrets& secrets, const Clock& clock) {
  MW_ASSIGN_OR_RETURN(KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  MintOptions options;
  options.profile = profile;
  options.permissions.space = issuer.space();
  options.permissions.secrets = secrets;
  MW_ASSIGN_OR_RETURN(const Creds creds, MintCreds(issuer, std::move(options), std::move(user), clock));
  return PlannedFile{.path = fmt::format("{}/creds/{}.creds", directory, NameOf(profile)),
                     .contents = creds.Format()};
}

// Everything that goes to disk, made before anything is written.
absl::StatusOr<std::vector<PlannedFile>> PlanFiles(const SpaceInitOptions& options, const Clock& clock) {
  MW_ASSIGN_OR_RETURN(TrustChain chain, MakeTrustChain(options.space, clock));
  const std::string& directory = options.directory;
  std::vector<PlannedFile> files;
  files.push_back(SeedFile(directory, "operator", chain.operator_key));
  files.push_back(SeedFile(directory, "account", chain.account_key));
  files.push_back(SeedFile(directory, "system", chain.system_key));
  files.push_back(SeedFile(directory, "signing", chain.signing_key));
  files.push_back({.path = directory + "/server.conf",
                   .contents = Secret::CopyOf(FormatServerConfig(chain, options.server))});
  MW_ASSIGN_OR_RETURN(const Issuer issuer, Issuer::Make(chain.space, chain.account_key.public_key(),
                                                        std::move(chain.signing_key)));
  files.push_back({.path = directory + "/issuer.json", .contents = issuer.Format()});
  for (const Profile profile : kFirstCredentials) {
    MW_ASSIGN_OR_RETURN(PlannedFile file, CredsFile(directory, issuer, profile, chain.secrets, clock));
    files.push_back(std::move(file));
  }
  return files;
}

// Anything that stands at a path counts, also a symbolic link that leads nowhere.
absl::Status CheckNothingExists(const std::string& directory, const std::vector<PlannedFile>& files) {
  std::error_code error;
  for (const PlannedFile& file : files) {
    if (fs::exists(fs::symlink_status(file.path, error))) {
      return absl::AlreadyExistsError(
          fmt::format("{} is there already; nothing was written. Choose another directory", file.path));
    }
  }
  for (const std::string_view name : kFolders) {
    const std::string folder = fmt::format("{}/{}", directory, name);
    const fs::file_status status = fs::symlink_status(folder, error);
    if (fs::exists(status) && !fs::is_directory(status)) {
      return absl::AlreadyExistsError(
          fmt::format("{} is there already and no directory; nothing was written", folder));
    }
  }
  return absl::OkStatus();
}

absl::Status MakeFolders(const std::string& directory) {
  MW_RETURN_IF_ERROR(MakeDirectory(directory));
  for (const std::string_view name : kFolders) {
    MW_RETURN_IF_ERROR(MakeDirectory(fmt::format("{}/{}", directory, name)));
  }
  return absl::OkStatus();
}

absl::Status WriteAll(const std::vector<PlannedFile>& files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    const absl::Status status = WriteFile(files[i].path, files[i].contents.ExposeText(),
                                          {.mode = FileMode::kOwnerOnly, .if_exists = IfExists::kFail});
    if (status.ok()) continue;
    std::error_code ignored;
    for (std::size_t written = 0; written < i; ++written) fs::remove(files[written].path, ignored);
    return Annotate(status, "space init stopped and took back what it had written");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InitSpace(const SpaceInitOptions& options, const Clock& clock) {
  if (options.directory.empty()) return absl::InvalidArgumentError("no directory given for the space");
  SpaceInitOptions resolved = options;
  if (resolved.server.store_dir.empty()) resolved.server.store_dir = options.directory + "/jetstream";
  // The server resolves paths from where it is started.
  MW_ASSIGN_OR_RETURN(resolved.server.store_dir, AbsolutePath(resolved.server.store_dir));
  MW_RETURN_IF_ERROR(CheckServerConfig(resolved.server));
  MW_ASSIGN_OR_RETURN(const std::vector<PlannedFile> files, PlanFiles(resolved, clock));
  MW_RETURN_IF_ERROR(CheckNothingExists(options.directory, files));
  MW_RETURN_IF_ERROR(MakeFolders(options.directory));
  return WriteAll(files);
}

}  // namespace meshwarden
