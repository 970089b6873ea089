#include "endpoint/nats/server/tls_stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>

#include <array>
#include <utility>

#include "base/status.h"
#include "endpoint/nats/server/tls_files.h"

namespace meshwarden {
namespace {

struct SslDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using UniqueContext = std::unique_ptr<SSL_CTX, SslDeleter>;
using UniqueSsl = std::unique_ptr<SSL, SslDeleter>;

absl::Status SslError(std::string_view what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return absl::FailedPreconditionError(code == 0 ? std::string(what)
                                                 : fmt::format("{}: {}", what, text.data()));
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

absl::StatusOr<UniqueContext> MakeContext(const TlsOptions& tls) {
  MW_RETURN_IF_ERROR(CheckTlsFiles(tls));
  UniqueContext context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return SslError("set up TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const int authorities = tls.ca_file.empty()
                              ? SSL_CTX_set_default_verify_paths(context.get())
                              : SSL_CTX_load_verify_locations(context.get(), tls.ca_file.c_str(), nullptr);
  if (authorities != 1) return SslError("read the certificate authorities");
  if (tls.cert_file.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.cert_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return SslError("read the certificate and its key");
  }
  return context;
}

// The certificate must be good for it, and it is what a server of several names goes by.
absl::Status Expect(SSL* ssl, const std::string& host) {
  if (IsAddress(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1) return absl::OkStatus();
  } else if (SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1) {
    return absl::OkStatus();
  }
  return SslError("set up TLS");
}

class SslStream final : public TlsStream {
 public:
  SslStream(UniqueContext context, UniqueSsl ssl) : context_(std::move(context)), ssl_(std::move(ssl)) {}

  absl::Status Shake(const AwaitSocket& await) {
    while (true) {
      ERR_clear_error();
      const int result = SSL_connect(ssl_.get());
      if (result == 1) return absl::OkStatus();
      MW_ASSIGN_OR_RETURN(const bool again, AwaitWhatItWants(result, await));
      if (!again) return HandshakeError();
    }
  }

  absl::StatusOr<std::size_t> Read(std::span<char> buffer, const AwaitSocket& await) override {
    while (true) {
      ERR_clear_error();
      const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (count > 0) return static_cast<std::size_t>(count);
      MW_ASSIGN_OR_RETURN(const bool again, AwaitWhatItWants(count, await));
      if (!again) return std::size_t{0};
    }
  }

 private:
  // False: it is not the socket that it waits for.
  absl::StatusOr<bool> AwaitWhatItWants(int result, const AwaitSocket& await) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        MW_RETURN_IF_ERROR(await(POLLIN));
        return true;
      case SSL_ERROR_WANT_WRITE:
        MW_RETURN_IF_ERROR(await(POLLOUT));
        return true;
      default:
        return false;
    }
  }

  absl::Status HandshakeError() {
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified == X509_V_OK) return SslError("the TLS handshake failed; does the server speak TLS first?");
    ERR_clear_error();
    return absl::FailedPreconditionError(
        fmt::format("its certificate is not trusted: {}", X509_verify_cert_error_string(verified)));
  }

  const UniqueContext context_;
  const UniqueSsl ssl_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsStream>> TlsStream::Open(int fd, const TlsOptions& tls,
                                                           const std::string& host,
                                                           const AwaitSocket& await) {
  MW_ASSIGN_OR_RETURN(UniqueContext context, MakeContext(tls));
  UniqueSsl ssl(SSL_new(context.get()));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return SslError("set up TLS");
  MW_RETURN_IF_ERROR(Expect(ssl.get(), host));
  auto stream = std::make_unique<SslStream>(std::move(context), std::move(ssl));
  MW_RETURN_IF_ERROR(stream->Shake(await));
  return stream;
}

}  // namespace meshwarden
