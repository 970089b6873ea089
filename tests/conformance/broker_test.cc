#include "tests/conformance/broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "endpoint/nats/connection.h"
#include "tests/support/broker.h"
#include "tests/support/process.h"

namespace meshwarden::conformance::broker_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BrokerCases : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, meshwarden::testing::TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, std::chrono::seconds(10));
    MW_ASSERT_OK_AND_ASSIGN(
        const std::string text,
        ReadFile(meshwarden::testing::Runfile("tests/conformance/vectors/broker.json"), 1 << 20));
    MW_ASSERT_OK_AND_ASSIGN(vector_, ParseJsonObject(text, {}));
  }

  std::unique_ptr<meshwarden::testing::TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  Json vector_;
};

TEST_F(BrokerCases, StreamsAndDurablesComeOutEqual) {
  const CaseResults results = RunBrokerCases(vector_, *api_, connection_->server_version());
  EXPECT_THAT(results.failures, IsEmpty());
  EXPECT_EQ(results.passed, 8);
}

TEST_F(BrokerCases, ADifferenceIsSeen) {
  vector_["configs"]["consumers"]["dm_<BOB>"]["ack_wait"] = 1;
  const CaseResults results = RunBrokerCases(vector_, *api_, connection_->server_version());
  EXPECT_THAT(results.failures, ElementsAre(HasSubstr("ack_wait is 60000000000, not 1")));
}

}  // namespace
}  // namespace meshwarden::conformance::broker_test
