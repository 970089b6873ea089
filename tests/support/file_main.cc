// The main function of the tests that room_tests.bzl joins: runs the cases of the one file that --file names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

bool IsIn(const testing::TestInfo& test, std::string_view file) {
  const std::string_view path = test.file();
  return path.ends_with(file) && (path.size() == file.size() || path[path.size() - file.size() - 1] == '/');
}

// The filter that leaves the cases in `file` and nothing else; empty if it has none.
std::string FilterFor(std::string_view file) {
  std::string filter;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const testing::TestInfo& test = *suite.GetTestInfo(j);
      if (IsIn(test, file))
        filter.append(filter.empty() ? "" : ":").append(suite.name()).append(".").append(test.name());
    }
  }
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);  // takes out of argv what it knows
  constexpr std::string_view kFlag = "--file=";
  const std::string_view given = argc == 2 ? argv[1] : "";
  if (!given.starts_with(kFlag)) {
    std::fprintf(stderr, "usage: %s --file=NAME_test.cc [GoogleTest's flags]\n", argv[0]);
    return 2;
  }
  const std::string filter = FilterFor(given.substr(kFlag.size()));
  if (filter.empty()) {
    std::fprintf(stderr, "no case of %s is in this program\n", argv[1]);
    return 2;
  }
  // Who asks for certain cases gets those, of whichever file.
  if (testing::GTEST_FLAG(filter) == "*") testing::GTEST_FLAG(filter) = filter;
  return RUN_ALL_TESTS();
}
