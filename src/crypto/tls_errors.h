// The one table that translates what OpenSSL says of a connection.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::crypto {

// What a message about a connection needs to know.
struct TlsPeer {
  std::string host;  // as the operator wrote it
  std::string name;  // host:port
  std::string ca;    // whom we believe: "system", a file, a directory
};

// A certificate that was refused.
struct RefusedCertificate {
  long verify_result = 0;  // X509_V_...; 0: none was refused
  std::string subject;     // whose it is
  std::string names;       // which hosts it is for
  std::string until;       // when it expires
};

// The peer's certificate is not accepted. All `fatal`: a person must change something.
Error certificate_error(const RefusedCertificate& refused, const TlsPeer& peer);

// `code` is OpenSSL's (ERR_get_error), 0 if it has none. `doing`: "the TLS handshake with", "reading from".
Error tls_error(unsigned long code, std::string_view doing, const TlsPeer& peer);

// The peer has closed the connection, which in the handshake may be its answer to TLS.
enum class TlsPhase : unsigned char { handshake, open };
Error tls_closed(TlsPhase phase, const TlsPeer& peer);

}  // namespace penstock::crypto
