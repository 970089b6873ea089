#include "base/private_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <string>

namespace meshwarden::private_file_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;

std::string FileWithMode(mode_t mode) {
  std::string path = ::testing::TempDir() + "/private_file_test";
  std::ofstream(path) << "x";
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return path;
}

TEST(PrivateFile, OneForItsOwnerAloneIsFine) {
  EXPECT_EQ(WarnIfOpenToOthers(FileWithMode(0600)), std::nullopt);
  EXPECT_EQ(WarnIfOpenToOthers(FileWithMode(0400)), std::nullopt);
}

TEST(PrivateFile, OneOpenToOthersIsNamedWithTheRemedy) {
  for (const mode_t mode : {0640U, 0604U, 0660U, 0602U}) {
    const std::string path = FileWithMode(mode);
    EXPECT_THAT(WarnIfOpenToOthers(path), Optional(AllOf(HasSubstr(path), HasSubstr("chmod 600"))));
  }
}

TEST(PrivateFile, OneThatIsNotThereIsSomebodyElsesError) {
  EXPECT_EQ(WarnIfOpenToOthers("/nowhere/file"), std::nullopt);
}

}  // namespace
}  // namespace meshwarden::private_file_test
