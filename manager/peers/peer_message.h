// What managers of one space tell each other, and proof that it was a manager who said it.
//
// Messages go to inboxes whose subjects hold a secret, so that no client can aim at one. A credential that
// answers requests could listen there, if it was stolen; so each message is sealed with what only those know
// who may write the space's leases, for one receiver, and taken once.
//
//   <seal, 64 hex digits> LF <head: one line of JSON> LF <payload of the request that is passed on>
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace meshwarden {

// Longest that is looked at: a request, its subjects, and what stands around it.
inline constexpr std::size_t kMaxPeerMessageBytes = 80 * 1024;

struct PeerMessage {
  enum class Kind {
    kBeat,  // I am at work
    kPass,  // this request is for an agent of yours
    kTook,  // I have it; `number` is that of the kPass
    kLost,  // an agent's move of mine was not answered: the broker may carry it out at any time
  };
  Kind kind = Kind::kBeat;
  std::string from;          // the sender's instance
  std::uint64_t number = 0;  // counted by the sender, from 1; of a kTook: by its receiver
  // Of a kPass: a request as it came, and how long ago that was.
  std::string subject = {};
  std::string reply = {};
  std::string payload = {};
  std::int64_t age_ms = 0;
  // Of a kLost: whose move, and where to.
  std::string agent = {};
  std::vector<std::string> channels = {};

  bool operator==(const PeerMessage&) const = default;
};

// Const only, so thread-safe.
class PeerSeal {
 public:
  // `records_token`: SpaceSecrets::records.
  explicit PeerSeal(std::string_view records_token);

  // `message` for the manager whose instance is `to`.
  std::string Seal(const PeerMessage& message, std::string_view to) const;
  // The message in `text`, if it is whole and was sealed for `to`. InvalidArgument: it was not.
  absl::StatusOr<PeerMessage> Open(std::string_view text, std::string_view to) const;

 private:
  std::string SealOf(std::string_view sealed, std::string_view to) const;

  Secret key_;
};

}  // namespace meshwarden
