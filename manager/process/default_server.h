// Where a NATS server is looked for if nobody says.
#pragma once

namespace meshwarden {

inline constexpr char kDefaultServer[] = "nats://127.0.0.1:4222";

}  // namespace meshwarden
