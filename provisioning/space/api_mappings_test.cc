#include "provisioning/space/api_mappings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace meshwarden::api_mappings_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "ABCDEFGHIJKLMNOPQRSTUVWX27";

std::string TargetOf(const Json& mappings, const std::string& subject) {
  const auto found = mappings.find(subject);
  return found == mappings.end() ? "" : found->at(0).at("subject").get<std::string>();
}

TEST(ApiMappingsTest, PlainSubjectsLeadNowhere) {
  const Json mappings = ApiMappings("main", kToken);
  EXPECT_EQ(TargetOf(mappings, "$JS.API.STREAM.PURGE.*"), "$JS.OFF.STREAM.PURGE.{{wildcard(1)}}");
  EXPECT_EQ(TargetOf(mappings, "$JS.API.STREAM.DELETE.*"), "$JS.OFF.STREAM.DELETE.{{wildcard(1)}}");
  EXPECT_EQ(TargetOf(mappings, "$JS.API.STREAM.MSG.DELETE.*"), "$JS.OFF.STREAM.MSG.DELETE.{{wildcard(1)}}");
  EXPECT_EQ(TargetOf(mappings, "$JS.API.STREAM.LEADER.STEPDOWN.*"),
            "$JS.OFF.STREAM.LEADER.STEPDOWN.{{wildcard(1)}}");
  EXPECT_EQ(TargetOf(mappings, "$JS.API.CONSUMER.LEADER.STEPDOWN.*.*"),
            "$JS.OFF.CONSUMER.LEADER.STEPDOWN.{{wildcard(1)}}.{{wildcard(2)}}");
}

TEST(ApiMappingsTest, ConsumersOfEachStreamButTheChatsAreOutOfReach) {
  const Json mappings = ApiMappings("main", kToken);
  for (const std::string stream : {"DM_main", "TASK_main", "KV_cotal_presence_main", "KV_cotal_channels_main",
                                   "KV_meshwarden_agents_main"}) {
    EXPECT_EQ(TargetOf(mappings, "$JS.API.CONSUMER.DELETE." + stream + ".*"),
              "$JS.OFF.CONSUMER.DELETE." + stream + ".{{wildcard(1)}}");
  }
  EXPECT_THAT(mappings.dump(), Not(HasSubstr("CHAT_")));
}

TEST(ApiMappingsTest, TheTokenLeadsToThePlainSubjects) {
  const Json mappings = ApiMappings("main", kToken);
  const std::string secret = std::string("$JS.API.") + kToken;
  EXPECT_EQ(TargetOf(mappings, secret + ".STREAM.PURGE.*"), "$JS.API.STREAM.PURGE.{{wildcard(1)}}");
  EXPECT_EQ(TargetOf(mappings, secret + ".CONSUMER.DELETE.*.*"),
            "$JS.API.CONSUMER.DELETE.{{wildcard(1)}}.{{wildcard(2)}}");
  EXPECT_EQ(mappings.size(), 16U);
}

TEST(ApiMappingsTest, TheTokenCanBeReadBack) {
  EXPECT_EQ(TokenOfMappings(ApiMappings("main", kToken)), kToken);
  EXPECT_EQ(TokenOfMappings(Json::object()), "");
  EXPECT_EQ(TokenOfMappings(Json(nullptr)), "");
  EXPECT_EQ(TokenOfMappings(Json{{"$JS.API.STREAM.PURGE.*", 1}, {"$JS.API.ABC.STREAM.PURGE.*", 1}}), "");
  EXPECT_EQ(TokenOfMappings(Json{{std::string("$JS.API.") + kToken + "A.STREAM.PURGE.*", 1}}), "");
}

}  // namespace
}  // namespace meshwarden::api_mappings_test
