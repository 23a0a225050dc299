#include "kafka/rd_handles.h"

#include <array>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"

namespace penstock::kafka {
namespace {

const ClientCallbacks& callbacks_of(void* opaque) {
  return *static_cast<const ClientCallbacks*>(opaque);
}

void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const ClientCallbacks& callbacks = callbacks_of(rd_kafka_opaque(client));
  if (callbacks.log) {
    callbacks.log(level, concat(facility, ": ", text));
  }
}

void on_error(rd_kafka_t* /*client*/, int code, const char* reason, void* opaque) {
  callbacks_of(opaque).error(code, reason);
}

void on_rebalance(rd_kafka_t* /*client*/, rd_kafka_resp_err_t code,
                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  callbacks_of(opaque).rebalance(code, partitions);
}

void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* opaque) {
  callbacks_of(opaque).delivery(message->err == RD_KAFKA_RESP_ERR_NO_ERROR);
}

Error refused(std::string message) {
  return Error{.kind = ErrorKind::invalid_input,
               .action = Action::fatal,
               .message = std::move(message),
               .code = {},
               .retry_after = {}};
}

}  // namespace

void RdDeleter::operator()(rd_kafka_s* client) const {
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
      return refused(concat("the Kafka client does not take the value of ", property.name));
    }
    return refused(concat("the Kafka client: ", sentence.data(), "; check source.librdkafka"));
  }
  return conf;
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
  std::array<char, 512> sentence{};
  RdClient client(rd_kafka_new(kind == ClientKind::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                               conf->get(), sentence.data(), sentence.size()));
  if (!client) {
    return refused(concat("the Kafka client cannot start: ", sentence.data()));
  }
  static_cast<void>(conf->release());  // the client owns it now
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

std::string named(const TopicPartition& partition) {
  return concat("topic ", partition.topic, ", partition ", partition.partition.value);
}

}  // namespace penstock::kafka
