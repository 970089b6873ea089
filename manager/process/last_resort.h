// The end of a process that has been told to end and is held up.
#pragma once

#include <chrono>

namespace meshwarden {

// Ends the process with exit code 0 after `grace`, whatever it is doing then, unless Disarm is called before.
// For when there is nothing left to do but to return from what cannot be called off, such as asking a name
// server that does not answer. Uses SIGALRM, which must not be blocked. Thread-safe.
void ArmLastResort(std::chrono::milliseconds grace);
void DisarmLastResort();

}  // namespace meshwarden
