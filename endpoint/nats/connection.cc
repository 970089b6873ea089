#include "endpoint/nats/connection.h"

#include <absl/strings/cord.h>
#include <fmt/format.h>

#include "base/status.h"
#include "base/text/printable.h"
#include "endpoint/nats/blocking.h"
#include "endpoint/nats/nats_connection.h"
#include "endpoint/nats/no_responders.h"
#include "endpoint/nats/server/tls_files.h"
#include "proto/token.h"

namespace meshwarden {
namespace {

constexpr char kNoRespondersMark[] = "meshwarden/no-responders";

// The library puts the name into a JSON text as it is.
std::string EscapeForJson(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// Of the creds, if there are any.
std::string IdentityOf(const ConnectionOptions& options) {
  if (options.creds_file != nullptr) return options.creds_file->id();
  return options.creds == nullptr ? std::string() : options.creds->id();
}

absl::Status CheckOptions(const ConnectionOptions& options) {
  if (options.servers.empty()) return absl::InvalidArgumentError("no server given to connect to");
  if (options.connect_timeout.count() <= 0 || options.ping_interval.count() <= 0 ||
      options.reconnect_wait.count() <= 0 || options.max_pending_bytes <= 0) {
    return absl::InvalidArgumentError("times and limits of a connection must be positive");
  }
  if (options.creds != nullptr && options.creds_file != nullptr) {
    return absl::InvalidArgumentError("a connection takes creds or a creds file, not both");
  }
  if (!IdentityOf(options).empty() && (options.token != nullptr || !options.user.empty())) {
    return absl::InvalidArgumentError("creds can't be combined with a token or with a user and password");
  }
  if (const std::string identity = IdentityOf(options);
      !identity.empty() && !options.id.empty() && options.id != identity) {
    return absl::InvalidArgumentError(
        fmt::format("the id {} is not the identity of the creds, {}", options.id, identity));
  }
  if (!options.id.empty() && !IsSafeToken(options.id)) {
    return absl::InvalidArgumentError(
        fmt::format("{} can't be an id: use letters, digits, '_' and '-' only", Quoted(options.id)));
  }
  if (options.tls.cert_file.empty() != options.tls.key_file.empty()) {
    return absl::InvalidArgumentError("a TLS client certificate and its key must be given together");
  }
  // At each connect too: they are renewed while the program runs.
  MW_RETURN_IF_ERROR(CheckTlsFiles(options.tls));
  return absl::OkStatus();
}

}  // namespace

absl::Status NoRespondersError() {
  absl::Status status = absl::UnavailableError("nobody serves this request");
  status.SetPayload(kNoRespondersMark, absl::Cord());
  return status;
}

bool IsNoResponders(const absl::Status& status) { return status.GetPayload(kNoRespondersMark).has_value(); }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(ConnectionOptions options) {
  MW_RETURN_IF_ERROR(CheckOptions(options));
  std::vector<ServerUrl> servers;
  for (const std::string& text : options.servers) {
    MW_ASSIGN_OR_RETURN(ServerUrl url, ParseServerUrl(text));
    servers.push_back(std::move(url));
  }
  options.name = EscapeForJson(options.name);
  auto connection = std::make_unique<NatsConnection>(std::move(options), std::move(servers));
  MW_RETURN_IF_ERROR(connection->Start());
  return connection;
}

absl::StatusOr<NatsMessage> Connection::Request(std::string_view subject, std::string_view payload,
                                                std::chrono::milliseconds timeout) {
  return Await<NatsMessage>(
      [&](ReplyCallback done) { RequestAsync(subject, payload, timeout, std::move(done)); });
}

absl::StatusOr<NatsMessage> Connection::RequestMessage(NatsMessage message,
                                                       std::chrono::milliseconds timeout) {
  return Await<NatsMessage>(
      [&](ReplyCallback done) { RequestMessageAsync(std::move(message), timeout, std::move(done)); });
}

}  // namespace meshwarden
