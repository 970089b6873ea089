// Which NATS servers will do: what the manager needs of one, and what operators should run.
#pragma once

#include <string>
#include <string_view>

namespace meshwarden {

enum class ServerVersionVerdict {
  kFine,
  kOutdated,  // works, but has known holes that later releases close
  kTooOld,    // lacks what the manager needs: filters on several subjects (2.10)
};

struct ServerVersionCheck {
  ServerVersionVerdict verdict = ServerVersionVerdict::kTooOld;
  std::string message;  // what is wrong and what to do; empty if it is fine
};

// Judges a server by the version that it reports ("2.10.27", "2.12.0-RC.1"). One that cannot be read is too
// old.
ServerVersionCheck CheckServerVersion(std::string_view version);

// True for a server that allows a stream 1,000 consumers unless the stream or its account sets a limit (2.15
// and later).
bool BoundsConsumersByDefault(std::string_view version);

}  // namespace meshwarden
