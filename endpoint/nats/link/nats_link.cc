#include "endpoint/nats/link/nats_link.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "endpoint/nats/server/tls_files.h"

namespace meshwarden {
namespace {

// What is kept of messages that a handler has not taken yet; more are dropped and reported.
constexpr int kMaxUnhandledMessages = 65536;
constexpr std::int64_t kMaxUnhandledBytes = 32 * 1024 * 1024;

natsStatus ProvideJwt(char** jwt, char** error, void* closure) {
  static_cast<void>(error);
  *jwt = strdup(static_cast<const Creds*>(closure)->jwt().c_str());
  return *jwt == nullptr ? NATS_NO_MEMORY : NATS_OK;
}

natsStatus SignNonce(char** error, unsigned char** signature, int* size, const char* nonce, void* closure) {
  static_cast<void>(error);
  const Signature signed_nonce = static_cast<const Creds*>(closure)->Sign(nonce);
  *signature = static_cast<unsigned char*>(std::malloc(signed_nonce.size()));
  if (*signature == nullptr) return NATS_NO_MEMORY;
  std::memcpy(*signature, signed_nonce.data(), signed_nonce.size());
  *size = static_cast<int>(signed_nonce.size());
  return NATS_OK;
}

// Collects the first failure of a row of calls.
class Calls {
 public:
  void operator+=(natsStatus status) {
    if (status_ == NATS_OK) status_ = status;
  }
  natsStatus status() const { return status_; }

 private:
  natsStatus status_ = NATS_OK;
};

absl::Status SetTls(natsOptions* options, const TlsOptions& tls, const ServerUrl& url) {
  if (!tls.required && !url.tls) return absl::OkStatus();
  MW_RETURN_IF_ERROR(CheckTlsFiles(tls));
  Calls calls;
  if (tls.handshake_first) calls += natsOptions_TLSHandshakeFirst(options);
  calls += natsOptions_SetSecure(options, true);
  calls += natsOptions_SetExpectedHostname(
      options, tls.server_name.empty() ? url.host.c_str() : tls.server_name.c_str());
  MW_RETURN_IF_ERROR(StatusOfNats(calls.status(), "set up TLS"));
  if (!tls.ca_file.empty()) {
    MW_RETURN_IF_ERROR(StatusOfNats(natsOptions_LoadCATrustedCertificates(options, tls.ca_file.c_str()),
                                    fmt::format("read the certificate authorities of \"{}\"", tls.ca_file)));
  }
  if (tls.cert_file.empty()) return absl::OkStatus();
  return StatusOfNats(
      natsOptions_LoadCertificatesChain(options, tls.cert_file.c_str(), tls.key_file.c_str()),
      fmt::format("read the certificate \"{}\" and its key \"{}\"", tls.cert_file, tls.key_file));
}

absl::Status SetOptions(natsOptions* raw, const Link::Options& options, EventLoop& loop) {
  const ConnectionOptions& wanted = options.connection;
  Calls calls;
  // The library would look for an address once more, and might find one that does not answer.
  ServerUrl where = options.url;
  if (!options.address.empty()) where.host = options.address;
  calls += natsOptions_SetURL(raw, where.Text().c_str());
  calls += natsOptions_SetName(raw, wanted.name.c_str());
  calls += natsOptions_SetTimeout(raw, options.timeout.count());
  calls += natsOptions_SetPingInterval(raw, wanted.ping_interval.count());
  calls += natsOptions_SetMaxPingsOut(raw, 1);
  // A new Link replaces a lost one. The library's own way back would keep what is published meanwhile and
  // send it later, when whoever asked has long been told that it failed; and some errors it never comes back
  // from.
  calls += natsOptions_SetAllowReconnect(raw, false);
  calls += natsOptions_SetIgnoreDiscoveredServers(raw, true);
  // Without it the library holds each message back for a millisecond, to send more at once.
  calls += natsOptions_SetSendAsap(raw, true);
  calls += natsOptions_SetMaxPendingMsgs(raw, kMaxUnhandledMessages);
  calls += natsOptions_SetMaxPendingBytes(raw, kMaxUnhandledBytes);
  calls += natsOptions_SetCustomInboxPrefix(raw, options.inbox_prefix.c_str());
  calls += natsOptions_SetErrorHandler(raw, options.on_error, options.on_error_closure);
  calls += loop.Adopt(raw);
  if (options.creds != nullptr) {
    // Called only while connecting, so that the plain pointer is safe.
    auto* creds = const_cast<Creds*>(options.creds.get());
    calls += natsOptions_SetUserCredentialsCallbacks(raw, &ProvideJwt, creds, &SignNonce, creds);
  }
  if (wanted.token != nullptr) {
    calls += natsOptions_SetToken(raw, std::string(wanted.token->ExposeText()).c_str());
  }
  if (!wanted.user.empty()) {
    const std::string password(wanted.password == nullptr ? "" : wanted.password->ExposeText());
    calls += natsOptions_SetUserInfo(raw, wanted.user.c_str(), password.c_str());
  }
  MW_RETURN_IF_ERROR(StatusOfNats(calls.status(), "set up the connection"));
  return SetTls(raw, wanted.tls, options.url);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Link>> Link::Connect(const Options& options, EventLoop& loop) {
  natsOptions* raw = nullptr;
  MW_RETURN_IF_ERROR(StatusOfNats(natsOptions_Create(&raw), "set up the connection"));
  const UniqueNatsOptions owner(raw);
  MW_RETURN_IF_ERROR(SetOptions(raw, options, loop));
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, raw);
  if (status == NATS_TIMEOUT) {
    return absl::UnavailableError(fmt::format("server {}: does not answer", options.url.Text()));
  }
  if (status != NATS_OK) return StatusOfNats(status, fmt::format("connect to {}", options.url.Text()));
  return std::shared_ptr<Link>(new Link(connection, loop));
}

Link::~Link() {
  Close();
  natsConnection_Destroy(connection_);
}

void Link::Close() {
  if (std::exchange(closed_, true)) return;
  natsConnection_Close(connection_);
  loop_.FinishClose();
}

std::string Link::LastError() const {
  std::array<char, 256> text{};
  const natsStatus status = natsConnection_ReadLastError(connection_, text.data(), text.size());
  if (text[0] != '\0') return text.data();
  return status == NATS_OK ? "the server closed the connection" : natsStatus_GetText(status);
}

}  // namespace meshwarden
