// What a fuzz target asserts, in every build mode.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace meshwarden::fuzz {

// Ends the program with `what` on standard error unless `holds`; the fuzzer then keeps the input.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace meshwarden::fuzz
