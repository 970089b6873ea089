// The agent of deploy/quickstart: posts a message, asks for channels, or prints what it received. It uses
// nothing but its creds file, as any agent would.
//
//   demo_agent URL SPACE CREDS post CHANNEL TEXT
//   demo_agent URL SPACE CREDS tell ID TEXT
//   demo_agent URL SPACE CREDS channels CHANNEL...
//   demo_agent URL SPACE CREDS receive
#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "endpoint/connection.h"
#include "endpoint/control.h"
#include "endpoint/fetch.h"
#include "proto/control.h"
#include "proto/identity/creds.h"
#include "proto/message.h"
#include "proto/names.h"
#include "proto/subject.h"

namespace meshwarden {
namespace {

constexpr std::chrono::milliseconds kTimeout{5000};

std::string RandomUuid() {
  std::array<unsigned char, 16> b{};
  randombytes_buf(b.data(), b.size());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  return fmt::format("{:02x}-{:02x}-{:02x}-{:02x}-{:02x}", fmt::join(b.begin(), b.begin() + 4, ""),
                     fmt::join(b.begin() + 4, b.begin() + 6, ""), fmt::join(b.begin() + 6, b.begin() + 8, ""),
                     fmt::join(b.begin() + 8, b.begin() + 10, ""), fmt::join(b.begin() + 10, b.end(), ""));
}

// Stores `text` on `subject`; the stream's acknowledgement answers the request.
absl::Status Post(Connection& connection, const std::string& space, const std::string& subject,
                  Destination destination, const std::string& text) {
  MeshMessage message;
  message.id = RandomUuid();
  message.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  message.space = space;
  message.from.id = connection.id();
  message.from.name = "demo";
  message.destination = std::move(destination);
  message.parts = {Part::Text(text)};
  MW_RETURN_IF_ERROR(connection.Request(subject, EncodeMessage(message), kTimeout).status());
  fmt::print("  posted on {}: {}\n", subject, text);
  return absl::OkStatus();
}

absl::Status SetChannels(Connection& connection, const std::string& space,
                         std::vector<std::string> channels) {
  ControlRequest request;
  request.op = "setChannels";
  request.args = {{"channels", std::move(channels)}};
  request.from.id = connection.id();
  request.from.name = "demo";
  MW_ASSIGN_OR_RETURN(const ControlReply reply,
                      RequestControl(connection, space, kSelfService, request, kTimeout));
  fmt::print("  the manager answers: {}\n", EncodeControlReply(reply));
  return absl::OkStatus();
}

absl::Status PrintFrom(Connection& connection, const std::string& stream, const std::string& consumer) {
  MW_ASSIGN_OR_RETURN(const std::vector<NatsMessage> messages, Fetch(connection, stream, consumer, {}));
  for (const NatsMessage& message : messages) {
    const absl::StatusOr<MeshMessage> decoded = DecodeMessage(message.payload);
    fmt::print("  received on {}: {}\n", message.subject,
               decoded.ok() && !decoded->parts.empty() ? decoded->parts.front().text : message.payload);
    MW_RETURN_IF_ERROR(Ack(connection, message));
  }
  if (messages.empty()) fmt::print("  nothing new in {}\n", stream);
  return connection.Flush(kTimeout);
}

absl::Status Receive(Connection& connection, const std::string& space) {
  MW_RETURN_IF_ERROR(PrintFrom(connection, ChatStream(space), ChatDurable(connection.id())));
  return PrintFrom(connection, DmStream(space), DmDurable(connection.id()));
}

absl::Status Run(const std::vector<std::string>& args) {
  if (args.size() < 4) return absl::InvalidArgumentError("usage: demo_agent URL SPACE CREDS COMMAND ARGS...");
  const std::string& space = args[1];
  const std::string& command = args[3];
  MW_ASSIGN_OR_RETURN(Creds creds, Creds::Load(args[2]));
  ConnectionOptions options;
  options.servers = {args[0]};
  options.name = "demo-agent";
  options.creds = std::make_shared<const Creds>(std::move(creds));
  MW_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, Connection::Open(std::move(options)));
  if (command == "receive") return Receive(*connection, space);
  if (command == "channels") return SetChannels(*connection, space, {args.begin() + 4, args.end()});
  if (args.size() == 6 && command == "post") {
    MW_ASSIGN_OR_RETURN(const std::string subject, ChatSubject(space, connection->id(), args[4]));
    return Post(*connection, space, subject, {.delivery = Delivery::kChannel, .name = args[4]}, args[5]);
  }
  if (args.size() == 6 && command == "tell") {
    return Post(*connection, space, UnicastSubject(space, args[4], connection->id()),
                {.delivery = Delivery::kDm, .name = args[4]}, args[5]);
  }
  return absl::InvalidArgumentError(fmt::format("demo_agent: no such command: {}", command));
}

}  // namespace
}  // namespace meshwarden

int main(int argc, char** argv) {
  const absl::Status status = meshwarden::Run({argv + 1, argv + argc});
  if (status.ok()) return 0;
  fmt::print(stderr, "demo_agent: {}\n", meshwarden::MessageOf(status));
  return 1;
}
