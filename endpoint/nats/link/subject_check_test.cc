#include "endpoint/nats/link/subject_check.h"

#include <string>

#include "base/status_matchers.h"

namespace meshwarden::testing::subject_check_test {
namespace {

using ::testing::HasSubstr;

TEST(SubjectCheckTest, SubjectsAndWildcardsPass) {
  for (const char* subject : {"a", "a.b", "$JS.API.CONSUMER.CREATE.S.n.a.*.>", "_INBOX_U.x.1", ">"}) {
    EXPECT_THAT(CheckSubject(subject), IsOk()) << subject;
  }
}

TEST(SubjectCheckTest, WhatWouldBreakALineIsRefused) {
  for (const std::string& subject :
       {std::string("a b"), std::string("a\r\nPUB x"), std::string("a\tb"), std::string("a\0b", 3)}) {
    EXPECT_THAT(CheckSubject(subject),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("white space")));
  }
}

TEST(SubjectCheckTest, EmptyTokensAreRefused) {
  for (const char* subject : {"", ".a", "a.", "a..b", "."}) {
    EXPECT_THAT(CheckSubject(subject),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty token")));
  }
}

TEST(SubjectCheckTest, LengthIsBounded) {
  EXPECT_THAT(CheckSubject(std::string(kMaxSubjectBytes, 'a')), IsOk());
  EXPECT_THAT(CheckSubject(std::string(kMaxSubjectBytes + 1, 'a')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2048")));
}

TEST(SubjectCheckTest, LineTextMayHoldSpacesButNoBreaks) {
  EXPECT_THAT(CheckLineText("name", "a b"), IsOk());
  EXPECT_THAT(CheckLineText("name", ""), IsOk());
  EXPECT_THAT(CheckLineText("the name", "a\r\nb"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the name")));
}

}  // namespace
}  // namespace meshwarden::testing::subject_check_test
