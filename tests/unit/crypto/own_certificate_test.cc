// Mutual TLS: what we show to a server that asks for a certificate, what is said when it does not take it,
// and files that cannot be used.
#include "crypto/own_certificate.h"

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "crypto/tls_stream.h"
#include "unit/crypto/certificates.h"

namespace penstock::crypto {
namespace {

class OwnCertificateTest : public testing::Test {
 protected:
  struct Outcome {
    std::optional<Error> error;
    std::string shown;  // the subject that the server has seen
  };

  // One connection to a server that takes what `authority` has issued, and nothing else.
  Outcome connect(const OwnCertificate& own, int version) {
    ServerContext context = make_server_context(server);
    SSL_CTX_set_max_proto_version(context.get(), version);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.certificate.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    const Ssl peer(SSL_new(context.get()));
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(peer.get(), in, out);
    SSL_set_accept_state(peer.get());
    auto made = TlsContext::make({.ca = ca, .own = own});
    EXPECT_TRUE(made.ok()) << made.error().message;
    TlsStream client(std::move(made).value(), "broker.example", "broker.example:9093");

    Outcome outcome;
    bool done = false;
    for (int turn = 0; turn < 20 && !outcome.error; ++turn) {
      if (!done) {
        const Result<bool> shaken = client.handshake();
        if (!shaken.ok()) {
          outcome.error = shaken.error();
        } else {
          done = *shaken;
        }
      }
      const Bytes sent = client.outgoing();
      BIO_write(in, sent.data(), static_cast<int>(sent.size()));
      client.sent(sent.size());
      SSL_do_handshake(peer.get());
      const MutableBytes space = client.incoming();
      const int got = BIO_read(out, space.data(), static_cast<int>(space.size()));
      client.received(got > 0 ? static_cast<std::size_t>(got) : 0);
      std::array<std::byte, 16> none{};
      if (const auto read = done ? client.read(none) : Result<std::size_t>(std::size_t{0}); !read.ok()) {
        outcome.error = read.error();  // TLS 1.3 tells it after the handshake
      }
    }
    const Certificate shown(SSL_get1_peer_certificate(peer.get()));
    std::array<char, 64> name{};
    if (shown) {
      X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(),
                                static_cast<int>(name.size()));
    }
    outcome.shown = name.data();
    return outcome;
  }

  static void expect_fault(const OwnCertificate& own, OwnCertificateFault::File file,
                           std::initializer_list<std::string> parts) {
    const auto fault = own_certificate_fault(own);
    ASSERT_TRUE(fault.has_value());
    EXPECT_EQ(fault->file, file);
    EXPECT_EQ(fault->error.kind, ErrorKind::invalid_input);
    for (const std::string& part : parts) {
      EXPECT_NE(fault->error.message.find(part), std::string::npos)
          << part << " is not in: " << fault->error.message;
    }
    EXPECT_FALSE(TlsContext::make({.ca = "system", .own = own}).ok());
  }

  const PemDirectory pem;
  const Identity authority = make_identity({.subject = "the authority", .names = {}}, nullptr);
  const std::string ca = pem.write("ca.pem", authority);
  const Identity server = make_identity({.subject = "broker", .names = "DNS:broker.example"}, &authority);
  const Identity gateway = make_identity({.subject = "gateway", .names = {}}, &authority);
  const std::string ours = pem.write_with_key("gateway.pem", gateway);
};

TEST_F(OwnCertificateTest, is_shown_to_a_server_that_asks_for_it) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Outcome outcome = connect({.certificate = ours, .key = ours}, version);
    EXPECT_FALSE(outcome.error.has_value()) << outcome.error->message;
    EXPECT_EQ(outcome.shown, "gateway");
  }
}

TEST_F(OwnCertificateTest, a_server_that_gets_none_is_told_as_such_with_the_keys_to_write) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Outcome outcome = connect({}, version);
    ASSERT_TRUE(outcome.error.has_value());
    EXPECT_EQ(outcome.error->action, Action::fatal);
    EXPECT_NE(outcome.error->message.find("client certificate"), std::string::npos) << outcome.error->message;
    EXPECT_NE(outcome.error->message.find("source.tls.certificate"), std::string::npos)
        << outcome.error->message;
  }
}

TEST_F(OwnCertificateTest, one_that_the_server_does_not_take_is_named_by_its_file) {
  const Identity stranger = make_identity({.subject = "stranger", .names = {}}, nullptr);
  const Identity old =
      make_identity({.subject = "old", .names = {}, .from = days(-9), .until = days(-2)}, &authority);
  const std::string strange = pem.write_with_key("stranger.pem", stranger);
  const std::string expired = pem.write_with_key("old.pem", old);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Outcome refused = connect({.certificate = strange, .key = strange}, version);
    ASSERT_TRUE(refused.error.has_value());
    EXPECT_EQ(refused.error->action, Action::fatal);
    EXPECT_NE(refused.error->message.find("does not take the certificate in " + strange), std::string::npos)
        << refused.error->message;
    const Outcome late = connect({.certificate = expired, .key = expired}, version);
    ASSERT_TRUE(late.error.has_value());
    EXPECT_NE(late.error->message.find(expired), std::string::npos) << late.error->message;
    EXPECT_NE(late.error->message.find("it has expired; renew it"), std::string::npos) << late.error->message;
  }
}

TEST_F(OwnCertificateTest, files_that_cannot_be_used_are_named_with_the_reason) {
  using File = OwnCertificateFault::File;
  const std::string absent = pem.path() + "/absent.pem";
  const std::string text = pem.write("text.pem", std::string("no certificate"));
  const std::string another =
      pem.write_with_key("another.pem", make_identity({.subject = "another", .names = {}}, &authority));
  const std::string locked = pem.write_with_key("locked.pem", gateway, "the word");
  expect_fault({.certificate = absent, .key = ours}, File::certificate, {absent, "No such file"});
  expect_fault({.certificate = text, .key = ours}, File::certificate, {text, "as a certificate in PEM"});
  expect_fault({.certificate = ours, .key = absent}, File::key, {absent, "No such file"});
  expect_fault({.certificate = ours, .key = text}, File::key, {text, "as a private key in PEM"});
  expect_fault({.certificate = ours, .key = another}, File::key, {another, "is not the key of", ours});
  expect_fault({.certificate = ours, .key = locked}, File::key,
               {locked, "is encrypted", "penstock takes no passphrase"});
  EXPECT_FALSE(own_certificate_fault({}).has_value());
}

}  // namespace
}  // namespace penstock::crypto
