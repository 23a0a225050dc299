// The certificate and the key that we show to a peer that asks for them (mutual TLS).
#pragma once

#include <optional>
#include <string>

#include <penstock/result.h>

struct ssl_ctx_st;

namespace penstock::crypto {

// Both are paths of PEM files, and may be the same. Both empty: we have none to show.
struct OwnCertificate {
  // Ours first, then those that lead to its authority.
  std::string certificate;
  // Without a passphrase.
  std::string key;
};

// What is wrong with one of the two files. The error is invalid_input, fatal, and names the file. It shows
// nothing of its content.
struct OwnCertificateFault {
  enum class File : unsigned char { certificate, key };
  File file{};
  Error error;
};

// From now on connections of `context` show it. None: done, also where there is nothing to show.
std::optional<OwnCertificateFault> use_own_certificate(ssl_ctx_st* context, const OwnCertificate& own);

// The same question without a context: whether the files can be used.
std::optional<OwnCertificateFault> own_certificate_fault(const OwnCertificate& own);

}  // namespace penstock::crypto
