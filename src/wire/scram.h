// SCRAM as RFC 5802 and RFC 7677 have it, the client's side, without channel binding. A pure state machine:
//
//   -> n,,n=<user>,r=<client nonce>
//   <- r=<client nonce><server nonce>,s=<salt, base64>,i=<iterations>
//   -> c=biws,r=<client nonce><server nonce>,p=<proof, base64>
//   <- v=<server signature, base64>                                    or e=<error>
//
// The password is never sent. A server that does not know it, or what is derived from it, is found out by its
// signature.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "crypto/hash.h"

namespace penstock::wire {

// A server that asks for fewer makes the password cheap to guess from what goes over the wire. One that asks
// for more could hold this thread up for as long as it likes. A million take half a second, or one second
// with SHA-512.
constexpr std::uint32_t k_scram_iterations_min = 4096;
constexpr std::uint32_t k_scram_iterations_max = 1'000'000;

class ScramClient {
 public:
  // `nonce`: random, printable, without a comma; never used twice.
  ScramClient(crypto::HashFunction function, std::string user, std::string password, std::string nonce);

  std::string first_message();

  // Takes the server's first message, gives the client's final one. Errors, here and below, are
  // unauthenticated and fatal. They show nothing of password, salt or proof.
  Result<std::string> final_message(std::string_view server_first);

  // Takes the server's final message. Ok: it knows the password too. After final_message() (CHECK).
  Result<void> verify(std::string_view server_final) const;

 private:
  crypto::HashFunction function_;
  std::string user_;
  std::string password_;
  std::string nonce_;
  // What verify() expects.
  std::vector<std::byte> server_signature_;
};

}  // namespace penstock::wire
