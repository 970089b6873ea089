// Is a message that a stream delivered what it says it is? The one rule for every path: live, backfill,
// recall, direct messages and tasks. Pure function, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "proto/message.h"
#include "proto/subject.h"

namespace meshwarden {

// Whose endpoint asks, and which stream the message came from.
struct InboundContext {
  std::string_view space;
  std::string_view own_id;
  Delivery stream = Delivery::kChannel;
  std::string_view own_role = {};  // for tasks
};

struct Inbound {
  enum class Verdict {
    kAuthentic,
    kOwnEcho,
    kRefused,  // not to be handed to anybody; `problem` says why
  };
  Verdict verdict = Verdict::kRefused;
  // Its destination is the one that the subject tells: the channel, one's own id, or one's own role. A
  // channel that the payload writes in other words that make the same subject is kept as written.
  MeshMessage message;
  std::string channel;  // concrete; of a chat message, as in the subject
  std::string problem;
};

// Refused: a subject that does not have exactly the shape of the stream's, lies in another space, or is
// addressed to somebody else; a payload that can't be decoded (see DecodeMessage); a `from.id` that is
// missing or is not the subject's sender.
Inbound Examine(const InboundContext& context, std::string_view subject, std::string_view payload);

}  // namespace meshwarden
