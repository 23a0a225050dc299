#include "identity/client_assertion.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/base64.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/types.h"
#include "crypto/signing_certificate.h"
#include "identity/token_endpoint.h"

namespace penstock::identity {
namespace {

constexpr std::int64_t k_life_s = 600;

// RFC 7515, section 2.
std::string base64url(Bytes bytes) {
  std::string text = base64_encode(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  return text;
}

std::string base64url(std::string_view text) {
  return base64url(as_bytes(text));
}

}  // namespace

Result<std::string> client_assertion(const ClientCertificate& source, std::string_view pem,
                                     std::string_view id, WallTime now) {
  const Result<crypto::SigningCertificate> certificate = crypto::SigningCertificate::parse(pem);
  if (!certificate.ok()) {
    return invalid_input(concat(source.certificate_file, ": ", certificate.error().message));
  }
  const std::int64_t now_s = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (certificate->expires() <= now_s) {
    return invalid_input(
        concat(source.certificate_file, ": the certificate has expired; put in the one that follows it"));
  }
  // Entra takes the thumbprint in plain base64, as its own libraries write it.
  const std::string header = concat(R"({"alg":"PS256","typ":"JWT","x5t#S256":)",
                                    json_string(base64_encode(certificate->thumbprint())), "}");
  const std::string client = json_string(source.client_id);
  const std::string claims =
      concat(R"({"aud":)", json_string(token_endpoint(source.authority, source.tenant_id)), R"(,"iss":)",
             client, R"(,"sub":)", client, R"(,"jti":)", json_string(id), R"(,"nbf":)", now_s, R"(,"exp":)",
             now_s + k_life_s, "}");
  const std::string signed_part = concat(base64url(header), ".", base64url(claims));
  const auto signature = certificate->sign_ps256(as_bytes(signed_part));
  if (!signature.ok()) {
    return invalid_input(concat(source.certificate_file, ": ", signature.error().message));
  }
  return concat(signed_part, ".", base64url(*signature));
}

}  // namespace penstock::identity
