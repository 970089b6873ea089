// The process that reliability_crash_test kills: an endpoint that prints what it is handed. It takes no
// arguments but what it is told by the environment: MW_URL, MW_ID, MW_CREDS (a file, or empty), MW_ACK ("1"
// to acknowledge), and MW_BLOCK_AT, the number of the message from which on its handler does not return (0:
// none).
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "endpoint/endpoint.h"
#include "tests/endpoint/space.h"

namespace meshwarden::testing {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void Print(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

absl::Status Run() {
  EndpointOptions options;
  options.servers = {Environment("MW_URL")};
  options.card.name = "bob";
  options.card.id = Environment("MW_ID");
  options.channels = {"general", "ops"};
  options.ack_wait = std::chrono::seconds(1);
  if (const std::string creds = Environment("MW_CREDS"); !creds.empty()) {
    MW_ASSIGN_OR_RETURN(Creds loaded, Creds::Load(creds));
    options.creds = std::make_shared<const Creds>(std::move(loaded));
  }
  const int block_at = std::atoi(Environment("MW_BLOCK_AT").c_str());
  const bool ack = Environment("MW_ACK") == "1";
  int count = 0;
  EndpointHandlers handlers;
  handlers.on_message = [&](ReceivedMessage message) {
    Print("got " + TextOf(message.message));
    if (ack) (void)message.settle.Ack();
    if (++count == block_at) pause();
  };
  MW_ASSIGN_OR_RETURN(const auto endpoint, Endpoint::Make(std::move(options), std::move(handlers)));
  MW_RETURN_IF_ERROR(endpoint->Start());
  Print("started");
  pause();
  return absl::OkStatus();
}

}  // namespace
}  // namespace meshwarden::testing

int main() {
  const absl::Status status = meshwarden::testing::Run();
  if (status.ok()) return 0;
  std::printf("%s\n", status.ToString().c_str());
  return 1;
}
