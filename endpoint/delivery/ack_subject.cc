#include "endpoint/delivery/ack_subject.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>

namespace meshwarden {
namespace {

constexpr std::size_t kMaxBytes = 1024;
constexpr std::string_view kPrefix = "$JS.ACK.";
// What follows the prefix: from the stream's name to the messages pending.
constexpr std::size_t kPlainTokens = 7;
// The domain and the hash of the account, which some servers put before that.
constexpr std::size_t kDomainTokens = 2;
constexpr std::size_t kMostTokens = kDomainTokens + kPlainTokens + 1;

// At least one character, and none that the broker refuses in names.
bool IsName(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != '*' && c != '>';
  });
}

bool ReadNumber(std::string_view token, std::uint64_t& number) {
  const char* const end = token.data() + token.size();
  const auto [stop, error] = std::from_chars(token.data(), end, number);
  return error == std::errc() && stop == end;
}

// Fills `tokens` from the front. How many there are; 0 if they are too many or one is no name.
std::size_t Split(std::string_view text, std::array<std::string_view, kMostTokens>& tokens) {
  for (std::size_t count = 0; count < tokens.size();) {
    const std::size_t dot = text.find('.');
    tokens[count] = text.substr(0, dot);
    if (!IsName(tokens[count++])) return 0;
    if (dot == std::string_view::npos) return count;
    text.remove_prefix(dot + 1);
  }
  return 0;
}

std::optional<AckSubject> Read(std::span<const std::string_view> tokens) {
  AckSubject ack{.stream = std::string(tokens[0]), .consumer = std::string(tokens[1])};
  const bool numbers = ReadNumber(tokens[2], ack.delivered) && ReadNumber(tokens[3], ack.stream_seq) &&
                       ReadNumber(tokens[4], ack.consumer_seq) && ReadNumber(tokens[5], ack.time) &&
                       ReadNumber(tokens[6], ack.pending);
  if (!numbers) return std::nullopt;
  return ack;
}

}  // namespace

std::optional<AckSubject> ParseAckSubject(std::string_view reply) {
  if (reply.size() > kMaxBytes || !reply.starts_with(kPrefix)) return std::nullopt;
  std::array<std::string_view, kMostTokens> tokens;
  const std::size_t count = Split(reply.substr(kPrefix.size()), tokens);
  const std::span all(tokens);
  if (count == kPlainTokens) return Read(all.first(kPlainTokens));
  // The random token at the end is not always there.
  if (count == kDomainTokens + kPlainTokens || count == kMostTokens) {
    return Read(all.subspan(kDomainTokens, kPlainTokens));
  }
  return std::nullopt;
}

}  // namespace meshwarden
