#include "rdkafka/password_feed.h"

#include <librdkafka/rdkafka.h>

#include "rdkafka/client_properties.h"

namespace penstock::rdkafka {

PasswordFeed::PasswordFeed(const source::Auth& auth) : auth_(auth), shown_(sasl_login(auth).password) {}

void PasswordFeed::look(rd_kafka_s* client) {
  if (!auth_.secret_now) {
    return;
  }
  const SaslLogin newest = sasl_login(source::with_newest_secret(auth_));
  if (newest.password == shown_) {
    return;
  }
  shown_ = newest.password;
  if (rd_kafka_error_t* error =
          rd_kafka_sasl_set_credentials(client, newest.user.c_str(), newest.password.c_str())) {
    rd_kafka_error_destroy(error);  // of a client without SASL: there is nothing to renew then
  }
}

}  // namespace penstock::rdkafka
