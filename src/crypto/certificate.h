// A peer's certificate in words, for the message about why it was refused.
#pragma once

#include "base/types.h"
#include "crypto/tls_errors.h"

struct x509_st;

namespace penstock::crypto {

// `certificate` may be null. The words are printable and short, whatever the peer wrote, and empty for what
// it left out.
RefusedCertificate refused_certificate(long verify_result, const x509_st* certificate);

// The same for a certificate in DER, as other libraries hand it over. Bytes that are no certificate give
// empty words.
RefusedCertificate refused_certificate(long verify_result, Bytes der);

}  // namespace penstock::crypto
