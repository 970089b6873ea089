// Configurations of the daemon from hostile text: refused with everything that is wrong, or read into one
// that holds to its bounds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "manager/daemon/config.h"
#include "tests/fuzz/invariant.h"

namespace meshwarden::fuzz {
namespace {

void CheckPath(const std::string& path) {
  Require(path.empty() || path.starts_with('/'), "a path is relative to the file's directory");
}

void CheckConfig(const Config& config) {
  for (const std::string& path : {config.credentials, config.mover_credentials, config.watcher_credentials,
                                  config.issuer, config.policy}) {
    CheckPath(path);
  }
  Require(config.space.find_first_of(".*> \t\r\n") == std::string::npos, "a space is one token");
  Require(config.servers.size() <= 64, "servers are bounded");
  Require(config.limits.running <= kMaxInFlight, "so is what is under way");
  Require(config.limits.waiting_per_agent <= kMaxWaitingPerAgent && config.limits.waiting <= kMaxWaiting,
          "so is what waits");
  const absl::Status complete = CheckComplete(config);
  Require(complete.ok() || !complete.message().empty(), "an error says what is missing");
}

void CheckProblem(const std::string& message) {
  Require(!message.empty(), "an error says what is wrong");
  for (const char c : message) {
    Require(c == '\n' || static_cast<unsigned char>(c) >= 0x20, "an error can be shown on a terminal");
  }
}

}  // namespace
}  // namespace meshwarden::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace meshwarden;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = ParseConfig(text, "/etc/meshwarden/meshwardend.yaml");
  if (config.ok()) {
    fuzz::CheckConfig(*config);
  } else {
    fuzz::CheckProblem(MessageOf(config.status()));
  }
  return 0;
}
