// The one table that translates what OpenSSL says of a connection.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::crypto {

// What a message about a connection needs to know.
struct TlsPeer {
  // As the operator wrote it.
  std::string host;
  // "host:port".
  std::string name;
  // Whom we believe: "system", a file, a directory.
  std::string ca;
  // The file of the certificate that we show. Empty: there is none.
  std::string own = {};
  // Of the configuration, which the advice names: "source" or "sink".
  std::string section = "source";
};

// A certificate that was refused.
struct RefusedCertificate {
  // X509_V_... of OpenSSL. 0: none was refused.
  long verify_result = 0;
  // Whose it is.
  std::string subject;
  // Which hosts it is for: "a.example, b.example".
  std::string names;
  // When it expires.
  std::string until;
  // Who has issued it.
  std::string issuer;
};

// The peer's certificate is not accepted. Always `fatal`, because a person must change something.
Error certificate_error(const RefusedCertificate& refused, const TlsPeer& peer);

// `code` is OpenSSL's (ERR_get_error), 0 if it has none. `doing`: "the TLS handshake with", "reading from". A
// code without a row is unavailable, retry.
Error tls_error(unsigned long code, std::string_view doing, const TlsPeer& peer);

// The peer has closed the connection: unavailable, retry. In the handshake this may be its answer to TLS.
enum class TlsPhase : unsigned char { handshake, open };
Error tls_closed(TlsPhase phase, const TlsPeer& peer);

}  // namespace penstock::crypto
