#include "endpoint/nats/server/server_url.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text/printable.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxUrlBytes = 512;
constexpr std::size_t kMaxShownBytes = 80;

absl::Status Invalid(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(
      fmt::format("server {}: {}; write it as nats://host:port", Quoted(text, kMaxShownBytes), problem));
}

bool IsPort(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), is_digit) &&
         std::stoi(std::string(text)) <= 65535;
}

bool IsHostCharacter(char c) { return c > ' ' && c != 0x7f && c != '/' && c != '?' && c != '#' && c != ','; }

}  // namespace

std::string ServerUrl::Text() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(is_ipv6 ? "{}://[{}]:{}" : "{}://{}:{}"), tls ? "tls" : "nats", host, port);
}

absl::StatusOr<ServerUrl> ParseServerUrl(std::string_view text) {
  ServerUrl url;
  std::string_view rest = text;
  if (text.size() > kMaxUrlBytes) return Invalid(text, "longer than 512 bytes");
  if (const auto scheme_end = rest.find("://"); scheme_end != std::string_view::npos) {
    const std::string_view scheme = rest.substr(0, scheme_end);
    if (scheme != "nats" && scheme != "tls") return Invalid(text, "the scheme is neither nats nor tls");
    url.tls = scheme == "tls";
    rest.remove_prefix(scheme_end + 3);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError("a server address must not hold a user or password; use a creds file");
  }
  std::string_view port = "4222";
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return Invalid(text, "the bracket is not closed");
    url.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest[0] != ':') return Invalid(text, "text follows the bracket");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon + 1);
  }
  if (url.host.empty()) return Invalid(text, "the host is missing");
  if (!std::all_of(url.host.begin(), url.host.end(), IsHostCharacter)) return Invalid(text, "a bad host");
  if (!IsPort(port)) return Invalid(text, "a bad port");
  url.port = port;
  return url;
}

}  // namespace meshwarden
