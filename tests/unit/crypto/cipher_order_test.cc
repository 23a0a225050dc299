// The order of ciphers: what this processor is quick with comes first, and nothing is added or lost.
#include "crypto/cipher_order.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "crypto/tls_context.h"
#include "crypto/tls_stream.h"
#include "unit/crypto/certificates.h"

namespace penstock::crypto {
namespace {

const std::vector<std::string_view> offered{"TLS_AES_256_GCM_SHA384",
                                            "TLS_CHACHA20_POLY1305_SHA256",
                                            "TLS_AES_128_GCM_SHA256",
                                            "ECDHE-ECDSA-AES256-GCM-SHA384",
                                            "ECDHE-ECDSA-CHACHA20-POLY1305",
                                            "ECDHE-RSA-AES128-GCM-SHA256",
                                            "ECDHE-RSA-AES256-SHA384",
                                            "AES256-GCM-SHA384",
                                            "AES128-GCM-SHA256"};

std::multiset<std::string> names_of(const std::string& list) {
  std::multiset<std::string> names;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    names.insert(list.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

TEST(CipherOrderTest, a_processor_with_aes_wants_short_keys_first) {
  const CipherOrder order = cipher_order(offered, true);
  EXPECT_EQ(order.tls13, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  EXPECT_EQ(order.tls12,
            "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
            "ECDHE-RSA-AES256-SHA384:AES256-GCM-SHA384:AES128-GCM-SHA256")
      << "a cipher without forward secrecy stays behind those that have it";
}

TEST(CipherOrderTest, a_processor_without_aes_wants_chacha20_first) {
  const CipherOrder order = cipher_order(offered, false);
  EXPECT_TRUE(order.tls13.starts_with("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256")) << order.tls13;
  EXPECT_TRUE(order.tls12.starts_with("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256")) << order.tls12;
}

TEST(CipherOrderTest, one_version_alone_leaves_the_other_list_empty) {
  EXPECT_EQ(cipher_order({"TLS_AES_256_GCM_SHA384"}, true).tls12, "");
  EXPECT_EQ(cipher_order({"ECDHE-RSA-AES128-GCM-SHA256"}, true).tls13, "");
}

TEST(CipherOrderTest, a_context_offers_what_it_offered_before_and_nothing_else) {
  const ServerContext plain(SSL_CTX_new(TLS_client_method()));
  const auto made = TlsContext::make({.ca = "system"});
  ASSERT_TRUE(made.ok()) << made.error().message;
  const auto names = [](SSL_CTX* context) {
    std::multiset<std::string> all;
    STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
      all.insert(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    }
    return all;
  };
  EXPECT_FALSE(names(plain.get()).empty());
  EXPECT_EQ(names((*made)->get()), names(plain.get()));
  const CipherOrder order = cipher_order();
  std::multiset<std::string> told = names_of(order.tls13);
  told.merge(names_of(order.tls12));
  EXPECT_EQ(told, names(plain.get()));
}

// What is negotiated with a server that goes by the client's order, and with one that does not.
class CipherTest : public testing::Test {
 protected:
  std::string negotiated(int version, bool server_decides) {
    const ServerContext context = make_server_context(broker);
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (server_decides) {
      SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    const Ssl server(SSL_new(context.get()));
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(server.get(), in, out);
    SSL_set_accept_state(server.get());
    auto trust = TlsContext::make({.ca = ca});
    EXPECT_TRUE(trust.ok());
    TlsStream client(*trust, "broker.example", "x:1");
    for (int i = 0; i < 10; ++i) {
      const Result<bool> done = client.handshake();
      EXPECT_TRUE(done.ok());
      const Bytes sent = client.outgoing();
      BIO_write(in, sent.data(), static_cast<int>(sent.size()));
      client.sent(sent.size());
      if (SSL_do_handshake(server.get()) == 1 && done.ok() && done.value()) {
        return SSL_get_cipher_name(server.get());
      }
      const MutableBytes space = client.incoming();
      client.received(
          static_cast<std::size_t>(std::max(0, BIO_read(out, space.data(), static_cast<int>(space.size())))));
    }
    return "no handshake";
  }

  const PemDirectory pem;
  const Identity authority = make_identity({.subject = "the authority", .names = {}}, nullptr);
  const std::string ca = pem.write("ca.pem", authority);
  const Identity broker = make_identity({.subject = "broker", .names = "DNS:broker.example"}, &authority);
};

TEST_F(CipherTest, a_server_that_asks_the_client_takes_its_first) {
  EXPECT_EQ(negotiated(TLS1_3_VERSION, false),
            has_aes() ? "TLS_AES_128_GCM_SHA256" : "TLS_CHACHA20_POLY1305_SHA256");
  EXPECT_EQ(negotiated(TLS1_2_VERSION, false),
            has_aes() ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "ECDHE-ECDSA-CHACHA20-POLY1305");
}

TEST_F(CipherTest, a_server_has_the_last_word) {
  EXPECT_EQ(negotiated(TLS1_3_VERSION, true), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(negotiated(TLS1_2_VERSION, true), "ECDHE-ECDSA-AES256-GCM-SHA384");
}

}  // namespace
}  // namespace penstock::crypto
