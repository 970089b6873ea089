#include "tests/conformance/subjects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status_matchers.h"

namespace meshwarden::conformance::subjects_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SubjectCasesTest, EveryVectorOfTheTreeComesOut) {
  MW_ASSERT_OK_AND_ASSIGN(const std::string text,
                          ReadFile("tests/conformance/vectors/subjects.json", 4 << 20));
  MW_ASSERT_OK_AND_ASSIGN(const Json cases, ParseJson(text, {.max_bytes = 4 << 20}));
  const CaseResults results = RunSubjectCases(cases);
  EXPECT_THAT(results.failures, ElementsAre());
  EXPECT_GT(results.passed, 0);
  EXPECT_EQ(results.passed + results.decided_otherwise, static_cast<int>(cases.size()));
}

TEST(SubjectCasesTest, WrongResultFails) {
  const CaseResults results =
      RunSubjectCases(Json::parse(R"([{"fn":"token","args":["a.b"],"result":"a.b"}])"));
  EXPECT_EQ(results.passed, 0);
  EXPECT_THAT(results.failures, ElementsAre(HasSubstr("got \"a_b\"")));
}

TEST(SubjectCasesTest, WrongErrorTextFails) {
  const CaseResults results =
      RunSubjectCases(Json::parse(R"([{"fn":"assertValidChannel","args":["a..b"],"error":"no"}])"));
  EXPECT_THAT(results.failures, ElementsAre(HasSubstr("empty segment")));
}

TEST(SubjectCasesTest, ErrorWhereAResultIsExpectedFails) {
  const CaseResults results =
      RunSubjectCases(Json::parse(R"([{"fn":"parseDuration","args":["x"],"result":1}])"));
  EXPECT_EQ(results.failed, 1);
}

TEST(SubjectCasesTest, ListThatThePeerEmptiesIsDecidedOtherwise) {
  const CaseResults results = RunSubjectCases(
      Json::parse(R"([{"fn":"collapseFilterSubjects","args":[["team.*","team.>"]],"result":[]},
                      {"fn":"collapseFilterSubjects","args":[["*.*","a.>"]],"result":["*.*"]}])"));
  EXPECT_THAT(results.failures, ElementsAre());
  EXPECT_EQ(results.decided_otherwise, 2);
}

TEST(SubjectCasesTest, UnknownFunctionsAndMalformedCasesFail) {
  const CaseResults results = RunSubjectCases(Json::parse(R"([{"fn":"no","args":[]},{"fn":"token"},7])"));
  EXPECT_EQ(results.failed, 3);
  EXPECT_THAT(results.failures[0], HasSubstr("unknown function"));
}

}  // namespace
}  // namespace meshwarden::conformance::subjects_test
