// A password that may change while a client of librdkafka is connected: the next connection logs in with it.
#pragma once

#include <string>

#include "source/consumer_options.h"

struct rd_kafka_s;

namespace penstock::rdkafka {

class PasswordFeed {
 public:
  // `auth` as the client was made with it.
  explicit PasswordFeed(const source::Auth& auth);

  // Gives the client the newest password if it has another one. Cheap if there is none to give.
  void look(rd_kafka_s* client);

 private:
  source::Auth auth_;
  std::string shown_;
};

}  // namespace penstock::rdkafka
