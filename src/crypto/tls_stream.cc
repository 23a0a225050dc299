// How it works. OpenSSL reads and writes through a BIO of ours, which copies from incoming_ and to outgoing_.
// Its own memory BIO would copy once more, and move what is left at every read.
//
//   socket -> incoming_ -> Glue::read  -> OpenSSL -> read():  the caller's memory
//   socket <- outgoing_ <- Glue::write <- OpenSSL <- write(): the caller's memory
//
// There are two outgoing buffers, because the kernel may still send from one while OpenSSL writes into
// another. An example: outgoing() gave 300 bytes of buffer 0, and the kernel has them.
//
//   1. read() finds a request for new keys. OpenSSL answers by itself, and Glue::write puts it into buffer 1.
//   2. outgoing() still gives the 300 bytes: they stay where they are until sent() has taken them all.
//   3. sent(300). The next outgoing() finds buffer 0 empty, and turns the two round: it gives buffer 1, and
//      from now on OpenSSL fills buffer 0.
//
// An error that read() meets behind good bytes waits in failure_ until the bytes are given out.
#include "crypto/tls_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/concat.h"
#include "crypto/certificate.h"
#include "crypto/freed.h"

namespace penstock::crypto {
namespace {

bool is_ip_address(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

}  // namespace

struct TlsStream::Glue {
  static int read(BIO* bio, char* out, std::size_t size, std::size_t* done) {
    Buffer& buffer = static_cast<TlsStream*>(BIO_get_data(bio))->incoming_;
    BIO_clear_retry_flags(bio);
    *done = std::min(size, buffer.last - buffer.first);
    if (*done == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(out, buffer.memory.data() + buffer.first, *done);
    buffer.first += *done;
    return 1;
  }

  static int write(BIO* bio, const char* in, std::size_t size, std::size_t* done) {
    auto* const stream = static_cast<TlsStream*>(BIO_get_data(bio));
    Buffer& buffer = stream->outgoing_[stream->filling_];
    BIO_clear_retry_flags(bio);
    if (buffer.memory.size() < buffer.last + size) {
      buffer.memory.resize(buffer.last + size);
    }
    std::memcpy(buffer.memory.data() + buffer.last, in, size);
    buffer.last += size;
    *done = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  // Accepts nothing that OpenSSL does not; notes what it refused.
  static int verify(int accepted, X509_STORE_CTX* check) {
    if (accepted == 1) {
      return 1;
    }
    const auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx()));
    static_cast<TlsStream*>(SSL_get_app_data(ssl))->refused_ =
        refused_certificate(X509_STORE_CTX_get_error(check), X509_STORE_CTX_get_current_cert(check));
    return 0;
  }

  static const BIO_METHOD* method() {
    static const std::unique_ptr<BIO_METHOD, Freed<BIO_METHOD, BIO_meth_free>> made = [] {
      BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock");
      CHECK(fresh != nullptr);
      BIO_meth_set_read_ex(fresh, read);
      BIO_meth_set_write_ex(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      return std::unique_ptr<BIO_METHOD, Freed<BIO_METHOD, BIO_meth_free>>(fresh);
    }();
    return made.get();
  }
};

void TlsStream::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, const std::string& host, std::string name)
    : context_(std::move(context)),
      peer_{.host = host,
            .name = std::move(name),
            .ca = context_->ca(),
            .own = context_->own(),
            .section = context_->section()},
      ssl_(SSL_new(context_->get())) {
  incoming_.memory.resize(k_tls_incoming_bytes);
  BIO* const bio = BIO_new(Glue::method());
  CHECK(ssl_ != nullptr);
  CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, Glue::verify);
  host_is_checked_ = set_host(host);
  SSL_set_connect_state(ssl_.get());
}

// False for what cannot be a host. OpenSSL would then check nothing, so that there must be no handshake.
bool TlsStream::set_host(const std::string& host) {
  if (is_ip_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) == 1;
  }
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return !host.empty() && host.find('\0') == std::string::npos &&
         SSL_set1_host(ssl_.get(), host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
}

TlsStream::~TlsStream() = default;

Result<bool> TlsStream::handshake() {
  if (!host_is_checked_) {
    return make_error(ErrorKind::invalid_input, Action::fatal,
                      concat(peer_.name, " has no host name that a certificate could be for"));
  }
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    open_ = true;
    return true;
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) {
    return false;
  }
  return broken(result, "the TLS handshake with");
}

Result<std::size_t> TlsStream::write(Bytes plaintext) {
  CHECK(open_);
  if (plaintext.empty() || !outgoing().empty()) {
    return std::size_t{0};
  }
  std::size_t taken = 0;
  while (taken < std::min(plaintext.size(), k_tls_write_bytes)) {
    std::size_t some = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), plaintext.data() + taken,
                                    std::min(plaintext.size(), k_tls_write_bytes) - taken, &some);
    if (result != 1) {
      return broken(result, "writing to");
    }
    taken += some;
  }
  return taken;
}

Result<std::size_t> TlsStream::read(MutableBytes plaintext) {
  CHECK(open_);
  std::size_t filled = 0;
  // Once and not for every record: it goes through sixteen entries, and a record that was read leaves none.
  ERR_clear_error();
  while (filled < plaintext.size() && !failure_.has_value()) {
    std::size_t some = 0;
    const int result = SSL_read_ex(ssl_.get(), plaintext.data() + filled, plaintext.size() - filled, &some);
    if (result == 1) {
      filled += some;
      continue;
    }
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      failure_ = broken(result, "reading from");
    }
    break;
  }
  // Good bytes first. What came behind them is told by the next call.
  if (filled == 0 && failure_.has_value()) {
    return *failure_;
  }
  return filled;
}

Bytes TlsStream::outgoing() {
  Buffer* sending = &outgoing_[1 - filling_];
  if (sending->first == sending->last) {
    sending->first = sending->last = 0;
    filling_ = 1 - filling_;
    sending = &outgoing_[1 - filling_];
  }
  return Bytes(sending->memory).subspan(sending->first, sending->last - sending->first);
}

void TlsStream::sent(std::size_t count) {
  Buffer& sending = outgoing_[1 - filling_];
  CHECK(count <= sending.last - sending.first);
  sending.first += count;
}

MutableBytes TlsStream::incoming() {
  Buffer& buffer = incoming_;
  // What is left is part of a record at most, if the caller has read all that it could.
  std::memmove(buffer.memory.data(), buffer.memory.data() + buffer.first, buffer.last - buffer.first);
  buffer.last -= std::exchange(buffer.first, 0);
  return MutableBytes(buffer.memory).subspan(buffer.last);
}

void TlsStream::received(std::size_t count) {
  CHECK(count <= incoming_.memory.size() - incoming_.last);
  incoming_.last += count;
}

TlsFacts TlsStream::facts() const {
  CHECK(open_);
  return {.protocol = SSL_get_version(ssl_.get()),
          .cipher = SSL_get_cipher_name(ssl_.get()),
          .certificate = refused_certificate(X509_V_OK, SSL_get0_peer_certificate(ssl_.get()))};
}

Error TlsStream::closed_by_peer() const {
  return tls_closed(open_ ? TlsPhase::open : TlsPhase::handshake, peer_);
}

Error TlsStream::broken(int result, const char* doing) {
  const int kind = SSL_get_error(ssl_.get(), result);
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (kind == SSL_ERROR_ZERO_RETURN) {
    return closed_by_peer();
  }
  if (refused_.verify_result != X509_V_OK) {
    return certificate_error(refused_, peer_);
  }
  return tls_error(code, doing, peer_);
}

}  // namespace penstock::crypto
