// Lines of a driver from hostile bytes: each is refused with a reason, or read into a command that holds to
// its bounds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "manager/agent/command.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

void CheckBounds(const Command& command) {
  if (const auto* history = std::get_if<verb::History>(&command)) {
    Require(history->limit >= 1 && history->limit <= kMaxHistory, "a history is asked for within its limit");
  }
  if (const auto* control = std::get_if<verb::Control>(&command)) {
    Require(control->timeout.count() >= 1 && control->timeout <= kMaxControlTimeout, "a time-out is bounded");
    Require(control->args.is_object() || control->args.is_null(), "arguments are an object if there are any");
  }
  if (const auto* multicast = std::get_if<verb::Multicast>(&command)) {
    for (const Part& part : multicast->words.parts) Require(!part.kind.empty(), "a part has a kind");
  }
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const CommandLineRead read = ReadCommandLine(line);
  if (read.command.ok()) {
    fuzz::CheckBounds(*read.command);
  } else {
    fuzz::Require(!read.command.status().message().empty(), "an error says what is wrong");
    fuzz::Require(MessageOf(read.command.status()).find('\n') == std::string::npos, "an error is one line");
  }
  const CommandLineRead again = ReadCommandLine(line);
  fuzz::Require(again.ref == read.ref && again.command.ok() == read.command.ok(), "it reads the same twice");
  return 0;
}
