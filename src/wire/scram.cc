// How it works. RFC 5802, section 3, in the order of the code:
//
//   salted password   = PBKDF2(password, salt, iterations)
//   client key        = HMAC(salted password, "Client Key")
//   stored key        = H(client key)                              this is what the broker keeps
//   auth message      = our first message without "n,,"  ","  server's first  ","  our final without proof
//   proof             = client key XOR HMAC(stored key, auth message)
//   server signature  = HMAC(HMAC(salted password, "Server Key"), auth message)
//
// The broker takes the client key out of the proof and compares its hash with the stored key: it never sees
// the password. We compare its signature with ours, so that it has to know the server key, which comes from
// the password.
//
// An example, RFC 7677's: user "user", password "pencil", client nonce "rOprNGfwEbeRWgbNEkqO".
//
//   -> n,,n=user,r=rOprNGfwEbeRWgbNEkqO
//   <- r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096
//   -> c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,
//      p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=
//   <- v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=
#include "wire/scram.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/concat.h"
#include "wire/printable.h"

namespace penstock::wire {
namespace {

// No channel binding, no other authorization identity.
constexpr std::string_view k_gs2_header = "n,,";
constexpr std::string_view k_gs2_header_base64 = "biws";

Error scram_failed(std::string why) {
  return make_error(ErrorKind::unauthenticated, Action::fatal, concat("SCRAM login: ", why));
}

// A ',' or '=' in the name would end it. RFC 5802 wants SASLprep besides, which leaves ASCII as it is. Other
// characters are sent as they were given, because this is what brokers store, too.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

std::string bare_first_message(std::string_view user, std::string_view nonce) {
  return concat("n=", escaped(user), ",r=", nonce);
}

// Takes "<name>=<value>" off the front of `text`, up to the comma or the end; nullopt if the next attribute
// is another one.
std::optional<std::string_view> take_attribute(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') {
    return std::nullopt;
  }
  const std::size_t end = text.find(',');
  const std::string_view value = text.substr(2, end == std::string_view::npos ? end : end - 2);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return value;
}

struct ServerFirst {
  std::string_view nonce;
  std::vector<std::byte> salt;
  std::uint32_t iterations = 0;
};

Result<ServerFirst> parse_server_first(std::string_view message, std::string_view client_nonce) {
  if (message.starts_with("e=")) {
    return scram_failed(concat("the broker refuses it: ", printable(message.substr(2))));
  }
  if (message.starts_with("m=")) {
    return scram_failed("the broker demands an extension that penstock does not have");
  }
  const auto nonce = take_attribute(message, 'r');
  const auto salt = take_attribute(message, 's');
  const auto iterations = take_attribute(message, 'i');
  if (!nonce || !salt || !iterations) {
    return scram_failed("the broker's first message is not one of SCRAM");
  }
  if (!nonce->starts_with(client_nonce) || nonce->size() == client_nonce.size()) {
    return scram_failed("the broker's nonce does not continue ours: the answer is not to this login");
  }
  ServerFirst first{.nonce = *nonce, .salt = {}, .iterations = 0};
  Result<std::vector<std::byte>> salt_bytes = base64_decode(*salt);
  if (!salt_bytes.ok() || salt_bytes->empty()) {
    return scram_failed("the broker's salt is not base64");
  }
  first.salt = std::move(*salt_bytes);
  const char* end = iterations->data() + iterations->size();
  const auto [stop, fault] = std::from_chars(iterations->data(), end, first.iterations);
  if (fault != std::errc() || stop != end || first.iterations < k_scram_iterations_min ||
      first.iterations > k_scram_iterations_max) {
    return scram_failed(concat("the broker asks for ", printable(*iterations), " iterations; penstock takes ",
                               k_scram_iterations_min, " to ", k_scram_iterations_max));
  }
  return first;
}

}  // namespace

ScramClient::ScramClient(crypto::HashFunction function, std::string user, std::string password,
                         std::string nonce)
    : function_(function), user_(std::move(user)), password_(std::move(password)), nonce_(std::move(nonce)) {
  CHECK(!nonce_.empty());
  CHECK(nonce_.find(',') == std::string::npos);
}

std::string ScramClient::first_message() {
  return concat(k_gs2_header, bare_first_message(user_, nonce_));
}

Result<std::string> ScramClient::final_message(std::string_view server_first) {
  const Result<ServerFirst> parsed = parse_server_first(server_first, nonce_);
  if (!parsed.ok()) {
    return parsed.error();
  }
  const std::string without_proof = concat("c=", k_gs2_header_base64, ",r=", parsed->nonce);
  const std::string auth_message =
      concat(bare_first_message(user_, nonce_), ",", server_first, ",", without_proof);
  const auto salted_password =
      crypto::pbkdf2(function_, as_bytes(password_), parsed->salt, parsed->iterations);
  const auto client_key = crypto::hmac(function_, salted_password, as_bytes("Client Key"));
  const auto stored_key = crypto::digest(function_, client_key);
  auto proof = crypto::hmac(function_, stored_key, as_bytes(auth_message));
  for (std::size_t i = 0; i < proof.size(); ++i) {
    proof[i] ^= client_key[i];
  }
  const auto server_key = crypto::hmac(function_, salted_password, as_bytes("Server Key"));
  server_signature_ = crypto::hmac(function_, server_key, as_bytes(auth_message));
  return concat(without_proof, ",p=", base64_encode(proof));
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  CHECK(!server_signature_.empty());
  if (server_final.starts_with("e=")) {
    return scram_failed(concat("the broker refuses it: ", printable(server_final.substr(2)),
                               "; check user and password in source.auth"));
  }
  const auto signature = take_attribute(server_final, 'v');
  if (!signature) {
    return scram_failed("the broker's last message is not one of SCRAM");
  }
  const Result<std::vector<std::byte>> bytes = base64_decode(*signature);
  if (!bytes.ok() || !crypto::equal_in_constant_time(*bytes, server_signature_)) {
    return scram_failed(
        "what answers does not know the password itself: it is not the broker, or stands between; check "
        "source.brokers and source.tls");
  }
  return {};
}

}  // namespace penstock::wire
