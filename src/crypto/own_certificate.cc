#include "crypto/own_certificate.h"

#include <cerrno>
#include <memory>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "crypto/freed.h"

namespace penstock::crypto {
namespace {

using File = OwnCertificateFault::File;

// Gives no passphrase, and notes that one was asked for. Without it OpenSSL would ask at the terminal.
int no_passphrase(char* /*out*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

OwnCertificateFault fault(File file, std::string_view message) {
  ERR_clear_error();
  return {.file = file, .error = invalid_input(std::string(message))};
}

OwnCertificateFault unusable(File file, const std::string& path, std::string_view what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  if (::access(path.c_str(), R_OK) != 0) {
    return fault(file, os_error(errno, concat("reading ", what, " in ", path)).message);
  }
  return fault(file, concat(path, " cannot be read as ", what, " in PEM",
                            reason != nullptr ? concat(" (", reason, ")") : ""));
}

}  // namespace

std::optional<OwnCertificateFault> use_own_certificate(ssl_ctx_st* context, const OwnCertificate& own) {
  if (own.certificate.empty() && own.key.empty()) {
    return std::nullopt;
  }
  bool passphrase_asked = false;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase_asked);
  ERR_clear_error();
  std::optional<OwnCertificateFault> found;
  if (SSL_CTX_use_certificate_chain_file(context, own.certificate.c_str()) != 1) {
    found = unusable(File::certificate, own.certificate, "a certificate");
  } else if (SSL_CTX_use_PrivateKey_file(context, own.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    // A key that does not fit is refused here, too.
    const unsigned long code = ERR_peek_last_error();
    if (passphrase_asked) {
      found =
          fault(File::key, concat(own.key,
                                  " is encrypted, and penstock takes no passphrase: write the key without "
                                  "one (openssl pkey -in FILE -out PLAIN), readable by penstock alone"));
    } else if (ERR_GET_LIB(code) == ERR_LIB_X509) {
      found = fault(File::key, concat(own.key, " is not the key of the certificate in ", own.certificate));
    } else {
      found = unusable(File::key, own.key, "a private key");
    }
  }
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  return found;
}

std::optional<OwnCertificateFault> own_certificate_fault(const OwnCertificate& own) {
  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  CHECK(context != nullptr);
  return use_own_certificate(context.get(), own);
}

}  // namespace penstock::crypto
