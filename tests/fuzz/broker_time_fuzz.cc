// Times from hostile bytes: each is nothing, or has the form that a broker writes and lies in the order of
// texts.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "endpoint/jetstream/broker_time.h"
#include "tests/fuzz/invariant.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using meshwarden::NanosecondsOf;
  using meshwarden::fuzz::Require;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto time = NanosecondsOf(input);
  if (!time.has_value()) return 0;
  Require(size >= 20 && size <= 30 && input.back() == 'Z', "a time has the form of one");
  // Without its fraction it is at most a second earlier.
  const auto whole = NanosecondsOf(std::string(input.substr(0, 19)) + "Z");
  Require(whole.has_value() && *whole <= *time && *time - *whole < 1'000'000'000,
          "a fraction is below a second");
  return 0;
}
