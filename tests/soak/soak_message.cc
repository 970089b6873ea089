#include "tests/soak/soak_message.h"

#include <fmt/format.h>

#include <charconv>

namespace meshwarden::testing {
namespace {

constexpr std::string_view kMiddle = "-0000-4000-8000-";

std::optional<std::uint64_t> Hex(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string IdOf(const SoakMessage& message) {
  const Lane& lane = message.lane;
  return fmt::format("{:01x}{:03x}{:04x}{}{:012x}", static_cast<unsigned>(lane.flow), lane.sender,
                     lane.target, kMiddle, message.seq);
}

std::optional<SoakMessage> MessageOfId(std::string_view id) {
  if (id.size() != 36 || id.substr(8, kMiddle.size()) != kMiddle) return std::nullopt;
  const auto flow = Hex(id.substr(0, 1));
  const auto sender = Hex(id.substr(1, 3));
  const auto target = Hex(id.substr(4, 4));
  const auto seq = Hex(id.substr(24));
  if (!flow || *flow >= kFlows || !sender || !target || !seq) return std::nullopt;
  return SoakMessage{.lane = {.flow = static_cast<Flow>(*flow), .sender = *sender, .target = *target},
                     .seq = *seq};
}

std::string RoomOf(std::size_t epoch) { return fmt::format("room.e{}", epoch); }

}  // namespace meshwarden::testing
