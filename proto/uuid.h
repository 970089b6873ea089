// Ids of messages.
#pragma once

#include <string>

namespace meshwarden {

// A random UUID (version 4) in lower case. Thread-safe.
std::string NewUuid();

}  // namespace meshwarden
