#include "crypto/cipher_order.h"

#include <algorithm>
#include <memory>

#include <openssl/ssl.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "base/check.h"
#include "crypto/freed.h"

namespace penstock::crypto {
namespace {

using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

bool is_tls13(std::string_view name) {
  return name.starts_with("TLS_");
}

bool is_wanted(std::string_view name, bool aes) {
  const auto has = [name](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return (is_tls13(name) || name.starts_with("ECDHE-")) &&
         (aes ? has("AES_128_GCM") || has("AES128-GCM") : has("CHACHA20"));
}

CipherOrder order_of(SSL_CTX* context) {
  std::vector<std::string_view> offered;
  STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    offered.emplace_back(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
  }
  return cipher_order(offered, has_aes());
}

}  // namespace

bool has_aes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
  return (::getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
  return false;
#endif
}

CipherOrder cipher_order(const std::vector<std::string_view>& offered, bool aes) {
  std::vector<std::string_view> ordered = offered;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [aes](std::string_view name) { return is_wanted(name, aes); });
  CipherOrder order;
  for (const std::string_view name : ordered) {
    std::string& list = is_tls13(name) ? order.tls13 : order.tls12;
    list += list.empty() ? "" : ":";
    list += name;
  }
  return order;
}

CipherOrder cipher_order() {
  const Context context(SSL_CTX_new(TLS_client_method()));
  CHECK(context != nullptr);
  return order_of(context.get());
}

void prefer_quick_ciphers(SSL_CTX* context) {
  const CipherOrder order = order_of(context);
  // A machine may be configured for one version alone.
  if (!order.tls13.empty()) {
    CHECK(SSL_CTX_set_ciphersuites(context, order.tls13.c_str()) == 1);
  }
  if (!order.tls12.empty()) {
    CHECK(SSL_CTX_set_cipher_list(context, order.tls12.c_str()) == 1);
  }
}

}  // namespace penstock::crypto
