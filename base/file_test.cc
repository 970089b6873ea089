#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden::file_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uid_t kSomeUser = 4711;
constexpr gid_t kSomeGroup = 4712;

// While it lives, this thread gives no files away, root's included.
class WithoutChown {
 public:
  WithoutChown() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, before_.data()), 0);
    auto without = before_;
    without[0].effective &= ~(1U << CAP_CHOWN);
    EXPECT_EQ(::syscall(SYS_capset, &header_, without.data()), 0);
  }
  ~WithoutChown() { EXPECT_EQ(::syscall(SYS_capset, &header_, before_.data()), 0); }
  WithoutChown(const WithoutChown&) = delete;
  WithoutChown& operator=(const WithoutChown&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> before_{};
};

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/file_test.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  std::string directory_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
  ASSERT_THAT(WriteFile(Path("a"), "contents\n", {}), IsOk());
  EXPECT_THAT(ReadFile(Path("a"), 100), IsOkAndHolds("contents\n"));
  MW_ASSERT_OK_AND_ASSIGN(const Secret secret, ReadSecretFile(Path("a"), 100));
  EXPECT_EQ(secret.ExposeText(), "contents\n");
}

TEST_F(FileTest, ModeDoesNotDependOnTheUmask) {
  const mode_t before = ::umask(0);
  ASSERT_THAT(WriteFile(Path("key"), "x", {.mode = FileMode::kOwnerOnly}), IsOk());
  ASSERT_THAT(WriteFile(Path("conf"), "x", {.mode = FileMode::kReadable}), IsOk());
  ::umask(before);
  EXPECT_EQ(ModeOf(Path("key")), 0600u);
  EXPECT_EQ(ModeOf(Path("conf")), 0644u);
}

TEST_F(FileTest, AnExistingFileStaysUnlessReplacingWasAsked) {
  ASSERT_THAT(WriteFile(Path("a"), "old", {}), IsOk());
  EXPECT_THAT(WriteFile(Path("a"), "new", {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Path("a"))));
  EXPECT_THAT(ReadFile(Path("a"), 100), IsOkAndHolds("old"));
  EXPECT_THAT(WriteFile(Path("a"), "new", {.if_exists = IfExists::kReplace}), IsOk());
  EXPECT_THAT(ReadFile(Path("a"), 100), IsOkAndHolds("new"));
}

TEST_F(FileTest, T16_ASymbolicLinkInTheWayIsNeverFollowed) {
  ASSERT_THAT(WriteFile(Path("victim"), "untouched", {}), IsOk());
  ASSERT_EQ(::symlink(Path("victim").c_str(), Path("link").c_str()), 0);
  EXPECT_THAT(WriteFile(Path("link"), "x", {}), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(WriteFile(Path("link"), "x", {.if_exists = IfExists::kReplace}), IsOk());
  EXPECT_THAT(ReadFile(Path("victim"), 100), IsOkAndHolds("untouched"));
  EXPECT_FALSE(std::filesystem::is_symlink(Path("link")));
}

// Only root may give the file away first; to others it is theirs before and after.
TEST_F(FileTest, AFileThatIsReplacedForItsOwnerStaysItsOwners) {
  ASSERT_THAT(WriteFile(Path("a"), "old", {.mode = FileMode::kReadable}), IsOk());
  const bool given_away = ::chown(Path("a").c_str(), kSomeUser, kSomeGroup) == 0;
  ASSERT_THAT(WriteFile(Path("a"), "new", {.if_exists = IfExists::kReplaceForItsOwner}), IsOk());
  struct stat info {};
  ASSERT_EQ(::stat(Path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, given_away ? kSomeUser : ::geteuid());
  EXPECT_EQ(info.st_gid, given_away ? kSomeGroup : ::getegid());
  EXPECT_EQ(ModeOf(Path("a")), 0600u);
  EXPECT_THAT(WriteFile(Path("b"), "new", {.if_exists = IfExists::kReplaceForItsOwner}), IsOk());
}

TEST_F(FileTest, AnOwnerWhoCannotBeKeptIsTold) {
  ASSERT_THAT(WriteFile(Path("a"), "old", {}), IsOk());
  const bool given_away = ::chown(Path("a").c_str(), kSomeUser, kSomeGroup) == 0;
  const WithoutChown without;
  const absl::Status status = WriteFile(Path("a"), "new", {.if_exists = IfExists::kReplaceForItsOwner});
  EXPECT_EQ(status.code(), given_away ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kOk);
  if (given_away) {
    EXPECT_THAT(status.message(), HasSubstr("run this as root"));
  }
  EXPECT_THAT(ReadFile(Path("a"), 100), IsOkAndHolds(given_away ? "old" : "new"));
}

TEST_F(FileTest, ALinkHasNoOwnerToReplaceFor) {
  ASSERT_THAT(WriteFile(Path("victim"), "untouched", {}), IsOk());
  ASSERT_EQ(::symlink(Path("victim").c_str(), Path("link").c_str()), 0);
  EXPECT_THAT(WriteFile(Path("link"), "x", {.if_exists = IfExists::kReplaceForItsOwner}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("symbolic link")));
  EXPECT_THAT(ReadFile(Path("link"), 100), IsOkAndHolds("untouched"));
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehind) {
  ASSERT_EQ(::mkdir(Path("dir").c_str(), 0700), 0);
  EXPECT_FALSE(WriteFile(Path("dir"), "x", {}).ok());
  std::filesystem::remove(Path("dir"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
  EXPECT_THAT(WriteFile(Path("absent/file"), "x", {}), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FileTest, ReadingIsBounded) {
  ASSERT_THAT(WriteFile(Path("a"), "12345", {}), IsOk());
  EXPECT_THAT(ReadFile(Path("a"), 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(Path("a"), 4),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than the 4")));
}

TEST_F(FileTest, OnlyRegularFilesAreRead) {
  EXPECT_THAT(ReadFile(directory_, 100), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("regular")));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ReadFile(Path("pipe"), 100), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadSecretFile(Path("absent"), 100), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FileTest, DirectoriesAreMadeForTheOwnerAlone) {
  ASSERT_THAT(MakeDirectory(Path("a/b")), IsOk());
  EXPECT_EQ(ModeOf(Path("a/b")), 0700u);
  EXPECT_THAT(MakeDirectory(Path("a/b")), IsOk());
}

TEST_F(FileTest, DirectoriesAreForTheOwnerAloneHoweverTheyAreWritten) {
  const mode_t before = ::umask(0);
  for (const mode_t mask : {mode_t{0000}, mode_t{0022}, mode_t{0277}}) {
    ::umask(mask);
    const std::string top = std::to_string(mask);
    for (const std::string& path : {top + "/slash/", top + "/two//slashes", "./" + top + "/./dot/.",
                                    top + "/up/../beside/", top + "//deep//down//"}) {
      ASSERT_THAT(MakeDirectory(Path(path)), IsOk()) << path;
    }
    for (const char* made :
         {"", "/slash", "/two", "/two/slashes", "/dot", "/up", "/beside", "/deep", "/deep/down"}) {
      EXPECT_EQ(ModeOf(Path(top + made)), 0700u) << mask << made;
    }
  }
  ::umask(before);
}

TEST_F(FileTest, DirectoriesThatAreThereStayAsTheyAre) {
  ASSERT_THAT(MakeDirectory(Path("open")), IsOk());
  ASSERT_EQ(::chmod(Path("open").c_str(), 0755), 0);
  ASSERT_THAT(MakeDirectory(Path("open/below/")), IsOk());
  ASSERT_THAT(MakeDirectory(Path("open/")), IsOk());
  EXPECT_EQ(ModeOf(Path("open")), 0755u);
  EXPECT_EQ(ModeOf(Path("open/below")), 0700u);
}

TEST_F(FileTest, WhatIsNoDirectoryIsToldOf) {
  ASSERT_THAT(WriteFile(Path("file"), "", {}), IsOk());
  EXPECT_THAT(MakeDirectory(Path("file")), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_FALSE(MakeDirectory(Path("file/below")).ok());
}

TEST_F(FileTest, WhetherAFileCanBeWrittenIsFoundWithoutOne) {
  EXPECT_THAT(CheckCanWrite(Path("x")), IsOk());
  EXPECT_THAT(ReadFile(Path("x"), 1), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(CheckCanWrite(Path("nowhere/x")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(CheckCanWrite("/proc/x"), ::testing::Not(IsOk()));
}

}  // namespace
}  // namespace meshwarden::file_test
