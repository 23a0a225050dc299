// A deleter, for owning an object of OpenSSL's: std::unique_ptr<SSL, Freed<SSL, SSL_free>>.
#pragma once

namespace penstock::crypto {

template <class T, void (*free)(T*)>
struct Freed {
  void operator()(T* object) const { free(object); }
};

}  // namespace penstock::crypto
