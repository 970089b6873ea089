// Answers of the JetStream API from hostile bytes: agents choose much of what stands in them. Each decoder
// refuses them with a reason, or reads what holds to its bounds.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json.h"
#include "endpoint/jetstream/jetstream_answer.h"
#include "endpoint/jetstream/jetstream_config.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

template <typename Decode>
auto Checked(std::string_view payload, Decode decode) {
  NatsMessage answer;
  answer.payload = payload;
  auto value = decode(answer);
  Require(value.ok() || !value.status().message().empty(), "an error says what is wrong");
  return value;
}

void CheckConfig(const ConsumerConfig& config) {
  const auto again = ConsumerConfigFromJson(ToJson(config));
  Require(again.ok() && ToJson(*again) == ToJson(config), "what was written is read");
  Require(config.Filters().size() <= config.filter_subjects.size() + 1, "a filter is one of its fields");
}

void CheckConsumers(std::string_view payload) {
  if (const auto info = Checked(payload, DecodeConsumerInfo); info.ok()) CheckConfig(info->config);
  const auto page = Checked(payload, DecodeConsumerPage);
  if (!page.ok()) return;
  Require(page->consumers.size() <= page->listed, "no consumer is made up");
  for (const ConsumerInfo& info : page->consumers) CheckConfig(info.config);
}

void CheckStreams(std::string_view payload) {
  if (const auto info = Checked(payload, DecodeStreamInfo); info.ok()) {
    Require(info->config.is_object() && Contains(info->config, info->config), "a configuration has itself");
  }
  if (const auto stored = Checked(payload, DecodeStoredMessage); stored.ok()) {
    Require(stored->payload.size() <= payload.size(), "base64 is longer than what it stands for");
  }
  if (const auto page = Checked(payload, DecodeSubjectPage); page.ok()) {
    Require(page->subjects.size() <= 200'000, "a page is bounded");
  }
}

void CheckNumbers(std::string_view payload) {
  const auto answer = Checked(payload, DecodeAnswer);
  if (const auto ack = Checked(payload, DecodePublishAck); ack.ok()) {
    Require(answer.ok() && ack->seq <= INT64_MAX, "a sequence is a number");
  }
  const auto purged = Checked(payload, DecodePurge);
  const auto reset = Checked(payload, DecodeConsumerReset);
  Require(answer.ok() || (!purged.ok() && !reset.ok()), "an error is no answer");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden::fuzz;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  CheckConsumers(payload);
  CheckStreams(payload);
  CheckNumbers(payload);
  return 0;
}
