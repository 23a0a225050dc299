#include "rdkafka/token_feed.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "source/bearer_token.h"

namespace penstock::rdkafka {

TokenFeed::TokenFeed(source::TokenReader read, source::TokenRefused refused)
    : read_(std::move(read)), refused_(std::move(refused)) {}

void TokenFeed::serve(rd_kafka_s* client) {
  const Result<source::BearerToken> token = read_();
  const std::lock_guard lock(mutex_);
  if (!ended_) {
    client_ = client;
    set(token);
  }
}

// Under the mutex, so that the client is there.
void TokenFeed::set(const Result<source::BearerToken>& token) {
  if (!token.ok()) {
    rd_kafka_oauthbearer_set_token_failure(client_, token.error().message.c_str());
    return;
  }
  const auto expires =
      std::chrono::duration_cast<std::chrono::milliseconds>(token->expires.time_since_epoch());
  std::array<char, 512> sentence{};
  if (rd_kafka_oauthbearer_set_token(client_, token->text.c_str(), expires.count(), token->principal.c_str(),
                                     nullptr, 0, sentence.data(),
                                     sentence.size()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_oauthbearer_set_token_failure(client_, sentence.data());
    return;
  }
  shown_ = token->text;
}

void TokenFeed::refused() {
  std::string shown;
  {
    const std::lock_guard lock(mutex_);
    if (!refused_ || client_ == nullptr || std::exchange(asking_, true)) {
      return;
    }
    shown = shown_;
  }
  refused_(shown, [weak = weak_from_this()] {
    if (const auto feed = weak.lock()) {
      feed->look_again();
    }
  });
}

void TokenFeed::look_again() {
  const Result<source::BearerToken> token = read_();
  const std::lock_guard lock(mutex_);
  asking_ = false;
  if (client_ != nullptr && token.ok() && token->text != shown_) {
    set(token);
  }
}

void TokenFeed::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  client_ = nullptr;
}

std::shared_ptr<TokenFeed> token_feed(const source::Auth& auth) {
  source::TokenReader read = source::token_reader(auth);
  return read ? std::make_shared<TokenFeed>(std::move(read), auth.tokens.refused) : nullptr;
}

}  // namespace penstock::rdkafka
