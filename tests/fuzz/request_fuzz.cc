// Payloads from hostile bytes: each decoder refuses them, or reads what it can write and read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/control.h"
#include "proto/message.h"
#include "proto/presence.h"
#include "proto/registry.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

template <typename Decode, typename Encode>
void CheckCodec(std::string_view payload, Decode decode, Encode encode) {
  const auto value = decode(payload);
  if (!value.ok()) {
    Require(!value.status().message().empty(), "an error says what is wrong");
    return;
  }
  const std::string text = encode(*value);
  const auto again = decode(text);
  Require(again.ok(), "what was written is read");
  Require(*again == *value, "what was read again is the same");
  Require(encode(*again) == text, "what is written again is the same");
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  fuzz::CheckCodec(payload, DecodeControlRequest, EncodeControlRequest);
  fuzz::CheckCodec(payload, DecodeControlReply, EncodeControlReply);
  fuzz::CheckCodec(payload, DecodeMessage, EncodeMessage);
  fuzz::CheckCodec(payload, DecodePresence, EncodePresence);
  fuzz::CheckCodec(payload, DecodeChannelConfig, EncodeChannelConfig);
  fuzz::CheckCodec(payload, DecodeChannelDefaults, EncodeChannelDefaults);
  fuzz::CheckCodec(payload, DecodeStoredChannelConfig, EncodeChannelConfig);
  fuzz::CheckCodec(payload, DecodeStoredChannelDefaults, EncodeChannelDefaults);
  return 0;
}
