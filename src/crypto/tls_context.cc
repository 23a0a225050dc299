#include "crypto/tls_context.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "crypto/cipher_order.h"

namespace penstock::crypto {
namespace {

bool is_system(const std::string& ca) {
  return ca.empty() || ca == "system";
}

bool load(SSL_CTX* context, const std::string& ca) {
  if (is_system(ca)) {
    return SSL_CTX_set_default_verify_paths(context) == 1;
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(ca, ignored)) {
    return SSL_CTX_load_verify_dir(context, ca.c_str()) == 1;
  }
  return SSL_CTX_load_verify_file(context, ca.c_str()) == 1;
}

Error unusable(const std::string& ca) {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  if (!is_system(ca) && ::access(ca.c_str(), R_OK) != 0) {
    return invalid_input(os_error(errno, concat("reading the certificates in ", ca)).message);
  }
  return invalid_input(concat(is_system(ca) ? "the machine's certificates" : ca,
                              " cannot be read as PEM certificates",
                              reason != nullptr ? concat(" (", reason, ")") : ""));
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsContext::TlsContext(std::unique_ptr<ssl_ctx_st, Free> context, std::string ca, std::string own,
                       std::string section)
    : context_(std::move(context)), ca_(std::move(ca)), own_(std::move(own)), section_(std::move(section)) {}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Options& options) {
  std::unique_ptr<ssl_ctx_st, Free> context(SSL_CTX_new(TLS_client_method()));
  // Fails for want of memory, or in an OpenSSL without TLS.
  CHECK(context != nullptr);
  ERR_clear_error();
  if (!load(context.get(), options.ca)) {
    Error error = unusable(options.ca);
    ERR_clear_error();
    return error;
  }
  if (auto fault = use_own_certificate(context.get(), options.own)) {
    return std::move(fault->error);
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  prefer_quick_ciphers(context.get());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // What a write did not take is offered again, perhaps from other memory.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(context),
                                                          is_system(options.ca) ? "system" : options.ca,
                                                          options.own.certificate, options.section));
}

}  // namespace penstock::crypto
