#include "rdkafka/certificate_watch.h"

#include <utility>

#include "crypto/certificate.h"
#include "crypto/tls_errors.h"

namespace penstock::rdkafka {

CertificateWatch::CertificateWatch(std::string ca) : ca_(ca.empty() ? "system" : std::move(ca)) {}

void CertificateWatch::refused(const std::string& broker, long verify_result, Bytes certificate) {
  const crypto::TlsPeer peer{.host = broker.substr(0, broker.rfind(':')), .name = broker, .ca = ca_};
  Error error = crypto::certificate_error(crypto::refused_certificate(verify_result, certificate), peer);
  const std::lock_guard lock(mutex_);
  last_ = std::move(error);
}

std::optional<Error> CertificateWatch::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(last_, std::nullopt);
}

}  // namespace penstock::rdkafka
