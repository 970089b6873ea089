// The watcher and its keepers on a broker without authentication, where one connection may do everything.
#include "manager/watch/watcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status_matchers.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "manager/watch/place_keeper.h"
#include "proto/identity/nkey.h"
#include "proto/names.h"
#include "tests/support/broker.h"
#include "tests/support/collector.h"
#include "tests/support/eventually.h"

namespace meshwarden::watcher_test {
namespace {

using ::meshwarden::testing::Collector;
using ::meshwarden::testing::Eventually;
using ::meshwarden::testing::IsOk;
using ::meshwarden::testing::TestBroker;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds kTimeout{5'000};

class CollectingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CollectingSink(Collector<std::string>& lines) : lines_(lines) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_.Add(std::string(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  Collector<std::string>& lines_;
};

class WatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MW_ASSERT_OK_AND_ASSIGN(broker_, TestBroker::Start({}));
    ConnectionOptions options;
    options.servers = {broker_->url()};
    MW_ASSERT_OK_AND_ASSIGN(connection_, Connection::Open(std::move(options)));
    api_ = std::make_unique<JetStreamApi>(*connection_, kTimeout);
    for (const StreamConfig& stream : SpaceStreams("main", 1))
      ASSERT_THAT(api_->CreateStream(stream), IsOk());
  }

  WatchRepairs::Parts Repairs() {
    return {.api = *api_, .space = "main", .policy = nullptr, .read_record = [](const std::string&) {
              return absl::NotFoundError("nobody is recorded");
            }};
  }
  void Put(const std::string& channel, std::string_view value) {
    ASSERT_THAT(api_->PutKey(ChannelBucket("main"), channel, value), IsOk());
  }
  bool Holds(const std::string& channel, std::string_view value) {
    const std::string bucket = ChannelBucket("main");
    const absl::StatusOr<StoredMessage> stored =
        api_->LastMessage(BucketStream(bucket), BucketSubject(bucket, channel));
    return stored.ok() && stored->payload == value;
  }
  bool Logs(std::string_view part) {
    return lines_.AwaitAny([part](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  bool HasLogged(std::string_view part) {
    const std::vector<std::string> lines = lines_.Await(0);
    return std::any_of(lines.begin(), lines.end(),
                       [part](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  // Attempts to delete what is not there, each of which the broker tells of.
  void Flood(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_THAT(connection_->Publish("$JS.API.CONSUMER.DELETE.CHAT_main.nothing", "{}"), IsOk());
    }
    ASSERT_THAT(connection_->Flush(kTimeout), IsOk());
  }

  std::unique_ptr<TestBroker> broker_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<JetStreamApi> api_;
  Collector<std::string> lines_;
  Log log_{{.format = LogFormat::kText, .level = LogLevel::kInfo}, std::make_shared<CollectingSink>(lines_)};
};

// The registry is read, not heard of. To read it anew each time that something went unheard would be to read
// its beginning for as long as somebody takes care of that.
TEST_F(WatcherTest, WhoeverMakesItHearTooMuchDoesNotKeepItFromTheRegistry) {
  constexpr int kEntries = 300;  // more than are read in one go
  const auto name = [](int i) { return fmt::format("c{:03}", i); };
  const std::string entry = R"({"description":"for all"})";
  for (int i = 0; i < kEntries; ++i) Put(name(i), entry);
  WatchOptions options;
  options.max_events = 1;
  Watcher watcher("main", log_, options);
  ASSERT_THAT(watcher.Start(*connection_, Repairs(), Watcher::Power::kRepair), IsOk());
  // What is stored last is read last.
  Put("last", "no entry");
  ASSERT_TRUE(Logs("set it anew channel=last"));
  ASSERT_TRUE(Eventually([&] {
    Flood(50);
    return HasLogged("more was told by the broker than could be worked off");
  }));
  Put(name(kEntries - 1), "no entry");
  EXPECT_TRUE(Eventually(
      [&] {
        Flood(50);
        return Holds(name(kEntries - 1), entry);
      },
      milliseconds(8'000)));
  watcher.Stop();
}

// Durables of the stream by name alone, as nobody of the space makes them.
TEST_F(WatcherTest, OfWhatIsGoneOnlyAChatDurableIsLookedFor) {
  MW_ASSERT_OK_AND_ASSIGN(const KeyPair user, KeyPair::Generate(NkeyKind::kUser));
  const std::string id = user.public_key().text();
  const std::vector<std::string> names = {ChatDurable(id), ChatHistoryConsumer(id), "other"};
  for (const std::string& name : names) {
    ConsumerConfig config;
    config.durable_name = name;
    config.ack_policy = "explicit";
    config.filter_subject = "cotal.main.chat.*.general";
    ASSERT_THAT(api_->CreateConsumer("CHAT_main", config), IsOk());
  }
  WatchRepairs repairs(Repairs());
  WatchLog log(log_);
  PlaceKeeper keeper({.space = "main", .repairs = repairs, .log = log}, WatchOptions{});
  const auto go_on = [] { return true; };
  EXPECT_THAT(keeper.LookAtAll(go_on).without_chat, IsEmpty());
  for (const std::string& name : names) ASSERT_THAT(api_->DeleteConsumer("CHAT_main", name), IsOk());
  EXPECT_THAT(keeper.LookAtAll(go_on).without_chat, ElementsAre(id));
  // That one is known until somebody says that it is nobody's any more. The others are not.
  keeper.chat_places().Forget(ChatDurable(id));
  EXPECT_THAT(keeper.LookAtAll(go_on).without_chat, IsEmpty());
  for (const std::string& name : names) EXPECT_EQ(keeper.chat_places().Find(name), nullptr) << name;
}

}  // namespace
}  // namespace meshwarden::watcher_test
