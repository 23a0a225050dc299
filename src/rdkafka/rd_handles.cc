// How it works
//
// The library calls plain functions with a pointer, the "opaque". Here that pointer is the owner's
// ClientCallbacks. Each on_...() below turns the library's arguments into ours, and calls the member. A
// callback that the owner left empty is not registered, and the library does what it does without one. Only
// the log is always taken.
//
// The worked case is a login by token, while the owner waits in a blocking question:
//
//   1. As a rule the library puts a wish for a token into a queue that the owner polls. This owner does not
//      poll. So make_client() gives such wishes a queue of their own, which a thread of the library serves.
//   2. That thread runs on_token_wanted(). The TokenFeed reads the token, and hands it over with the time of
//      its expiry.
//   3. The login goes on, and the question is answered.
//
// rd_kafka_new() takes the configuration over only when it succeeds. So `conf` is released after that, and
// freed by its owner otherwise.
#include "rdkafka/rd_handles.h"

#include <array>
#include <chrono>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"

namespace penstock::rdkafka {
namespace {

const ClientCallbacks& callbacks_of(void* opaque) {
  return *static_cast<const ClientCallbacks*>(opaque);
}

// What the error callback tells as well. The library writes it at every try, several times a second.
bool is_told_as_error(std::string_view facility) {
  return facility == "FAIL" || facility == "SSLCERTVRFY";
}

void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const ClientCallbacks& callbacks = callbacks_of(rd_kafka_opaque(client));
  if (callbacks.log) {
    constexpr int k_debug = 7;  // of syslog
    callbacks.log(callbacks.error && is_told_as_error(facility) ? k_debug : level,
                  concat(facility, ": ", text));
  }
}

void on_error(rd_kafka_t* /*client*/, int code, const char* reason, void* opaque) {
  const ClientCallbacks& callbacks = callbacks_of(opaque);
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && callbacks.tokens) {
    callbacks.tokens->refused();
  }
  callbacks.error(code, reason);
}

void on_rebalance(rd_kafka_t* /*client*/, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  callbacks_of(opaque).rebalance(code, partitions);
}

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  callbacks_of(opaque).delivery(message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
}

// The library asks again at four fifths of the token's life, and ten seconds after a failure.
void on_token_wanted(rd_kafka_t* client, const char* /*config*/, void* opaque) {
  callbacks_of(opaque).tokens->serve(client);
}

// Called for every certificate of a chain, and accepts nothing that the library does not.
int on_certificate(rd_kafka_t* /*client*/, const char* broker, std::int32_t /*broker_id*/, int* verify_result,
                   int /*depth*/, const char* certificate, std::size_t size, char* /*sentence*/,
                   std::size_t /*sentence_size*/, void* opaque) {
  if (*verify_result == 0) {
    return 1;
  }
  callbacks_of(opaque).certificate(broker, *verify_result, as_bytes(std::string_view(certificate, size)));
  return 0;
}

}  // namespace

void RdClientDeleter::operator()(rd_kafka_s* client) const {
  if (tokens) {
    tokens->end();
  }
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
void RdDeleter::operator()(rd_kafka_conf_s* conf) const {
  rd_kafka_conf_destroy(conf);
}
void RdDeleter::operator()(rd_kafka_queue_s* queue) const {
  rd_kafka_queue_destroy(queue);
}
void RdDeleter::operator()(rd_kafka_topic_partition_list_s* list) const {
  rd_kafka_topic_partition_list_destroy(list);
}

Result<RdConf> make_conf(std::span<const Property> properties) {
  RdConf conf(rd_kafka_conf_new());
  for (const Property& property : properties) {
    std::array<char, 512> sentence{};
    if (rd_kafka_conf_set(conf.get(), property.name.c_str(), property.value.c_str(), sentence.data(),
                          sentence.size()) == RD_KAFKA_CONF_OK) {
      continue;
    }
    if (is_secret(property.name)) {
      return invalid_input(concat("the Kafka client does not take the value of ", property.name));
    }
    return invalid_input(concat("the Kafka client: ", sentence.data(), "; check source.librdkafka"));
  }
  return conf;
}

Result<void> check_properties(std::span<const Property> properties) {
  const Result<RdConf> conf = make_conf(properties);
  return conf.ok() ? Result<void>() : conf.error();
}

Result<RdClient> make_client(ClientKind kind, std::span<const Property> properties,
                             const ClientCallbacks& callbacks) {
  Result<RdConf> conf = make_conf(properties);
  if (!conf) {
    return conf.error();
  }
  rd_kafka_conf_set_opaque(conf->get(), const_cast<ClientCallbacks*>(&callbacks));
  rd_kafka_conf_set_log_cb(conf->get(), on_log);
  if (callbacks.error) {
    rd_kafka_conf_set_error_cb(conf->get(), on_error);
  }
  if (callbacks.rebalance) {
    rd_kafka_conf_set_rebalance_cb(conf->get(), on_rebalance);
  }
  if (callbacks.delivery) {
    rd_kafka_conf_set_dr_msg_cb(conf->get(), on_delivery);
  }
  if (callbacks.tokens) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf->get(), on_token_wanted);
    rd_kafka_conf_enable_sasl_queue(conf->get(), 1);
  }
  if (callbacks.certificate) {
    rd_kafka_conf_set_ssl_cert_verify_cb(conf->get(), on_certificate);
  }
  std::array<char, 512> sentence{};
  RdClient client(rd_kafka_new(kind == ClientKind::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                               conf->get(), sentence.data(), sentence.size()),
                  RdClientDeleter{callbacks.tokens});
  if (!client) {
    return invalid_input(concat("the Kafka client cannot start: ", sentence.data()));
  }
  static_cast<void>(conf->release());  // the client owns it now
  if (callbacks.tokens) {
    if (rd_kafka_error_t* error = rd_kafka_sasl_background_callbacks_enable(client.get())) {
      const Error told =
          invalid_input(concat("the Kafka client cannot start: ", rd_kafka_error_string(error)));
      rd_kafka_error_destroy(error);
      return told;
    }
  }
  if (kind == ClientKind::consumer) {
    rd_kafka_poll_set_consumer(client.get());
  }
  return client;
}

RdList make_list(std::span<const TopicPartition> partitions) {
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition.value);
  }
  return list;
}

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_s* list) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    partitions.push_back({list->elems[i].topic, Partition{list->elems[i].partition}});
  }
  return partitions;
}

}  // namespace penstock::rdkafka
