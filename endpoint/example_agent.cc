// An agent that says hello, answers mentions and direct messages, and goes on SIGTERM.
//   example_agent SERVER NAME [CREDS_FILE] [--once]     --once: goes after its first answer
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "endpoint/endpoint.h"

using namespace meshwarden;

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool once = std::erase(args, "--once") > 0;
  if (args.size() < 2 || args.size() > 3) return 2;

  EndpointOptions options;
  options.servers = {args[0]};
  options.card.name = args[1];
  if (args.size() == 3) {
    absl::StatusOr<std::shared_ptr<CredsFile>> creds = CredsFile::Open(args[2]);
    if (!creds.ok()) return std::fprintf(stderr, "%s\n", creds.status().ToString().c_str()), 1;
    options.creds_file = *std::move(creds);
  }
  // Before there are threads: all of them leave the signal to sigwait below.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Endpoint* self = nullptr;  // set before the first message can come
  EndpointHandlers handlers;
  handlers.on_message = [&](const ReceivedMessage& received) {
    const MeshMessage& message = received.message;
    const bool mentioned = std::ranges::count(message.mentions, args[1]) > 0;
    if (!received.historical && (mentioned || received.kind == Delivery::kDm)) {
      Content answer{.parts = {Part::Text("Hello, " + message.from.name)}, .reply_to = message.id};
      const auto sent = received.kind == Delivery::kDm ? self->Unicast(message.from.id, answer)
                                                       : self->Multicast(answer, message.destination.name);
      if (!sent.ok()) return;  // not acknowledged: it comes again
      if (once) kill(getpid(), SIGTERM);
    }
    (void)received.settle.Ack();
  };
  handlers.on_error = [](const absl::Status& s) { std::fprintf(stderr, "%s\n", s.ToString().c_str()); };
  auto endpoint = Endpoint::Make(options, handlers);
  if (endpoint.ok()) self = endpoint->get();
  const absl::Status started = endpoint.ok() ? self->Start() : endpoint.status();
  if (!started.ok()) return std::fprintf(stderr, "%s\n", started.ToString().c_str()), 1;
  (void)self->Multicast({.parts = {Part::Text("I am here; mention me")}});
  int signal = 0;
  sigwait(&stop, &signal);
  self->Stop();
}
