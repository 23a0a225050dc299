// How it works
//
// OpenSSL tells what went wrong by the result of verifying a certificate, or by a reason code. Each has a row
// here, in one of three tables: certificates of the peer that we refuse, reasons that need a person, and what
// the peer says of a certificate of ours. What has no row is retried, in OpenSSL's words.
//
// For example, a broker with ssl.client.auth=required answers with the alert certificate_unknown:
//
//   1. The alert comes as reason 1046, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN.
//   2. k_refusals has a row for it, with two sentences.
//   3. The peer's TlsPeer::own is empty, so we showed none, and the sentence names the keys to write. With a
//      file in it, the sentence says that the broker does not take what is in that file.
#include "crypto/tls_errors.h"

#include <array>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/concat.h"

namespace penstock::crypto {
namespace {

enum class Fault : unsigned char { unknown_ca, self_signed, wrong_host, expired, not_yet_valid };

struct CertificateRow {
  int verify_result;
  const char* name;
  Fault fault;
};

constexpr std::array k_certificates{
    CertificateRow{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "UNABLE_TO_GET_ISSUER_CERT", Fault::unknown_ca},
    CertificateRow{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
                   Fault::unknown_ca},
    CertificateRow{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                   Fault::unknown_ca},
    CertificateRow{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "DEPTH_ZERO_SELF_SIGNED_CERT", Fault::self_signed},
    CertificateRow{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "SELF_SIGNED_CERT_IN_CHAIN", Fault::unknown_ca},
    CertificateRow{X509_V_ERR_HOSTNAME_MISMATCH, "HOSTNAME_MISMATCH", Fault::wrong_host},
    CertificateRow{X509_V_ERR_IP_ADDRESS_MISMATCH, "IP_ADDRESS_MISMATCH", Fault::wrong_host},
    CertificateRow{X509_V_ERR_CERT_HAS_EXPIRED, "CERT_HAS_EXPIRED", Fault::expired},
    CertificateRow{X509_V_ERR_CERT_NOT_YET_VALID, "CERT_NOT_YET_VALID", Fault::not_yet_valid},
};

constexpr const char* k_no_tls_at_store =
    " does not speak TLS on this port: let sink.url name the one that does";

constexpr const char* k_no_tls =
    " does not speak TLS on this port: let source.brokers name the one that does, or set source.tls.enabled "
    "to false";

// Alerts of the peer come as reasons above 1000 (SSL_AD_REASON_OFFSET).
struct ReasonRow {
  int reason;
  ErrorKind kind;
  Action action;
  const char* sentence;  // after the peer's name
};

constexpr std::array k_reasons{
    ReasonRow{SSL_R_WRONG_VERSION_NUMBER, ErrorKind::unsupported, Action::fatal, k_no_tls},
    ReasonRow{SSL_R_HTTP_REQUEST, ErrorKind::unsupported, Action::fatal, k_no_tls},
    ReasonRow{SSL_R_UNEXPECTED_MESSAGE, ErrorKind::unsupported, Action::fatal, k_no_tls},
    ReasonRow{SSL_R_PACKET_LENGTH_TOO_LONG, ErrorKind::unsupported, Action::fatal, k_no_tls},
    ReasonRow{SSL_R_UNSUPPORTED_PROTOCOL, ErrorKind::unsupported, Action::fatal,
              " offers no TLS of version 1.2 or later: enable it there"},
    ReasonRow{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, ErrorKind::unsupported, Action::fatal,
              " accepts no TLS of version 1.2 or later: enable it there"},
    ReasonRow{SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, ErrorKind::corrupt, Action::retry,
              " sent bytes that were changed on their way"},
};

// What a peer says that wants a certificate of ours. It says the same words where we showed none, and where
// we showed one that it does not take.
struct RefusalRow {
  int reason;
  const char* none_shown;  // after the peer's name
  const char* one_shown;   // after "<peer> does not take the certificate in <file>"
};

constexpr const char* k_wants_certificate =
    " wants a client certificate (its ssl.client.auth): write source.tls.certificate and source.tls.key";
constexpr const char* k_not_trusted =
    ": it is issued by nobody whom the broker trusts (its ssl.truststore), or is not for clients";

constexpr std::array k_refusals{
    RefusalRow{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
               " refused the TLS handshake: it shares no cipher with us, or wants a client certificate "
               "(source.tls.certificate); see its log",
               ", or shares no cipher with us; see its log"},
    RefusalRow{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, k_wants_certificate,
               ": it got none, as none of its authorities has issued it"},
    RefusalRow{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, k_wants_certificate, k_not_trusted},
    RefusalRow{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, k_wants_certificate, k_not_trusted},
    RefusalRow{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, k_wants_certificate, k_not_trusted},
    RefusalRow{SSL_R_TLSV1_ALERT_UNKNOWN_CA, k_wants_certificate, k_not_trusted},
    RefusalRow{SSL_R_TLSV1_ALERT_ACCESS_DENIED, k_wants_certificate, ": it has no rights there"},
    RefusalRow{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, k_wants_certificate, ": it has expired; renew it"},
    RefusalRow{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, k_wants_certificate, ": it was revoked; get another"},
};

Error made(ErrorKind kind, Action action, std::string message, std::string code) {
  return make_error(kind, action, std::move(message), std::move(code));
}

bool is_sink(const TlsPeer& peer) {
  return peer.section == "sink";
}

std::string trust_advice(const TlsPeer& peer) {
  return peer.ca == "system"
             ? concat("this machine trusts: name the PEM file of its CA in ", peer.section, ".tls.ca")
             : concat(peer.ca, " contains: let ", peer.section, ".tls.ca name its CA's file");
}

std::string sentence(Fault fault, const RefusedCertificate& refused, const TlsPeer& peer) {
  switch (fault) {
    case Fault::unknown_ca:
      return concat(" is issued by nobody whom ", trust_advice(peer),
                    refused.issuer.empty() ? "" : concat(" (its issuer is ", refused.issuer, ")"));
    case Fault::self_signed:
      return concat(" is issued by nobody whom ", trust_advice(peer), " (it is self-signed)");
    case Fault::wrong_host:
      return concat(" is not for ", peer.host, " but for ",
                    refused.names.empty() ? "no host at all" : refused.names,
                    is_sink(peer) ? ": let sink.url name the host as the certificate does"
                                  : ": let source.brokers (and the broker's advertised.listeners) name the "
                                    "host as the certificate does");
    case Fault::expired:
      return concat(" has expired on ", refused.until, ": renew it, or set this machine's clock right");
    case Fault::not_yet_valid:
      break;
  }
  return " is not valid yet: see whether this machine's clock is right";
}

}  // namespace

Error certificate_error(const RefusedCertificate& refused, const TlsPeer& peer) {
  const std::string whose = concat("the certificate of ", peer.name,
                                   refused.subject.empty() ? "" : concat(" (", refused.subject, ")"));
  for (const CertificateRow& row : k_certificates) {
    if (row.verify_result == refused.verify_result) {
      return made(ErrorKind::unavailable, Action::fatal, whose + sentence(row.fault, refused, peer),
                  row.name);
    }
  }
  return made(ErrorKind::unavailable, Action::fatal,
              concat(whose, " is not accepted: ", X509_verify_cert_error_string(refused.verify_result)),
              concat("X509 ", refused.verify_result));
}

Error tls_error(unsigned long code, std::string_view doing, const TlsPeer& peer) {
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  const std::string reason = text != nullptr ? text : concat("error ", code);
  if (code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL) {
    for (const ReasonRow& row : k_reasons) {
      if (row.reason == ERR_GET_REASON(code)) {
        const bool store_without = is_sink(peer) && row.sentence == k_no_tls;
        return made(row.kind, row.action, concat(peer.name, store_without ? k_no_tls_at_store : row.sentence),
                    reason);
      }
    }
    for (const RefusalRow& row : k_refusals) {
      if (row.reason == ERR_GET_REASON(code)) {
        return made(ErrorKind::unsupported, Action::fatal,
                    peer.own.empty() ? concat(peer.name, row.none_shown)
                                     : concat(peer.name, " does not take the certificate in ", peer.own,
                                              " (source.tls.certificate)", row.one_shown),
                    reason);
      }
    }
  }
  return made(ErrorKind::unavailable, Action::retry, concat(doing, " ", peer.name, " failed: ", reason),
              reason);
}

Error tls_closed(TlsPhase phase, const TlsPeer& peer) {
  if (phase == TlsPhase::handshake && is_sink(peer)) {
    return made(ErrorKind::unavailable, Action::retry,
                concat(peer.name,
                       " closed the connection during the TLS handshake: see whether sink.url names a port "
                       "that speaks TLS"),
                {});
  }
  return made(
      ErrorKind::unavailable, Action::retry,
      phase == TlsPhase::open
          ? concat(peer.name, " closed the connection")
          : concat(peer.name,
                   " closed the connection during the TLS handshake: see whether source.brokers names a "
                   "port that speaks TLS; if none does, set source.tls.enabled to false"),
      {});
}

}  // namespace penstock::crypto
