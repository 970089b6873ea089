#include "provisioning/space/server_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/status.h"
#include "provisioning/space/control_line.h"

namespace meshwarden {
namespace {

// The server's default of 4 KB is too short for the JWT of an agent of more than about two channels; the
// server would drop the connection without a word.
// By default a server takes minutes to see that a client, or another server of its cluster, hangs, and goes
// on sending it what somebody else could answer.
constexpr std::chrono::seconds kPingInterval{2};
constexpr int kPingMax = 2;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// A string as the server's configuration language writes it.
std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (IsControl(c)) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string TlsBlock(const ServerConfigOptions& options) {
  if (options.tls_cert.empty()) return "";
  std::string block = fmt::format("tls {{\n  cert_file: {}\n  key_file: {}\n", Quote(options.tls_cert),
                                  Quote(options.tls_key));
  if (!options.tls_ca.empty()) block += fmt::format("  ca_file: {}\n  verify: true\n", Quote(options.tls_ca));
  return block + "}\n";
}

// The word at the beginning of `text`, after what may stand between a key and its value.
std::string_view ValueAt(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t:=\""), text.size()));
  return text.substr(0, text.find_first_of(" \t\r\n\"}#"));
}

}  // namespace

absl::StatusOr<std::string> SystemJwtIn(std::string_view config) {
  static constexpr std::string_view kKey = "system_account";
  const std::size_t key = config.find(kKey);
  if (key == std::string_view::npos) {
    return absl::InvalidArgumentError(
        "names no system_account; it is no configuration that space init wrote");
  }
  const std::string_view id = ValueAt(config.substr(key + kKey.size()));
  std::string_view found;
  for (std::size_t at = 0; !id.empty() && (at = config.find(id, at)) != std::string_view::npos; ++at) {
    const std::string_view value = ValueAt(config.substr(at + id.size()));
    if (!value.starts_with("eyJ")) continue;
    if (!found.empty()) return absl::InvalidArgumentError("has the system account's token twice; keep one");
    found = value;
  }
  if (found.empty()) {
    return absl::InvalidArgumentError(
        "has no token of its system account in resolver_preload; where a resolver holds it, put it there by "
        "hand");
  }
  return std::string(found);
}

absl::Status CheckServerConfig(const ServerConfigOptions& options) {
  if (options.port < 1 || options.port > 65535) {
    return absl::InvalidArgumentError(fmt::format("port {} is not between 1 and 65535", options.port));
  }
  if (options.host.empty()) return absl::InvalidArgumentError("the server's host is empty");
  if (options.store_dir.empty()) return absl::InvalidArgumentError("the server's store directory is empty");
  for (const std::string& value :
       {options.host, options.store_dir, options.tls_cert, options.tls_key, options.tls_ca}) {
    if (std::any_of(value.begin(), value.end(), IsControl)) {
      return absl::InvalidArgumentError("host, store directory and TLS paths may hold no control characters");
    }
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("TLS needs both the server's certificate and its key");
  }
  if (options.tls_cert.empty() && !options.tls_ca.empty()) {
    return absl::InvalidArgumentError(
        "a CA for client certificates needs the server's own certificate and key");
  }
  return absl::OkStatus();
}

ServerTrust TrustOf(const TrustChain& chain) {
  return {.operator_jwt = chain.operator_jwt,
          .account_id = chain.account_key.public_key().text(),
          .account_jwt = chain.account_jwt,
          .system_id = chain.system_key.public_key().text(),
          .system_jwt = chain.system_jwt};
}

std::string FormatServerConfig(const ServerTrust& trust, const ServerConfigOptions& options) {
  std::string text = "# nats-server configuration of a space, made by meshwarden.\n";
  text += fmt::format("host: {}\nport: {}\n", Quote(options.host), options.port);
  text += fmt::format("max_control_line: {}\n", kSpaceControlLine);
  text += fmt::format("ping_interval: \"{}s\"\nping_max: {}\n", kPingInterval.count(), kPingMax);
  text += fmt::format("jetstream {{\n  store_dir: {}\n}}\n", Quote(options.store_dir));
  text += TlsBlock(options);
  text += fmt::format("operator: {}\nsystem_account: {}\n", trust.operator_jwt, trust.system_id);
  text += fmt::format("resolver: MEMORY\nresolver_preload {{\n  {}: {}\n  {}: {}\n}}\n", trust.account_id,
                      trust.account_jwt, trust.system_id, trust.system_jwt);
  return text;
}

std::string FormatServerConfig(const TrustChain& chain, const ServerConfigOptions& options) {
  return FormatServerConfig(TrustOf(chain), options);
}

}  // namespace meshwarden
