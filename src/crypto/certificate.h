// A peer's certificate in words, for the message about why it was refused.
#pragma once

#include "base/types.h"
#include "crypto/tls_errors.h"

struct x509_st;

namespace penstock::crypto {

// The words are printable and short, whatever the peer wrote; empty for what it left out, or without a certificate.
RefusedCertificate refused_certificate(long verify_result, const x509_st* certificate);

// The same of a certificate in DER, as other libraries hand it over.
RefusedCertificate refused_certificate(long verify_result, Bytes der);

}  // namespace penstock::crypto
