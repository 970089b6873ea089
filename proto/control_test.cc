#include "proto/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "base/status_matchers.h"

namespace meshwarden::control_test {
namespace {

using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr std::string_view kJoin = R"({"op":"setChannels","args":{"channels":["general","team.a"]},)"
                                   R"("from":{"id":"UA","name":"alice","role":"reviewer"}})";

std::string WithArgs(const std::string& args) {
  return R"({"op":"x","from":{"id":"UA"},"args":)" + args + "}";
}

TEST(ControlRequestTest, RequestOfAPeerIsReadAndWrittenAlike) {
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, DecodeControlRequest(kJoin));
  EXPECT_EQ(request.op, "setChannels");
  EXPECT_EQ(request.from.id, "UA");
  EXPECT_EQ(request.args["channels"].size(), 2U);
  EXPECT_EQ(EncodeControlRequest(request), kJoin);
}

TEST(ControlRequestTest, EmptyArgsAreWrittenAsTheyCame) {
  constexpr std::string_view kEmpty = R"({"op":"whoami","args":{},"from":{"id":"UA"}})";
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, DecodeControlRequest(kEmpty));
  EXPECT_EQ(EncodeControlRequest(request), kEmpty);
}

TEST(ControlRequestTest, AbsentArgsStayAbsent) {
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request,
                          DecodeControlRequest(R"({"op":"whoami","from":{"id":"UA"}})"));
  EXPECT_TRUE(request.args.is_null());
  EXPECT_EQ(ControlRequest().args, request.args);
  EXPECT_EQ(EncodeControlRequest(request), R"({"op":"whoami","from":{"id":"UA"}})");
}

TEST(ControlRequestTest, ArgsThatAreNullAreNotThere) {
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, DecodeControlRequest(WithArgs("null")));
  EXPECT_TRUE(request.args.is_null());
  EXPECT_EQ(EncodeControlRequest(request), R"({"op":"x","from":{"id":"UA"}})");
  EXPECT_THAT(DecodeControlRequest(R"({"op":null,"from":{"id":"UA"}})"),
              StatusIs(kInvalid, HasSubstr("\"op\"")));
}

TEST(ControlRequestTest, UnknownFieldsAreKept) {
  constexpr std::string_view kText = R"({"op":"x","from":{"id":"UA","y":1},"later":{"z":[true]}})";
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, DecodeControlRequest(kText));
  EXPECT_EQ(request.unknown.dump(), R"({"later":{"z":[true]}})");
  EXPECT_EQ(EncodeControlRequest(request), kText);
}

TEST(ControlRequestTest, TheEndIsAnInteger) {
  const auto with_end = [](const std::string& until) {
    return R"({"op":"x","from":{"id":"UA"},"until":)" + until + "}";
  };
  for (const char* until : {"1777888999123", "0", "-5", "9223372036854775807"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, DecodeControlRequest(with_end(until)));
    EXPECT_EQ(EncodeControlRequest(request), with_end(until));
  }
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest huge, DecodeControlRequest(with_end("18446744073709551615")));
  EXPECT_EQ(huge.until, std::numeric_limits<std::int64_t>::max());
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest none, DecodeControlRequest(with_end("null")));
  EXPECT_EQ(none.until, std::nullopt);
  for (const char* until : {"1.0", "1e3", "\"1\"", "true", "[1]", "{}", "99999999999999999999"}) {
    EXPECT_THAT(DecodeControlRequest(with_end(until)),
                StatusIs(kInvalid, "control request: field \"until\" must be an integer"))
        << until;
  }
}

TEST(ControlRequestTest, MissingAndOddFieldsAreNamed) {
  EXPECT_THAT(DecodeControlRequest(R"({"op":"x"})"),
              StatusIs(kInvalid, "control request: field \"from\" must be an object"));
  EXPECT_THAT(DecodeControlRequest(R"({"from":{"id":"UA"}})"),
              StatusIs(kInvalid, "control request: field \"op\" must be a string"));
  EXPECT_THAT(DecodeControlRequest(R"({"op":["x"],"from":{"id":"UA"}})"),
              StatusIs(kInvalid, HasSubstr("\"op\"")));
  for (const char* args : {"[]", "\"a\"", "7", "false"}) {
    EXPECT_THAT(DecodeControlRequest(WithArgs(args)),
                StatusIs(kInvalid, "control request: field \"args\" must be an object"));
  }
}

TEST(ControlRequestTest, LengthOfTheOperationIsBounded) {
  const auto with_op = [](std::size_t bytes) {
    return R"({"from":{"id":"UA"},"op":")" + std::string(bytes, 'x') + "\"}";
  };
  EXPECT_THAT(DecodeControlRequest(with_op(kMaxOpBytes)), IsOk());
  EXPECT_THAT(DecodeControlRequest(with_op(kMaxOpBytes + 1)), StatusIs(kInvalid, HasSubstr("1 to 64 bytes")));
  EXPECT_THAT(DecodeControlRequest(with_op(0)), StatusIs(kInvalid, HasSubstr("1 to 64 bytes")));
}

TEST(ControlRequestTest, SizeIsBounded) {
  const std::string frame = WithArgs(R"({"a":""})");
  const auto padded = [&frame](std::size_t bytes) {
    return WithArgs(R"({"a":")" + std::string(bytes - frame.size(), 'x') + "\"}");
  };
  EXPECT_THAT(DecodeControlRequest(padded(kMaxControlRequestBytes)), IsOk());
  EXPECT_THAT(DecodeControlRequest(padded(kMaxControlRequestBytes + 1)),
              StatusIs(kInvalid, HasSubstr("is longer than the 65536 allowed")));
}

TEST(ControlRequestTest, DepthIsBounded) {
  const auto nested = [](std::size_t arrays) {
    return WithArgs(R"({"a":)" + std::string(arrays, '[') + std::string(arrays, ']') + "}");
  };
  EXPECT_THAT(DecodeControlRequest(nested(kMaxControlDepth - 2)), IsOk());
  EXPECT_THAT(DecodeControlRequest(nested(kMaxControlDepth - 1)),
              StatusIs(kInvalid, HasSubstr("deeper than 8")));
}

TEST(ControlRequestTest, NumberOfValuesIsBounded) {
  // The request, its op, from and id, its args and the list in them are values too.
  const auto with_list = [](std::size_t items) {
    std::string list = "0";
    for (std::size_t i = 1; i < items; ++i) list += ",0";
    return WithArgs(R"({"a":[)" + list + "]}");
  };
  EXPECT_THAT(DecodeControlRequest(with_list(kMaxControlValues - 6)), IsOk());
  EXPECT_THAT(DecodeControlRequest(with_list(kMaxControlValues - 5)),
              StatusIs(kInvalid, HasSubstr("1024 values")));
}

TEST(ControlRequestTest, HostileJsonIsRefused) {
  for (const char* text :
       {"", "null", "[]", "\"x\"", "{", R"({"op":"x","op":"y","from":{"id":"UA"}})",
        "{\"op\":\"\xFF\",\"from\":{\"id\":\"UA\"}}", R"({"op":"x","from":{"id":"UA"},"n":1e999})"}) {
    EXPECT_THAT(DecodeControlRequest(text), StatusIs(kInvalid, HasSubstr("control request: "))) << text;
  }
}

// JavaScript writes it. It is no operation, and no sender's id.
TEST(ControlRequestTest, HalfOfAPairIsReadAsAReplacement) {
  constexpr const char* kText = R"({"op":"join\ud800","from":{"id":"UA\udc00"}})";
  MW_ASSERT_OK_AND_ASSIGN(const Json object, ParseControlRequest(kText));
  for (const char* id : {"UA", "UA\\udc00", "UA\xED\xB0\x80"}) EXPECT_FALSE(IsFrom(object, id)) << id;
  MW_ASSERT_OK_AND_ASSIGN(const ControlRequest request, ReadControlRequest(object));
  EXPECT_EQ(request.op, "join\uFFFD");
}

TEST(ControlReplyTest, SuccessHasData) {
  const ControlReply reply = ControlReply::Ok(Json::parse(R"({"channels":["general"]})"));
  EXPECT_EQ(EncodeControlReply(reply), R"({"ok":true,"data":{"channels":["general"]}})");
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply again, DecodeControlReply(EncodeControlReply(reply)));
  EXPECT_EQ(again, reply);
}

TEST(ControlReplyTest, ErrorHasTextAndCode) {
  const ControlReply reply = ControlReply::Error("unknown_agent", "no such agent");
  EXPECT_EQ(EncodeControlReply(reply), R"({"ok":false,"error":"no such agent","code":"unknown_agent"})");
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply again, DecodeControlReply(EncodeControlReply(reply)));
  EXPECT_EQ(again, reply);
}

TEST(ControlReplyTest, AStaleRequestIsToldTheTime) {
  const ControlReply reply = ControlReply::StaleRequest("too late", 1'777'888'999'123);
  EXPECT_EQ(EncodeControlReply(reply),
            R"({"ok":false,"data":{"now":1777888999123},"error":"too late","code":"stale_request"})");
  EXPECT_EQ(NowOfStaleRequest(reply), 1'777'888'999'123);
  for (const char* other :
       {R"({"ok":true,"data":{"now":1},"code":"stale_request"})",
        R"({"ok":false,"data":{"now":1},"code":"x"})",
        R"({"ok":false,"data":{"now":"1"},"code":"stale_request"})",
        R"({"ok":false,"data":{"now":1.5},"code":"stale_request"})",
        R"({"ok":false,"data":[1],"code":"stale_request"})", R"({"ok":false,"code":"stale_request"})"}) {
    MW_ASSERT_OK_AND_ASSIGN(const ControlReply odd, DecodeControlReply(other));
    EXPECT_EQ(NowOfStaleRequest(odd), std::nullopt) << other;
  }
}

TEST(ControlReplyTest, ReplyOfAPeerHasNoCode) {
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply, DecodeControlReply(R"({"ok":false,"error":"no","x":1})"));
  EXPECT_EQ(reply.code, "");
  EXPECT_EQ(reply.error, "no");
  EXPECT_EQ(reply.unknown.dump(), R"({"x":1})");
}

TEST(ControlReplyTest, OptionalFieldsThatAreNullAreNotThere) {
  MW_ASSERT_OK_AND_ASSIGN(const ControlReply reply,
                          DecodeControlReply(R"({"ok":true,"data":null,"error":null,"code":null})"));
  EXPECT_EQ(reply, ControlReply::Ok({}));
  EXPECT_EQ(EncodeControlReply(reply), R"({"ok":true})");
  EXPECT_THAT(DecodeControlReply(R"({"ok":null})"), StatusIs(kInvalid, HasSubstr("\"ok\"")));
}

TEST(ControlReplyTest, OddRepliesAreRefused) {
  EXPECT_THAT(DecodeControlReply("{}"),
              StatusIs(kInvalid, "control reply: field \"ok\" must be true or false"));
  EXPECT_THAT(DecodeControlReply(R"({"ok":1})"), StatusIs(kInvalid, HasSubstr("\"ok\"")));
  EXPECT_THAT(DecodeControlReply(R"({"ok":false,"error":7})"), StatusIs(kInvalid, HasSubstr("\"error\"")));
  EXPECT_THAT(DecodeControlReply(R"({"ok":false,"code":[]})"), StatusIs(kInvalid, HasSubstr("\"code\"")));
}

}  // namespace
}  // namespace meshwarden::control_test
