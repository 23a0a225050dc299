// The TLS client against a server of OpenSSL's own, both in memory: whom it believes, what it says when it
// does not, and that bytes pass unchanged however the ciphertext is cut.
#include "crypto/tls_stream.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "unit/crypto/certificates.h"

namespace penstock::crypto {
namespace {

class MemoryServer {
 public:
  explicit MemoryServer(const Identity& identity, int version_max = 0)
      : context_(make_server_context(identity)) {
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_accept_state(ssl_.get());
  }

  SSL* ssl() { return ssl_.get(); }
  void take(Bytes ciphertext) { BIO_write(in_, ciphertext.data(), static_cast<int>(ciphertext.size())); }
  std::size_t give(MutableBytes ciphertext) {
    const int got = BIO_read(out_, ciphertext.data(), static_cast<int>(ciphertext.size()));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

 private:
  ServerContext context_;
  Ssl ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

class TlsStreamTest : public testing::Test {
 protected:
  std::shared_ptr<const TlsContext> trusting(const std::string& whom) {
    auto made = TlsContext::make({.ca = whom});
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(made).value();
  }

  // The ciphertext of both sides, in pieces of at most `piece` bytes. False if there was none.
  static bool exchange(TlsStream& client, MemoryServer& server, std::size_t piece = SIZE_MAX) {
    bool moved = false;
    const Bytes out = client.outgoing().first(std::min(client.outgoing().size(), piece));
    server.take(out);
    client.sent(out.size());
    const MutableBytes space = client.incoming();
    const std::size_t got = server.give(space.first(std::min(space.size(), piece)));
    client.received(got);
    moved = !out.empty() || got > 0;
    return moved;
  }

  // Empty when done.
  static std::optional<Error> handshake(TlsStream& client, MemoryServer& server,
                                        std::size_t piece = SIZE_MAX) {
    for (;;) {
      const Result<bool> done = client.handshake();
      if (!done.ok()) {
        exchange(client, server);
        SSL_do_handshake(server.ssl());
        return done.error();
      }
      SSL_do_handshake(server.ssl());
      if (!exchange(client, server, piece)) {
        EXPECT_TRUE(done.value()) << "nobody has anything to say";
        return std::nullopt;
      }
    }
  }

  Error refusal(const Identity& identity, const std::string& host, const std::string& whom) {
    MemoryServer server(identity);
    TlsStream client(trusting(whom), host, host + ":9093");
    const std::optional<Error> error = handshake(client, server);
    EXPECT_TRUE(error.has_value()) << "the certificate was accepted";
    return error.value_or(Error{});
  }

  static void expect_parts(const Error& error, std::initializer_list<const char*> parts) {
    for (const char* part : parts) {
      EXPECT_NE(error.message.find(part), std::string::npos) << part << " is not in: " << error.message;
    }
  }

  const PemDirectory pem;
  const Identity authority = make_identity({.subject = "the authority", .names = {}}, nullptr);
  const std::string ca = pem.write("ca.pem", authority);
  const Identity good = make_identity(
      {.subject = "broker", .names = "DNS:broker.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1"},
      &authority);
};

TEST_F(TlsStreamTest, a_good_certificate_is_accepted_for_each_of_its_names) {
  for (const char* host : {"broker.example", "BROKER.example", "b7.wild.example", "127.0.0.1", "::1"}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      MemoryServer server(good, version);
      TlsStream client(trusting(ca), host, "x:1");
      const std::optional<Error> error = handshake(client, server);
      EXPECT_FALSE(error.has_value()) << host << ": " << error->message;
    }
  }
}

TEST_F(TlsStreamTest, tells_the_server_which_host_it_wants_unless_it_is_an_address) {
  MemoryServer server(good);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  EXPECT_STREQ(SSL_get_servername(server.ssl(), TLSEXT_NAMETYPE_host_name), "broker.example");
  MemoryServer other(good);
  TlsStream by_address(trusting(ca), "127.0.0.1", "x:1");
  ASSERT_FALSE(handshake(by_address, other).has_value());
  EXPECT_EQ(SSL_get_servername(other.ssl(), TLSEXT_NAMETYPE_host_name), nullptr);
}

TEST_F(TlsStreamTest, a_directory_of_certificates_is_believed) {
  std::array<char, 32> name{};
  std::snprintf(
      name.data(), name.size(), "%08lx.0",
      X509_NAME_hash_ex(X509_get_subject_name(authority.certificate.get()), nullptr, nullptr, nullptr));
  pem.write(name.data(), authority);
  MemoryServer server(good);
  TlsStream client(trusting(pem.path()), "broker.example", "x:1");
  EXPECT_FALSE(handshake(client, server).has_value());
}

TEST_F(TlsStreamTest, an_unknown_authority_is_refused) {
  const Identity other = make_identity({.subject = "another", .names = {}}, nullptr);
  const std::string other_ca = pem.write("other.pem", other);
  const Error error = refusal(good, "broker.example", other_ca);
  EXPECT_EQ(error.action, Action::fatal);
  EXPECT_EQ(error.code, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
  expect_parts(error, {"broker.example:9093", "CN = broker", other_ca.c_str(), "source.tls.ca"});
  expect_parts(refusal(good, "broker.example", "system"), {"this machine trusts", "source.tls.ca"});
  const Identity alone = make_identity({.subject = "alone", .names = "DNS:broker.example"}, nullptr);
  expect_parts(refusal(alone, "broker.example", ca), {"CN = alone", "source.tls.ca"});
}

TEST_F(TlsStreamTest, a_wrong_host_is_refused) {
  const Error error = refusal(good, "other.example", ca);
  EXPECT_EQ(error.action, Action::fatal);
  EXPECT_EQ(error.code, "HOSTNAME_MISMATCH");
  expect_parts(error, {"is not for other.example but for broker.example, *.wild.example", "source.brokers"});
  EXPECT_EQ(refusal(good, "127.0.0.2", ca).code, "IP_ADDRESS_MISMATCH");
  EXPECT_EQ(refusal(good, "wild.example", ca).code, "HOSTNAME_MISMATCH");
  const Identity nameless = make_identity({.subject = "x", .names = {}}, &authority);
  expect_parts(refusal(nameless, "broker.example", ca), {"no host at all"});
}

TEST_F(TlsStreamTest, an_expired_certificate_is_refused) {
  const Identity old = make_identity(
      {.subject = "old", .names = "DNS:broker.example", .from = days(-9), .until = days(-2)}, &authority);
  const Error error = refusal(old, "broker.example", ca);
  EXPECT_EQ(error.action, Action::fatal);
  EXPECT_EQ(error.code, "CERT_HAS_EXPIRED");
  expect_parts(error, {"has expired on", "GMT", "clock"});
  const Identity early = make_identity(
      {.subject = "early", .names = "DNS:broker.example", .from = days(2), .until = days(9)}, &authority);
  EXPECT_EQ(refusal(early, "broker.example", ca).code, "CERT_NOT_YET_VALID");
}

TEST_F(TlsStreamTest, a_name_that_is_none_never_shakes_hands) {
  for (const std::string& host : {std::string(), std::string("a\0b", 3)}) {
    TlsStream client(trusting(ca), host, "x:1");
    const Result<bool> done = client.handshake();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().action, Action::fatal);
    EXPECT_TRUE(client.outgoing().empty());
  }
}

TEST_F(TlsStreamTest, a_peer_that_speaks_no_tls_is_told_as_such) {
  for (const char* answer :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\x10kafka-like bytes"}) {
    TlsStream client(trusting(ca), "broker.example", "broker.example:9092");
    ASSERT_TRUE(client.handshake().ok());
    const std::string text(answer, std::max<std::size_t>(std::strlen(answer), 20));
    std::memcpy(client.incoming().data(), text.data(), text.size());
    client.received(text.size());
    const Result<bool> done = client.handshake();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().kind, ErrorKind::unsupported);
    expect_parts(done.error(),
                 {"broker.example:9092 does not speak TLS", "source.brokers", "source.tls.enabled"});
  }
}

TEST_F(TlsStreamTest, a_close_in_the_handshake_asks_whether_the_port_speaks_tls) {
  TlsStream client(trusting(ca), "broker.example", "broker.example:9092");
  ASSERT_TRUE(client.handshake().ok());
  expect_parts(client.closed_by_peer(), {"broker.example:9092", "closed", "speaks TLS"});
}

TEST_F(TlsStreamTest, a_server_that_wants_a_client_certificate_is_told_as_such) {
  MemoryServer server(good);
  SSL_set_verify(server.ssl(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  std::optional<Error> error = handshake(client, server);
  std::array<std::byte, 16> in{};
  if (!error.has_value()) {  // TLS 1.3 tells it after the handshake
    exchange(client, server);
    const Result<std::size_t> read = client.read(in);
    ASSERT_FALSE(read.ok());
    error = read.error();
  }
  expect_parts(*error, {"client certificate"});
}

TEST_F(TlsStreamTest, bytes_pass_unchanged_in_odd_pieces_both_ways) {
  std::vector<std::byte> payload(8 << 20);
  std::mt19937 random(7);
  for (std::byte& byte : payload) {
    byte = static_cast<std::byte>(random());
  }
  MemoryServer server(good);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server, 7).has_value());
  std::vector<std::byte> there(payload.size());
  std::vector<std::byte> back(payload.size());
  std::size_t written = 0;
  std::size_t arrived = 0;
  std::size_t returned = 0;
  std::size_t came_back = 0;
  while (came_back < payload.size()) {
    const std::size_t piece = 1 + random() % 90'001;
    const auto wrote =
        client.write(Bytes(payload).subspan(written).first(std::min(piece, payload.size() - written)));
    ASSERT_TRUE(wrote.ok()) << wrote.error().message;
    written += *wrote;
    exchange(client, server, 1 + random() % 50'003);
    std::size_t some = 0;
    if (arrived < there.size() &&
        SSL_read_ex(server.ssl(), there.data() + arrived, there.size() - arrived, &some) == 1) {
      arrived += some;
    }
    if (returned < arrived &&
        SSL_write_ex(server.ssl(), there.data() + returned, arrived - returned, &some) == 1) {
      returned += some;
      if (returned % 5 == 0) {
        SSL_key_update(server.ssl(), SSL_KEY_UPDATE_REQUESTED);
      }
    }
    const auto read =
        client.read(MutableBytes(back).subspan(came_back).first(std::min(piece, back.size() - came_back)));
    ASSERT_TRUE(read.ok()) << read.error().message;
    came_back += *read;
  }
  EXPECT_EQ(there, payload);
  EXPECT_EQ(back, payload);
}

TEST_F(TlsStreamTest, outgoing_stays_where_it_is_until_it_is_sent) {
  MemoryServer server(good, TLS1_3_VERSION);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  const std::vector<std::byte> plaintext(50'000, std::byte{1});
  ASSERT_EQ(client.write(plaintext).value(), plaintext.size());
  const Bytes out = client.outgoing();
  const std::vector<std::byte> before(out.begin(), out.end());
  EXPECT_EQ(client.write(plaintext).value(), 0U) << "more is taken while the first is not sent";
  // What tells the server of bytes that were changed is written behind it, not over it.
  SSL_write(server.ssl(), "changed", 7);
  const MutableBytes space = client.incoming();
  const std::size_t got = server.give(space);
  space[got - 1] ^= std::byte{1};
  client.received(got);
  std::array<std::byte, 16> in{};
  ASSERT_FALSE(client.read(in).ok());
  EXPECT_EQ(client.outgoing().data(), out.data());
  EXPECT_TRUE(std::ranges::equal(out, before));
  client.sent(out.size());
  EXPECT_FALSE(client.outgoing().empty()) << "the server is not told";
}

TEST_F(TlsStreamTest, a_close_is_told_after_the_bytes_before_it) {
  MemoryServer server(good);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  SSL_write(server.ssl(), "last", 4);
  SSL_shutdown(server.ssl());
  exchange(client, server);
  std::array<std::byte, 16> in{};
  ASSERT_EQ(client.read(in).value(), 4U);
  const Result<std::size_t> end = client.read(in);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().action, Action::retry);
  expect_parts(end.error(), {"x:1 closed the connection"});
}

// Nothing behind it is believed, and what came before is given out whole: a record that is cut is not.
TEST_F(TlsStreamTest, an_end_without_a_goodbye_gives_no_part_of_a_record) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    MemoryServer server(good, version);
    TlsStream client(trusting(ca), "broker.example", "x:1");
    ASSERT_FALSE(handshake(client, server).has_value());
    SSL_write(server.ssl(), "whole", 5);
    exchange(client, server);
    const std::vector<std::byte> big(16'384, std::byte{7});
    SSL_write(server.ssl(), big.data(), static_cast<int>(big.size()));
    const MutableBytes space = client.incoming();
    const std::size_t got = server.give(space);
    ASSERT_GT(got, big.size());
    client.received(got - 1);  // the last byte never comes
    std::vector<std::byte> in(100'000);
    ASSERT_EQ(client.read(in).value(), 5U);
    EXPECT_EQ(client.read(in).value(), 0U);
    // The caller saw the end of the connection in place of that byte.
    EXPECT_EQ(client.closed_by_peer().action, Action::retry);
  }
}

// What wire::ByteStream builds on: after read() gave 0, less than a record is held back.
TEST_F(TlsStreamTest, holds_less_than_a_record_when_it_needs_more) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    MemoryServer server(good, version);
    TlsStream client(trusting(ca), "broker.example", "x:1");
    ASSERT_FALSE(handshake(client, server).has_value());
    std::vector<std::byte> payload(1 << 20, std::byte{7});
    SSL_write(server.ssl(), payload.data(), static_cast<int>(payload.size()));
    std::vector<std::byte> in(payload.size());
    std::size_t given = 0;
    std::size_t read = 0;
    std::mt19937 random(11);
    while (read < payload.size()) {
      const MutableBytes space = client.incoming();
      const std::size_t got =
          server.give(space.first(std::min<std::size_t>(space.size(), 1 + random() % 40'000)));
      ASSERT_GT(got, 0U) << "waits for more than there is";
      client.received(got);
      given += got;
      for (;;) {
        const Result<std::size_t> some = client.read(MutableBytes(in).subspan(read));
        ASSERT_TRUE(some.ok()) << some.error().message;
        if (*some == 0) {
          break;
        }
        read += *some;
        if (read == payload.size()) {
          break;
        }
      }
      // A record's head and seal are at most some 30 bytes here, and tickets came first.
      ASSERT_LT(given - read, k_tls_record_bytes_max + 40 * (given / 16'384 + 1) + 2'000);
    }
  }
}

TEST_F(TlsStreamTest, new_keys_in_the_middle_of_a_stream_lose_nothing) {
  MemoryServer server(good, TLS1_3_VERSION);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  for (const int request : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    SSL_write(server.ssl(), "before ", 7);
    ASSERT_EQ(SSL_key_update(server.ssl(), request), 1);
    SSL_write(server.ssl(), "after", 5);
    exchange(client, server);
    std::array<char, 32> in{};
    ASSERT_EQ(client.read(std::as_writable_bytes(std::span(in))).value(), 12U);
    EXPECT_STREQ(in.data(), "before after");
    // With new keys of the client's own, if the server wanted them.
    ASSERT_EQ(client.write(as_bytes("thanks")).value(), 6U);
    exchange(client, server);
    std::array<char, 7> thanks{};
    ASSERT_EQ(SSL_read(server.ssl(), thanks.data(), 6), 6);
    EXPECT_STREQ(thanks.data(), "thanks");
  }
}

// TLS 1.2 has a way to shake hands anew in an open connection. It is not taken.
TEST_F(TlsStreamTest, a_server_that_wants_to_shake_hands_anew_is_refused) {
  MemoryServer server(good, TLS1_2_VERSION);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  ASSERT_EQ(SSL_renegotiate(server.ssl()), 1);
  SSL_do_handshake(server.ssl());
  exchange(client, server);
  std::array<std::byte, 16> in{};
  EXPECT_EQ(client.read(in).value(), 0U);
  const bool answers = exchange(client, server);  // with a warning, and with no ClientHello
  EXPECT_TRUE(answers);
  ERR_clear_error();
  EXPECT_LE(SSL_read(server.ssl(), in.data(), 1), 0);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
  ERR_clear_error();
}

TEST_F(TlsStreamTest, changed_bytes_are_an_error_for_ever) {
  MemoryServer server(good);
  TlsStream client(trusting(ca), "broker.example", "x:1");
  ASSERT_FALSE(handshake(client, server).has_value());
  SSL_write(server.ssl(), "changed", 7);
  const MutableBytes space = client.incoming();
  const std::size_t got = server.give(space);
  space[got - 1] ^= std::byte{1};
  client.received(got);
  std::array<std::byte, 16> in{};
  for (int i = 0; i < 2; ++i) {
    const Result<std::size_t> read = client.read(in);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt) << read.error().message;
  }
}

TEST_F(TlsStreamTest, a_file_that_holds_no_certificate_is_named) {
  for (const std::string& bad :
       {pem.path() + "/absent.pem", pem.write("text.pem", std::string("no certificate"))}) {
    const auto made = TlsContext::make({.ca = bad});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().kind, ErrorKind::invalid_input);
    expect_parts(made.error(), {bad.c_str()});
  }
}

}  // namespace
}  // namespace penstock::crypto
