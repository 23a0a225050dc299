// Why librdkafka refused a broker's certificate. Its own words are the same for a wrong host, an unknown
// authority and an expired certificate; the sentence here is the one of our own connections.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::rdkafka {

class CertificateWatch {
 public:
  // `ca`: whom we believe, as in ConsumerOptions::tls_ca.
  explicit CertificateWatch(std::string ca);

  // In any thread. `broker` is "host:port", `verify_result` OpenSSL's X509_V_..., the certificate in DER.
  void refused(const std::string& broker, long verify_result, Bytes certificate);

  // The last refusal since the last call; in any thread.
  std::optional<Error> take();

 private:
  const std::string ca_;
  std::mutex mutex_;
  std::optional<Error> last_;
};

}  // namespace penstock::rdkafka
