#include "endpoint/nats/server/tls_files.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"

namespace meshwarden {
namespace {

constexpr std::size_t kMaxCertificateBytes = 4 * 1024 * 1024;  // a system's bundle of authorities has 200 kB
constexpr std::size_t kMaxKeyBytes = 64 * 1024;

struct SslDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using UniqueBio = std::unique_ptr<BIO, SslDeleter>;
using UniqueCertificate = std::unique_ptr<X509, SslDeleter>;
using UniqueKey = std::unique_ptr<EVP_PKEY, SslDeleter>;

UniqueBio Over(std::string_view bytes) {
  return UniqueBio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

absl::Status Unusable(std::string_view what, const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("{} \"{}\": {}", what, path, why));
}

absl::Status Unreadable(std::string_view what, const std::string& path, const absl::Status& status) {
  return Unusable(what, path, MessageOf(status));
}

// The first certificate in a file.
absl::StatusOr<UniqueCertificate> ReadCertificate(std::string_view what, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxCertificateBytes);
  if (!text.ok()) return Unreadable(what, path, text.status());
  UniqueCertificate certificate(PEM_read_bio_X509(Over(*text).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return Unusable(what, path, "there is no certificate in it that can be read; it must be in PEM form");
  }
  return certificate;
}

// Instead of asking the terminal or standard input.
int RefuseToAsk(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<UniqueKey> ReadKey(const std::string& path) {
  constexpr std::string_view kWhat = "TLS key";
  const absl::StatusOr<Secret> text = ReadSecretFile(path, kMaxKeyBytes);
  if (!text.ok()) return Unreadable(kWhat, path, text.status());
  bool asked = false;
  UniqueKey key(PEM_read_bio_PrivateKey(Over(text->ExposeText()).get(), nullptr, &RefuseToAsk, &asked));
  ERR_clear_error();
  if (asked) {
    return Unusable(
        kWhat, path,
        fmt::format("it is encrypted, and nobody is asked for its passphrase; name one that is not, made "
                    "with openssl pkey -in {} -out NEW, which only the program's user may read",
                    path));
  }
  if (key == nullptr)
    return Unusable(kWhat, path, "there is no key in it that can be read; it must be in PEM form");
  return key;
}

}  // namespace

absl::Status CheckTlsFiles(const TlsOptions& tls) {
  if (!tls.ca_file.empty()) {
    MW_RETURN_IF_ERROR(ReadCertificate("TLS certificate authorities", tls.ca_file).status());
  }
  if (tls.cert_file.empty()) return absl::OkStatus();
  MW_ASSIGN_OR_RETURN(const UniqueCertificate certificate, ReadCertificate("TLS certificate", tls.cert_file));
  MW_ASSIGN_OR_RETURN(const UniqueKey key, ReadKey(tls.key_file));
  const bool belongs = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (belongs) return absl::OkStatus();
  return Unusable("TLS key", tls.key_file,
                  fmt::format("it is not the key of the certificate \"{}\"", tls.cert_file));
}

}  // namespace meshwarden
