// Certificates for tests, made when they are needed: an authority, what it issues, and TLS servers that show
// its certificates.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

namespace penstock::crypto {

template <auto free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreedBy<X509_free>>;
using ServerContext = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, FreedBy<SSL_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

using days = std::chrono::duration<int, std::ratio<86400>>;

struct Wish {
  std::string subject;
  std::string names;  // as OpenSSL's configuration writes them: "DNS:a.example,IP:127.0.0.1"
  days from{-1};
  days until{30};
};

// Signed by `issuer`, by itself if that is null (an authority then). `key`: null for a new one.
inline Identity make_identity(const Wish& wish, const Identity* issuer, Key key = nullptr) {
  static long serial = 0;
  Identity made{key != nullptr ? std::move(key) : Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), std::chrono::seconds(wish.from).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), std::chrono::seconds(wish.until).count());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1, 0);
  const Identity& signer = issuer != nullptr ? *issuer : made;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  X509_set_pubkey(certificate, made.key.get());
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    EXPECT_NE(extension, nullptr) << value;
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!wish.names.empty()) {
    extend(NID_subject_alt_name, wish.names);
  }
  EXPECT_GT(X509_sign(certificate, signer.key.get(), EVP_sha256()), 0);
  return made;
}

// The certificate and its private key, as one text.
inline std::string pem_with_key(const Identity& identity) {
  const std::unique_ptr<BIO, FreedBy<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), identity.certificate.get());
  PEM_write_bio_PrivateKey(bio.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

// A directory that goes with the test, and PEM files in it.
class PemDirectory {
 public:
  PemDirectory() {
    std::string name = testing::TempDir() + "penstock-pem-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~PemDirectory() { std::filesystem::remove_all(path_); }

  std::string path() const { return path_; }

  std::string write(const std::string& name, const Identity& identity) const {
    const std::unique_ptr<BIO, FreedBy<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), identity.certificate.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return write(name, std::string(text, static_cast<std::size_t>(length)));
  }

  // Its key and its certificate. With a passphrase the key is encrypted.
  std::string write_with_key(const std::string& name, const Identity& identity,
                             std::string passphrase = {}) const {
    const std::unique_ptr<BIO, FreedBy<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(bio.get(), identity.key.get(),
                                  passphrase.empty() ? nullptr : EVP_aes_256_cbc(), passphrase.data(),
                                  static_cast<int>(passphrase.size()), nullptr, nullptr);
    PEM_write_bio_X509(bio.get(), identity.certificate.get());
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return write(name, std::string(text, static_cast<std::size_t>(length)));
  }

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = std::filesystem::path(path_) / name;
    std::ofstream(path) << text;
    return path;
  }

 private:
  std::string path_;
};

// Shows `identity` to whoever asks; with SSL_accept and what follows it.
inline ServerContext make_server_context(const Identity& identity) {
  ServerContext context(SSL_CTX_new(TLS_server_method()));
  EXPECT_EQ(SSL_CTX_use_certificate(context.get(), identity.certificate.get()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), identity.key.get()), 1);
  return context;
}

}  // namespace penstock::crypto
