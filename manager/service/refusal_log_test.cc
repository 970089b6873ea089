#include "manager/service/refusal_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace meshwarden::refusal_log_test {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RefusalLogTest : public ::testing::Test {
 protected:
  // What is written about one refusal.
  std::string Written(Refusal why, const std::string& sender, const std::string& detail = "") {
    text_.str("");
    refusals_.Write({.why = why, .sender = sender, .detail = detail});
    return text_.str();
  }

  std::ostringstream text_;
  Log log_{{}, std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  RepeatLimit::Time now_{seconds(1000)};
  RefusalLog refusals_{log_, [this] { return now_; }};
};

TEST_F(RefusalLogTest, ARefusalIsOneLine) {
  EXPECT_THAT(Written(Refusal::kForeignReply, "UA", "$JS.API.X"),
              HasSubstr(" warning request refused why=foreign_reply id=UA detail=$JS.API.X\n"));
  EXPECT_THAT(Written(Refusal::kTooFast, "UA"), HasSubstr("request refused why=slow_down id=UA\n"));
  EXPECT_THAT(Written(Refusal::kForeignSubject, "", "a.b"),
              HasSubstr("request refused why=foreign_subject detail=a.b\n"));
}

TEST_F(RefusalLogTest, AFloodIsOneLineAMinuteForEachSenderAndKind) {
  EXPECT_THAT(Written(Refusal::kTooFast, "UA"), Not(IsEmpty()));
  for (int i = 0; i < 1000; ++i) EXPECT_THAT(Written(Refusal::kTooFast, "UA"), IsEmpty());
  EXPECT_THAT(Written(Refusal::kTooFast, "UB"), Not(IsEmpty()));
  EXPECT_THAT(Written(Refusal::kMalformed, "UA"), Not(IsEmpty()));
  now_ += seconds(59);
  EXPECT_THAT(Written(Refusal::kTooFast, "UA"), IsEmpty());
  now_ += seconds(1);
  EXPECT_THAT(Written(Refusal::kTooFast, "UA"), HasSubstr("why=slow_down id=UA again=1001\n"));
}

TEST_F(RefusalLogTest, TheTextOfARequestIsPrintableAndShort) {
  const std::string line = Written(Refusal::kForeignReply, "UA", "a\r\n\x1b[2J\xff" + std::string(4000, 'x'));
  EXPECT_LT(line.size(), 400U);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace meshwarden::refusal_log_test
