// Whom a TLS client trusts, and what it shows of itself. It is made once and shared by connections of any
// thread.
#pragma once

#include <memory>
#include <string>

#include <penstock/result.h>

#include "crypto/own_certificate.h"

struct ssl_ctx_st;

namespace penstock::crypto {

// TLS 1.2 or later, with the ciphers in the order of cipher_order.h. The peer's certificate is always
// checked. Every connection that uses the context holds on to it.
class TlsContext {
 public:
  struct Options {
    // Whom to believe. "system" or nothing: what the machine trusts. Otherwise a PEM file, or a directory of
    // such files named by their hash (openssl rehash).
    std::string ca;
    // What is shown to a peer that asks for it.
    OwnCertificate own = {};
    // Of the configuration, for the advice in messages: "source" or "sink".
    std::string section = "source";
  };

  // Error invalid_input, fatal: what `ca` or `own` names is not there or holds no certificate, or the key
  // does not fit.
  static Result<std::shared_ptr<const TlsContext>> make(const Options& options);

  ssl_ctx_st* get() const { return context_.get(); }
  const std::string& ca() const { return ca_; }
  // The file of the certificate that is shown. Empty: there is none.
  const std::string& own() const { return own_; }
  const std::string& section() const { return section_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  TlsContext(std::unique_ptr<ssl_ctx_st, Free> context, std::string ca, std::string own, std::string section);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string ca_;
  std::string own_;
  std::string section_;
};

}  // namespace penstock::crypto
