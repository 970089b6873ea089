#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/status_matchers.h"

namespace meshwarden {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace meshwarden
