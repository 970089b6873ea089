// What a broker tells by itself of the use of its JetStream API, and what is overheard of it.
//
// Read from hostile bytes: a client can have a broker publish something on these subjects, though it never
// chooses both subject and body. So an advisory counts only if its subject and its `type` both fit, and a
// request by what it is and not by where it was heard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace meshwarden {

// A request to the API that was carried out.
struct ApiUse {
  std::string subject;
  // Who asked: the kind of the client ("Client", "JetStream") and its user. Only what the broker publishes by
  // itself is of kind "JetStream" and has no user.
  std::string kind;
  std::string user;

  // Nobody asked: an answer was aimed at the API.
  bool driven() const { return kind == "JetStream" && user.empty(); }
  bool operator==(const ApiUse&) const = default;
};

// A consumer is gone, whoever deleted it.
struct ConsumerGone {
  std::string stream;
  std::string consumer;

  bool operator==(const ConsumerGone&) const = default;
};

// A request to move the place of a consumer, as it was overheard.
struct PlaceMove {
  std::string stream;
  std::string consumer;                   // empty: it does not tell which
  std::string reply;                      // where its answer goes
  std::optional<std::uint64_t> next_seq;  // absent: to where its acknowledgements end

  // No client asked for it: clients name the consumer, and await the answer in an inbox.
  bool driven() const;
  bool operator==(const PlaceMove&) const = default;
};

using BrokerEvent = std::variant<ApiUse, ConsumerGone, PlaceMove>;

// A page of a list makes the largest advisory; what is longer is not read.
inline constexpr std::size_t kMaxAdvisoryBytes = 8 << 20;

// What to subscribe to. With wildcards all of them: what a push consumer is aimed at reaches literal
// subscriptions only.
inline constexpr std::string_view kApiUses = "$JS.EVENT.ADVISORY.*";
std::string GoneConsumers(std::string_view stream);
std::string PlaceMoves(std::string_view stream);

// Nothing for what is no such advisory, and for uses of the API that no rule looks at: those that a client
// asked for and that delete no consumer. They are by far the most, and are told apart without reading them.
std::optional<BrokerEvent> ParseAdvisory(std::string_view subject, std::string_view payload);

// What came on the subscription PlaceMoves(stream).
struct Overheard {
  std::string_view stream;
  std::string_view subject;
  std::string_view reply;
  std::string_view payload;
};
PlaceMove ParsePlaceMove(const Overheard& message);

}  // namespace meshwarden
