// The measure of all things here: a bare librdkafka consumer, tuned as well as we know how, that copies every
// value into a ring and forgets it. Reads a topic from its beginning to the end that it had at the start, or,
// with --seconds, what arrives within that time.
//
//   bare_consumer --brokers H:P --topic T [--crcs false] [--seconds N --fetch-min N --fetch-wait MS]
//                 [--ca PEM --user U --password P]
//
// With --ca it speaks TLS and logs in with SASL PLAIN.
//
// Tuned: 512 KiB a partition and 4 MiB a fetch, 16 MiB queued, batches of 1,000; larger buffers fall out of
// the cache and cost two to three times as much. No group: partitions are assigned by hand, so that nothing
// but reading is measured, from the first record to the last.
#include <array>
#include <optional>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "replay/measure.h"

namespace penstock::bench {
namespace {

constexpr int k_answer_ms = 10'000;
constexpr std::size_t k_batch = 1000;

struct Log {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

rd_kafka_t* make_consumer(const Arguments& arguments) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [conf](const char* name, const std::string& value) {
    std::array<char, 256> why{};
    if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      die(why.data());
    }
  };
  set("bootstrap.servers", arguments.text("brokers"));
  set("group.id", "bench-bare");
  set("enable.auto.commit", "false");
  set("enable.auto.offset.store", "false");
  set("fetch.message.max.bytes", "524288");
  set("fetch.max.bytes", "4194304");
  set("queued.max.messages.kbytes", "16384");
  // Above what 16 MiB hold of the smallest records here: a full queue of messages makes a broker thread of
  // before 2.2 sleep for up to a second.
  set("queued.min.messages", "100000");
  set("check.crcs", arguments.text("crcs", "true"));
  set("fetch.min.bytes", arguments.text("fetch-min", "1"));
  set("fetch.wait.max.ms", arguments.text("fetch-wait", "500"));
  if (const std::string ca = arguments.text("ca", ""); !ca.empty()) {
    set("security.protocol", "sasl_ssl");
    set("ssl.ca.location", ca);
    set("sasl.mechanisms", "PLAIN");
    set("sasl.username", arguments.text("user"));
    set("sasl.password", arguments.text("password"));
  }
  std::array<char, 256> why{};
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size());
  if (consumer == nullptr) {
    die(why.data());
  }
  rd_kafka_poll_set_consumer(consumer);
  return consumer;
}

std::vector<Log> logs_of(rd_kafka_t* consumer, const std::string& topic) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(consumer, topic.c_str(), nullptr);
  const struct rd_kafka_metadata* metadata = nullptr;
  if (rd_kafka_metadata(consumer, 0, handle, &metadata, k_answer_ms) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      metadata->topic_cnt != 1 || metadata->topics[0].partition_cnt == 0) {
    die("no metadata of topic " + topic);
  }
  std::vector<Log> logs(static_cast<std::size_t>(metadata->topics[0].partition_cnt));
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    if (rd_kafka_query_watermark_offsets(consumer, topic.c_str(), static_cast<std::int32_t>(i), &logs[i].low,
                                         &logs[i].high, k_answer_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      die("the ends of topic " + topic + " are not to be had");
    }
  }
  return logs;
}

void assign(rd_kafka_t* consumer, const std::string& topic, const std::vector<Log>& logs, bool at_end) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(logs.size()));
  for (std::size_t i = 0; i < logs.size(); ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), static_cast<std::int32_t>(i))->offset =
        at_end ? logs[i].high : logs[i].low;
  }
  if (rd_kafka_assign(consumer, list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    die("the partitions were not assigned");
  }
  rd_kafka_topic_partition_list_destroy(list);
}

int run(const Arguments& arguments) {
  rd_kafka_t* consumer = make_consumer(arguments);
  const std::string topic = arguments.text("topic");
  const std::vector<Log> logs = logs_of(consumer, topic);
  const auto seconds = static_cast<double>(arguments.number("seconds", 0));
  std::uint64_t expected = 0;
  for (const Log& log : logs) {
    expected += static_cast<std::uint64_t>(log.high - log.low);
  }
  assign(consumer, topic, logs, seconds > 0);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);

  Ring ring;
  std::array<rd_kafka_message_t*, k_batch> batch{};
  const Usage begun = usage_now();
  const double limit_s = seconds > 0 ? seconds : static_cast<double>(arguments.number("limit", 120));
  std::optional<Usage> first;
  if (seconds > 0) {
    first = begun;
  }
  while (seconds > 0 || ring.records() < expected) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, batch.data(), batch.size());
    if (count > 0 && !first) {
      first = usage_now();
    }
    for (ssize_t i = 0; i < count; ++i) {
      if (batch[static_cast<std::size_t>(i)]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ring.append(batch[static_cast<std::size_t>(i)]->payload, batch[static_cast<std::size_t>(i)]->len);
      }
      rd_kafka_message_destroy(batch[static_cast<std::size_t>(i)]);
    }
    if (usage_now().wall_s - begun.wall_s > limit_s) {
      if (seconds > 0) {
        break;
      }
      die("not at the end of " + topic + " in time");
    }
  }
  const Usage last = usage_now();
  print_reading(ring, first.value_or(begun), last);
  std::fflush(stdout);
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::Arguments(argc, argv));
}
