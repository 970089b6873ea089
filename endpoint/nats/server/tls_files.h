// A look at the files of TLS before they are used.
#pragma once

#include <absl/status/status.h>

#include "endpoint/nats/server/connection_options.h"

namespace meshwarden {

// Whether what `tls` names can be used: certificate authorities, and a certificate with its key, which belong
// together. FailedPrecondition names the file that cannot, and what to do. An encrypted key is refused here,
// since the library would ask standard input for a passphrase, which is not ours to take.
absl::Status CheckTlsFiles(const TlsOptions& tls);

}  // namespace meshwarden
