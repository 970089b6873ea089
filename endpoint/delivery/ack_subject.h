// What the broker tells of a delivery in its reply subject:
//   $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
// or, on servers with domains, with "<domain>.<account hash>." after "$JS.ACK." and a random token at the
// end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meshwarden {

struct AckSubject {
  std::string stream;
  std::string consumer;
  std::uint64_t delivered = 0;  // how often; 1 the first time
  std::uint64_t stream_seq = 0;
  std::uint64_t consumer_seq = 0;
  std::uint64_t time = 0;     // when the message was stored, by the broker's clock; nanoseconds since 1970
  std::uint64_t pending = 0;  // messages that the consumer has still to deliver

  bool operator==(const AckSubject&) const = default;
};

// Nothing for every other text; text longer than 1024 bytes is not looked at.
std::optional<AckSubject> ParseAckSubject(std::string_view reply);

}  // namespace meshwarden
