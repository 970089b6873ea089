#include "endpoint/nats/server/server_url.h"

#include "base/status_matchers.h"

namespace meshwarden::testing::server_url_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(std::string_view url) {
  const absl::StatusOr<ServerUrl> parsed = ParseServerUrl(url);
  return parsed.ok() ? parsed->Text() : std::string(parsed.status().message());
}

TEST(ServerUrlTest, FormsAreRead) {
  EXPECT_EQ(TextOf("nats://host:1234"), "nats://host:1234");
  EXPECT_EQ(TextOf("tls://host:1234/"), "tls://host:1234");
  EXPECT_EQ(TextOf("host"), "nats://host:4222");
  EXPECT_EQ(TextOf("10.0.0.1:1"), "nats://10.0.0.1:1");
  EXPECT_EQ(TextOf("nats://[::1]:5"), "nats://[::1]:5");
  EXPECT_EQ(TextOf("[::1]"), "nats://[::1]:4222");
}

TEST(ServerUrlTest, OtherSchemesAreRefused) {
  EXPECT_THAT(ParseServerUrl("http://host"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither nats nor tls")));
  EXPECT_THAT(ParseServerUrl("ws://host"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ServerUrlTest, PasswordIsRefusedAndNotShown) {
  EXPECT_THAT(ParseServerUrl("nats://user:hunter2@host"),
              StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("hunter2"))));
}

TEST(ServerUrlTest, BadPortsAreRefused) {
  for (const char* url : {"host:", "host:x", "host:65536", "host:123456", "host:-1", "[::1]x", "[::1]:"}) {
    EXPECT_THAT(ParseServerUrl(url), StatusIs(absl::StatusCode::kInvalidArgument)) << url;
  }
  EXPECT_EQ(TextOf("host:65535"), "nats://host:65535");
}

TEST(ServerUrlTest, BadHostsAreRefused) {
  for (const char* url : {"", "nats://", ":4222", "a b", "a/b", "a,b", "host\r\n", "[::1"}) {
    EXPECT_THAT(ParseServerUrl(url), StatusIs(absl::StatusCode::kInvalidArgument)) << url;
  }
  EXPECT_THAT(ParseServerUrl(std::string(600, 'a')), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ServerUrlTest, OfALongTextTheBeginningIsShown) {
  EXPECT_THAT(TextOf(std::string(79, 'a') + "é/b"), HasSubstr("server \"" + std::string(79, 'a') + "…\": "));
}

}  // namespace
}  // namespace meshwarden::testing::server_url_test
