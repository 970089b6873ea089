#include "tests/conformance/server_settings.h"

#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace meshwarden::conformance::server_settings_test {
namespace {

using ::meshwarden::testing::IsOkAndHolds;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(ServerSettingsTest, LayoutDoesNotMatter) {
  const ServerSettings expected = {
      {"host", "127.0.0.1"}, {"jetstream.store_dir", "/var/a b"}, {"port", "4222"}};
  EXPECT_THAT(ReadServerSettings(
                  "# a # comment\nhost: 127.0.0.1\nport: 4222\njetstream { store_dir: \"/var/a b\" }\n"),
              IsOkAndHolds(expected));
  EXPECT_THAT(ReadServerSettings(
                  "jetstream: {\r\n  store_dir = \"/var/a b\"\r\n}\r\nport 4222\nhost = \"127.0.0.1\""),
              IsOkAndHolds(expected));
}

TEST(ServerSettingsTest, EscapesAreTakenAway) {
  EXPECT_THAT(ReadServerSettings(R"(a: "x\"y\\z#{}")"), IsOkAndHolds(ServerSettings{{"a", R"(x"y\z#{})"}}));
}

TEST(ServerSettingsTest, WhatItDoesNotKnowIsRefused) {
  for (const char* text : {"a: [1, 2]", "include \"other.conf\"", "a: $PORT", "a: \"open", "a: \"open\\"}) {
    EXPECT_THAT(ReadServerSettings(text), StatusIs(kInvalid, HasSubstr("cannot read"))) << text;
  }
}

TEST(ServerSettingsTest, BrokenStructureIsRefused) {
  EXPECT_THAT(ReadServerSettings("a { b: 1"), StatusIs(kInvalid, HasSubstr("ends too soon")));
  EXPECT_THAT(ReadServerSettings("a"), StatusIs(kInvalid, HasSubstr("ends too soon")));
  EXPECT_THAT(ReadServerSettings("a: 1 }"), StatusIs(kInvalid, HasSubstr("a brace too many")));
  EXPECT_THAT(ReadServerSettings("{ a: 1 }"), StatusIs(kInvalid, HasSubstr("a brace where none belongs")));
  EXPECT_THAT(ReadServerSettings("a { b }"), StatusIs(kInvalid, HasSubstr("a brace where none belongs")));
  EXPECT_THAT(ReadServerSettings("a: 1\na: 2"), StatusIs(kInvalid, HasSubstr("a is set twice")));
}

}  // namespace
}  // namespace meshwarden::conformance::server_settings_test
