// What reading costs that somebody hostile wrote, as large and as costly as the bounds allow: a small
// multiple of a bare look at its bytes, and no more than 10 ms where there is no reason for more (rows T13
// and T26 of the threat model). Measured on the thread's own clock, as often as it takes to see one reading
// that nothing else on the machine has disturbed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "proto/control.h"
#include "proto/message.h"
#include "proto/presence.h"
#include "proto/registry.h"

namespace meshwarden {
namespace {

constexpr int kMostRounds = 40;
constexpr double kMostMilliseconds = 10;

double ThreadMilliseconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double Cost(const std::function<void()>& act) {
  const double begin = ThreadMilliseconds();
  act();
  return ThreadMilliseconds() - begin;
}

// `count` times `item`, in which "#" is the number of the item, with commas between.
std::string Items(std::size_t count, std::string_view item) {
  const std::size_t at = item.find('#');
  std::string items;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) items += ',';
    items += item.substr(0, at);
    if (at != std::string_view::npos) items += std::to_string(i) + std::string(item.substr(at + 1));
  }
  return items;
}

std::string Repeated(std::size_t count, std::string_view text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::string Message(std::string_view data) {
  return fmt::format(R"({{"id":"1","ts":1,"from":{{"id":"UA"}},"parts":[{{"kind":"data","data":{}}}]}})",
                     data);
}

struct Shape {
  const char* name;
  std::string text;
  // At most so many times a bare look. For containers that hold next to nothing it is more than for all else:
  // a look at two bytes is cheap, and each of them is memory of its own.
  double most = 4;
};

constexpr double kTiny = 12;

std::vector<Shape> Messages(std::size_t bytes, std::size_t values) {
  const auto fits = [&](std::size_t each, std::size_t values_each) {
    return std::min((bytes - 200) / each, (values - 100) / values_each);
  };
  const std::string deep = Repeated(kMaxMessageDepth - 5, "[") + Repeated(kMaxMessageDepth - 5, "]");
  return {
      {"keys", Message("{" + Items(fits(11, 1), "\"#\":0") + "}")},
      {"keys of the message",
       R"({"id":"1","ts":1,"from":{"id":"UA"},"parts":[],)" + Items(fits(11, 1), "\"#\":0") + "}"},
      {"keys of the sender",
       R"({"id":"1","ts":1,"parts":[],"from":{"id":"UA",)" + Items(fits(11, 1), "\"#\":0") + "}}"},
      {"objects of many keys", Message("[" + Items(fits(200, 21), "{" + Items(20, "\"#\":0") + "}") + "]")},
      {"numbers", Message("[" + Items(fits(6, 1), "#") + "]")},
      {"fractions", Message("[" + Items(fits(24, 1), "4.9406564584124654e-307") + "]")},
      {"numbers of 1,000 digits", Message("[" + Items(fits(1003, 1), "0." + std::string(1000, '7')) + "]")},
      // Where an object that grows copied what it holds, this would be copied at each level.
      {"a full field on each level", Message(Repeated(100, "{\"a\":") + "[" + Items(fits(7, 1) - 200, "#") +
                                             "]" + Repeated(100, ",\"b\":0}"))},
      {"texts", Message("[" + Items(fits(24, 1), "\"a text of a few words\"") + "]")},
      {"mentions", R"({"id":"1","ts":1,"from":{"id":"UA"},"parts":[],"mentions":[)" +
                       Items(fits(20, 1), "\"0123456789abcdef\"") + "]}"},
      {"one text", Message("\"" + std::string(bytes - 200, 'x') + "\"")},
      {"escapes", Message("\"" + Repeated((bytes - 200) / 6, "\\u00e9") + "\"")},
      {"line breaks", Message("\"" + Repeated((bytes - 200) / 2, "\\n") + "\"")},
      {"objects of one key", Message("[" + Items(fits(8, 2), "{\"\":0}") + "]"), kTiny},
      {"arrays of one element", Message("[" + Items(fits(4, 2), "[0]") + "]"), kTiny},
      {"empty arrays", Message("[" + Items(fits(3, 1), "[]") + "]"), kTiny},
      {"empty objects", Message("[" + Items(fits(3, 1), "{}") + "]"), kTiny},
      {"deep arrays", Message("[" + Items(fits(deep.size() + 1, kMaxMessageDepth), deep) + "]"), kTiny},
      {"empty texts", Message("[" + Items(fits(3, 1), "\"\"") + "]"), kTiny},
      {"parts",
       R"({"id":"1","ts":1,"from":{"id":"UA"},"parts":[)" + Items(fits(13, 2), R"({"kind":"a"})") + "]}",
       kTiny},
  };
}

TEST(JsonCost, AMessageCostsASmallMultipleOfItsBytes) {
  for (const Shape& shape : Messages(kMaxMessageBytes, kMaxMessageValues)) {
    ASSERT_TRUE(DecodeMessage(shape.text).ok()) << shape.name;
    double bare = std::numeric_limits<double>::max();
    double whole = bare;
    for (int round = 0; round < kMostRounds && (round < 2 || whole > shape.most * bare); ++round) {
      bare = std::min(bare, Cost([&] { ASSERT_TRUE(Json::accept(shape.text)); }));
      whole = std::min(whole, Cost([&] { ASSERT_TRUE(DecodeMessage(shape.text).ok()); }));
    }
    std::printf("%-25s %7zu bytes: looked at in %5.2f ms, read and let go in %5.2f, %.1f times that\n",
                shape.name, shape.text.size(), bare, whole, whole / bare);
    EXPECT_LE(whole, shape.most * bare) << shape.name;
  }
}

void ExpectCheap(const char* name, const std::string& text,
                 const std::function<bool(const std::string&)>& decode, double most = kMostMilliseconds) {
  ASSERT_TRUE(decode(text)) << name << ", which is to be within the bounds: " << text.substr(0, 200);
  double whole = std::numeric_limits<double>::max();
  for (int round = 0; round < kMostRounds && whole > most; ++round) {
    whole = std::min(whole, Cost([&] { ASSERT_TRUE(decode(text)); }));
  }
  EXPECT_LE(whole, most) << name;
}

// Where the whole suite runs beside it, up to 12 were seen; where reading was quadratic it took a second.
TEST(JsonCost, AMessageOf100KilobytesTakesAReaderAtMostThirtyMilliseconds) {
  for (const Shape& shape : Messages(100'000, kMaxMessageValues)) {
    ExpectCheap(
        shape.name, shape.text, [](const std::string& text) { return DecodeMessage(text).ok(); }, 30);
  }
}

TEST(JsonCost, AControlRequestTakesAtMostTenMilliseconds) {
  const auto request = [](std::string_view args) {
    return fmt::format(R"({{"op":"setChannels","from":{{"id":"UA"}},"args":{}}})", args);
  };
  const std::size_t values = kMaxControlValues - 10;
  const std::size_t deep = kMaxControlDepth - 3;
  const std::size_t bytes = kMaxControlRequestBytes - 200;
  for (const std::string& text :
       {request("{" + Items(values, "\"#\":0") + "}"),
        request("{" + Items(values, "\"" + std::string(bytes / values - 9, 'k') + "#\":0") + "}"),
        request("{\"a\":[" + Items(values / deep, Repeated(deep, "[") + Repeated(deep, "]")) + "]}"),
        request("{\"a\":[" + Items(bytes / 320, "0." + std::string(316, '7')) + "]}"),
        request("{\"a\":\"" + Repeated(bytes / 6, "\\ud800") + "\"}")}) {
    ExpectCheap("a request", text,
                [](const std::string& payload) { return DecodeControlRequest(payload).ok(); });
  }
}

TEST(JsonCost, ARecordThatAnyAgentMayWriteTakesAtMostTenMilliseconds) {
  const std::string card = R"("card":{"id":"UA","name":"a","kind":"agent"},"status":"idle","ts":1)";
  for (const std::string& more : {Items(1'000, "\"#\":0"), "\"x\":[" + Items(1'000, "[]") + "]",
                                  "\"x\":[" + Items(60, "0." + std::string(1'000, '7')) + "]",
                                  "\"x\":\"" + Repeated(10'000, "\\ud800") + "\""}) {
    ExpectCheap("presence", "{" + card + "," + more + "}",
                [](const std::string& text) { return DecodePresence(text).ok(); });
    ExpectCheap("a channel's record", "{" + more + "}",
                [](const std::string& text) { return DecodeStoredChannelConfig(text).ok(); });
  }
}

}  // namespace
}  // namespace meshwarden
