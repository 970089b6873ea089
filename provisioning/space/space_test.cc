#include "provisioning/space/space.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "proto/identity/creds.h"
#include "provisioning/minting/mint.h"
#include "tests/support/process.h"

namespace meshwarden::space_test {
namespace {

namespace fs = std::filesystem;

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

const SystemTime kNow{std::chrono::seconds(1'800'000'000)};

// While it lives, no file of this process grows beyond `bytes`: a full disk, for a moment.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

class SpaceTest : public ::testing::Test {
 protected:
  SpaceTest() {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(::testing::TempDir()) / "space" / test->name();
    fs::remove_all(directory_);
    options_.space = "main";
    options_.directory = directory_;
  }

  absl::Status Init() const { return InitSpace(options_, FixedClock(kNow)); }
  std::string PathOf(const std::string& name) const { return (directory_ / name).string(); }
  static unsigned ModeOf(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0U;
  }
  // Every file below the directory.
  std::map<std::string, unsigned> Files() const {
    std::map<std::string, unsigned> files;
    if (!fs::exists(directory_)) return files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_)) {
      if (!entry.is_directory()) files[fs::relative(entry, directory_)] = ModeOf(entry.path());
    }
    return files;
  }
  // What nats-server says of the configuration.
  absl::StatusOr<testing::Finished> CheckWithServer() const {
    const char* server = std::getenv("MESHWARDEN_NATS_SERVER");
    testing::ProcessOptions command;
    command.argv = {server != nullptr ? server : testing::Runfile("external/nats_server/nats-server"), "-t",
                    "-c", PathOf("server.conf")};
    return testing::RunProgram(command, std::chrono::seconds(20));
  }

  fs::path directory_;
  SpaceInitOptions options_;
};

TEST_F(SpaceTest, WritesEveryFileWithItsMode) {
  ASSERT_THAT(Init(), IsOk());
  const std::map<std::string, unsigned> expected = {
      {"server.conf", 0600},         {"issuer.json", 0600},          {"keys/operator.nk", 0600},
      {"keys/account.nk", 0600},     {"keys/system.nk", 0600},       {"keys/signing.nk", 0600},
      {"creds/setup.creds", 0600},   {"creds/manager.creds", 0600},  {"creds/mover.creds", 0600},
      {"creds/admin.creds", 0600},   {"creds/launcher.creds", 0600}, {"creds/observer.creds", 0600},
      {"creds/watcher.creds", 0600},
  };
  EXPECT_EQ(Files(), expected);
  EXPECT_EQ(ModeOf(directory_), 0700U);
  EXPECT_EQ(ModeOf(PathOf("keys")), 0700U);
  EXPECT_EQ(ModeOf(PathOf("creds")), 0700U);
}

TEST_F(SpaceTest, CredentialsAreTheIssuersOnes) {
  ASSERT_THAT(Init(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const Issuer issuer, Issuer::Load(PathOf("issuer.json")));
  EXPECT_EQ(issuer.space(), "main");
  for (const char* name : {"setup", "manager", "mover", "watcher", "admin", "launcher", "observer"}) {
    MW_ASSERT_OK_AND_ASSIGN(const Creds creds, Creds::Load(PathOf(std::string("creds/") + name + ".creds")));
    EXPECT_EQ(creds.decoded().claims.name, name);
    EXPECT_EQ(creds.decoded().issuer, issuer.signing_key().public_key().text());
    EXPECT_EQ(creds.decoded().claims.nats.at("issuer_account"), issuer.account().text());
  }
}

TEST_F(SpaceTest, KeyFilesHoldASeedAndALineEnd) {
  ASSERT_THAT(Init(), IsOk());
  for (const auto& [name, prefix] :
       {std::pair("operator", "SO"), {"account", "SA"}, {"system", "SA"}, {"signing", "SA"}}) {
    MW_ASSERT_OK_AND_ASSIGN(const std::string text,
                            ReadFile(PathOf(std::string("keys/") + name + ".nk"), 100));
    EXPECT_EQ(text.size(), 59U);
    EXPECT_EQ(text.back(), '\n');
    EXPECT_EQ(text.substr(0, 2), prefix);
    EXPECT_THAT(KeyPair::FromSeed(text.substr(0, 58)), IsOk());
  }
}

TEST_F(SpaceTest, ServerTakesTheConfiguration) {
  options_.server.store_dir = PathOf("odd \"store\" \\ here");
  ASSERT_THAT(Init(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const testing::Finished finished, CheckWithServer());
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("is valid"));
}

TEST_F(SpaceTest, ServerRefusesADamagedOperator) {
  ASSERT_THAT(Init(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(PathOf("server.conf"), 1 << 16));
  text.insert(text.find("operator: ") + 60, "A");
  std::ofstream(PathOf("server.conf")) << text;
  MW_ASSERT_OK_AND_ASSIGN(const testing::Finished finished, CheckWithServer());
  EXPECT_NE(finished.exit_code, 0);
}

TEST_F(SpaceTest, StoreIsInTheDirectoryUnlessGiven) {
  ASSERT_THAT(Init(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(PathOf("server.conf"), 1 << 16));
  EXPECT_THAT(text, HasSubstr("store_dir: \"" + PathOf("jetstream") + "\""));
}

TEST_F(SpaceTest, NothingIsOverwrittenAndNothingAdded) {
  ASSERT_THAT(Init(), IsOk());
  MW_ASSERT_OK_AND_ASSIGN(const std::string before, ReadFile(PathOf("issuer.json"), 4096));
  fs::remove(PathOf("keys/operator.nk"));
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("keys/account.nk")));
  EXPECT_THAT(ReadFile(PathOf("issuer.json"), 4096), IsOkAndHolds(before));
  EXPECT_FALSE(fs::exists(PathOf("keys/operator.nk")));
}

TEST_F(SpaceTest, LinksInTheWayAreNotFollowed) {
  fs::create_directories(directory_ / "elsewhere");
  fs::create_symlink("nowhere", directory_ / "issuer.json");
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("issuer.json")));
  fs::remove(directory_ / "issuer.json");
  fs::create_directory_symlink("elsewhere", directory_ / "keys");
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("keys")));
  EXPECT_TRUE(fs::is_empty(directory_ / "elsewhere"));
}

TEST_F(SpaceTest, FailureOnTheWayTakesBackWhatWasWritten) {
  {
    const FileSizeLimit limit(1000);  // the seeds fit, the server's configuration does not
    EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kUnavailable,
                                 AllOf(HasSubstr("server.conf"), HasSubstr("took back"))));
  }
  EXPECT_TRUE(Files().empty());
  EXPECT_THAT(Init(), IsOk());
}

TEST_F(SpaceTest, BadOptionsLeaveNoTrace) {
  options_.server.port = 0;
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("port 0")));
  options_.server.port = 4222;
  options_.space = "";
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("space's name")));
  EXPECT_FALSE(fs::exists(directory_));
  options_.directory = "";
  EXPECT_THAT(Init(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no directory")));
}

}  // namespace
}  // namespace meshwarden::space_test
