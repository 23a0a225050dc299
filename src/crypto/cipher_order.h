// Which cipher a TLS client of ours would rather have: the one that this processor is quickest with.
//
// Nothing is offered that OpenSSL and the machine's configuration of it would not offer, and nothing is left
// out. Only the order changes, so the server has the same choice as before, and the last word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;

namespace penstock::crypto {

// As OpenSSL takes them: names with a colon between, the first the most wanted.
struct CipherOrder {
  std::string tls13;  // of TLS 1.3: "TLS_AES_128_GCM_SHA256:..."
  std::string tls12;  // of TLS 1.2: "ECDHE-ECDSA-AES128-GCM-SHA256:..."
};

// Whether the processor has instructions for AES.
bool has_aes();

// `offered`, reordered. With instructions for AES, AES-GCM with keys of 128 bits comes first: its ten rounds
// take four fifths of the time of the fourteen that longer keys need. Without them ChaCha20-Poly1305 does.
// In TLS 1.2 only ciphers with ECDHE move, so that forward secrecy stays in front. Pure.
CipherOrder cipher_order(const std::vector<std::string_view>& offered, bool aes);

// The same of what OpenSSL offers by itself, for this processor.
CipherOrder cipher_order();

// The same for one context. What it offered before, it still offers.
void prefer_quick_ciphers(ssl_ctx_st* context);

}  // namespace penstock::crypto
