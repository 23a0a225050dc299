#include "crypto/certificate.h"

#include <algorithm>
#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "base/concat.h"
#include "crypto/freed.h"

namespace penstock::crypto {
namespace {

// More names than these tell an operator nothing.
constexpr int k_names_shown = 4;

using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;

// What the peer wrote, made fit for a message: printable, and of a bounded length.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.substr(0, 200);
}

std::string written(const Bio& bio) {
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return printable(std::string(text, static_cast<std::size_t>(std::max(length, 0L))));
}

std::string text_of(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  return written(bio);
}

std::string end_of(const X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), X509_get0_notAfter(certificate));
  return written(bio);
}

// "a.example, b.example, 127.0.0.1", from the subject alternative names.
std::string names_of(const X509* certificate) {
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES, GENERAL_NAMES_free>> freed(names);
  std::string text;
  for (int i = 0; i < std::min(sk_GENERAL_NAME_num(names), k_names_shown); ++i) {
    const Bio bio(BIO_new(BIO_s_mem()));
    GENERAL_NAME_print(bio.get(), sk_GENERAL_NAME_value(names, i));
    const std::string name = written(bio);  // "DNS:a.example", "IP Address:127.0.0.1"
    text += concat(text.empty() ? "" : ", ", name.substr(name.find(':') + 1));
  }
  return text + (sk_GENERAL_NAME_num(names) > k_names_shown ? " and others" : "");
}

}  // namespace

RefusedCertificate refused_certificate(long verify_result, const x509_st* certificate) {
  RefusedCertificate refused;
  refused.verify_result = verify_result;
  if (certificate != nullptr) {
    refused.subject = text_of(X509_get_subject_name(certificate));
    refused.issuer = text_of(X509_get_issuer_name(certificate));
    refused.names = names_of(certificate);
    refused.until = end_of(certificate);
  }
  return refused;
}

RefusedCertificate refused_certificate(long verify_result, Bytes der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<X509, Freed<X509, X509_free>> certificate(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  return refused_certificate(verify_result, certificate.get());
}

}  // namespace penstock::crypto
