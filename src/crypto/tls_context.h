// Whom a TLS client trusts. It is made once and shared by connections of any thread.
#pragma once

#include <memory>
#include <string>

#include <penstock/result.h>

struct ssl_ctx_st;

namespace penstock::crypto {

// TLS 1.2 or later. The peer's certificate is always checked. Every connection that uses the context holds on
// to it.
class TlsContext {
 public:
  struct Options {
    // Whom to believe. "system" or nothing: what the machine trusts. Otherwise a PEM file, or a directory of
    // such files named by their hash (openssl rehash).
    std::string ca;
  };

  // Error invalid_input, fatal: what `ca` names is not there or holds no certificate.
  static Result<std::shared_ptr<const TlsContext>> make(const Options& options);

  ssl_ctx_st* get() const { return context_.get(); }
  const std::string& ca() const { return ca_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  TlsContext(std::unique_ptr<ssl_ctx_st, Free> context, std::string ca);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string ca_;
};

}  // namespace penstock::crypto
