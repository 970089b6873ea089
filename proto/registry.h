// What a space says about its channels: one record for each channel, and one of defaults for all of them, in
// the channels bucket.
//
// Decoding is bounded before it parses and strict about the fields it knows, of which one that is null
// counts as absent; others are kept. What is too long or unreadable is refused, never cut or clamped.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace meshwarden {

inline constexpr std::size_t kMaxRegistryBytes = 64 * 1024;
// In UTF-16 units, as the peers count.
inline constexpr std::size_t kMaxChannelDescription = 200;
inline constexpr std::size_t kMaxChannelInstructions = 2000;

// How far back a newcomer hears a channel's history. Keeps the words it was given in ("24h", "1440m").
class ReplayWindow {
 public:
  // InvalidArgument unless `text` is digits and one of s, m, h, d, and nothing else.
  static absl::StatusOr<ReplayWindow> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::chrono::milliseconds length() const { return length_; }
  bool operator==(const ReplayWindow&) const = default;

 private:
  ReplayWindow(std::string text, std::chrono::milliseconds length)
      : text_(std::move(text)), length_(length) {}

  std::string text_;
  std::chrono::milliseconds length_;
};

// The record under kChannelDefaultsKey.
struct ChannelDefaults {
  std::optional<bool> replay;
  std::optional<ReplayWindow> replay_window;
  Json unknown = Json::object();

  bool operator==(const ChannelDefaults&) const = default;
};

// The record under a channel's name.
struct ChannelConfig {
  std::optional<bool> replay;
  std::optional<ReplayWindow> replay_window;
  std::optional<std::string> description;   // for people
  std::optional<std::string> instructions;  // for agents in the channel
  Json unknown = Json::object();

  bool operator==(const ChannelConfig&) const = default;
};

// InvalidArgument if a text is longer than allowed; DecodeChannelConfig checks the same.
absl::Status ValidateChannelConfig(const ChannelConfig& config);

absl::StatusOr<ChannelConfig> DecodeChannelConfig(std::string_view payload);
std::string EncodeChannelConfig(const ChannelConfig& config);
absl::StatusOr<ChannelDefaults> DecodeChannelDefaults(std::string_view payload);
std::string EncodeChannelDefaults(const ChannelDefaults& defaults);

// Whether a record is nothing but what a broker answers to a publish or to a request of its API, stored by
// somebody's reply subject. It decodes as any object does, and says nothing of a channel.
bool IsBrokerAnswer(const ChannelConfig& config);
bool IsBrokerAnswer(const ChannelDefaults& defaults);
// Decodes a record that was read from the registry, where such answers may lie: they are InvalidArgument
// here.
absl::StatusOr<ChannelConfig> DecodeStoredChannelConfig(std::string_view payload);
absl::StatusOr<ChannelDefaults> DecodeStoredChannelDefaults(std::string_view payload);

// Whether a newcomer to the channel hears its history: what the channel says, else the defaults, else yes.
bool EffectiveReplay(const ChannelConfig& config, const ChannelDefaults& defaults);
// How far back: what the channel says, else the defaults, else nothing, which is as far as there is.
std::optional<std::chrono::milliseconds> EffectiveReplayWindow(const ChannelConfig& config,
                                                               const ChannelDefaults& defaults);

}  // namespace meshwarden
