#include "identity/proof.h"

#include <array>
#include <cstddef>
#include <variant>

#include "base/hex.h"
#include "base/trimmed.h"
#include "crypto/random.h"
#include "identity/client_assertion.h"
#include "identity/small_file.h"

namespace penstock::identity {
namespace {

// Federated tokens have some kilobytes, and so have a certificate and its key.
constexpr std::size_t k_file_bytes_max = std::size_t{64} << 10;

// Of Arc's agent, by its protocol.
constexpr std::size_t k_challenge_bytes_max = 4096;

// "0b1e3a52-7f0c-4d7e-9a53-2f6c1a9d4b10": a GUID of chance.
std::string random_id() {
  std::array<std::byte, 16> bytes{};
  crypto::random_bytes(bytes);
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  std::string id = to_hex(bytes);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) {
    id.insert(dash, 1, '-');
  }
  return id;
}

struct Proof {
  WallTime now;

  Result<std::string> operator()(const ManagedIdentity& /*source*/) const { return std::string(); }

  Result<std::string> operator()(const WorkloadIdentity& source) const {
    Result<std::string> token = read_small_file(source.token_file, k_file_bytes_max, "the federated token");
    return token.ok() ? Result<std::string>(std::string(trimmed(*token))) : token;
  }

  Result<std::string> operator()(const ClientSecret& source) const { return source.secret(); }

  Result<std::string> operator()(const ClientCertificate& source) const {
    const Result<std::string> pem =
        read_small_file(source.certificate_file, k_file_bytes_max, "the certificate of the application");
    return pem.ok() ? client_assertion(source, *pem, random_id(), now) : pem;
  }
};

}  // namespace

Result<std::string> proof_of(const TokenSource& source, WallTime now) {
  return std::visit(Proof{now}, source);
}

Result<std::string> arc_challenge_key(const std::string& file) {
  return read_small_file(file, k_challenge_bytes_max, "the key that Azure Arc's agent names");
}

}  // namespace penstock::identity
