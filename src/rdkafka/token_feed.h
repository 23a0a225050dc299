// The tokens of one client of librdkafka, and the library's own view of them. Internal to this module.
//
// The library asks for a token in a thread of its own: at the beginning, at four fifths of a token's life,
// and ten seconds after there was none. Up to 2.0.2 and beyond it does not ask when a broker refuses the
// token that it has. It shows it again twice a second, for ever. So its owner hears of _AUTHENTICATION, asks
// for another token, and this sets it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <penstock/result.h>

#include "source/consumer_options.h"
#include "source/token_supply.h"

struct rd_kafka_s;

namespace penstock::rdkafka {

class TokenFeed : public std::enable_shared_from_this<TokenFeed> {
 public:
  TokenFeed(source::TokenReader read, source::TokenRefused refused);

  // From any thread.
  Result<source::BearerToken> read() const { return read_(); }

  // In the library's callback: gives `client` the token, or the reason why there is none.
  void serve(rd_kafka_s* client);

  // A broker has refused the token that the client has. From any thread; calls are merged.
  void refused();

  // Before the client is destroyed. It is not touched any more.
  void end();

 private:
  void set(const Result<source::BearerToken>& token);
  void look_again();

  const source::TokenReader read_;
  const source::TokenRefused refused_;
  std::mutex mutex_;  // of what follows
  bool ended_ = false;
  rd_kafka_s* client_ = nullptr;  // from its first wish for a token on
  std::string shown_;             // the token that the client has
  bool asking_ = false;
};

// Null: these options log in by something else.
std::shared_ptr<TokenFeed> token_feed(const source::Auth& auth);

}  // namespace penstock::rdkafka
