// The soak's messages: what each is for stands in its id, so that nothing else need be remembered of it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meshwarden::testing {

enum class Flow : std::uint8_t { kGeneral, kRoom, kDm, kTask };
inline constexpr std::size_t kFlows = 4;

// Messages of one sender to one destination, numbered from 0.
struct Lane {
  Flow flow = Flow::kGeneral;
  std::size_t sender = 0;  // endpoints are counted from 0
  std::size_t target = 0;  // kDm: the receiver; kRoom: the epoch; else 0
  auto operator<=>(const Lane&) const = default;
};

struct SoakMessage {
  Lane lane;
  std::uint64_t seq = 0;
};

// A UUID.
std::string IdOf(const SoakMessage& message);
// Nothing if `id` is none of ours.
std::optional<SoakMessage> MessageOfId(std::string_view id);

std::string RoomOf(std::size_t epoch);  // "room.e3"

}  // namespace meshwarden::testing
