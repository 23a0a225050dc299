// Fills a topic with the stream, as fast as it goes or at a pace, and ends when the broker has everything.
//
//   produce --brokers H:P --topic T --partitions N --seed S --mean BYTES [--bytes N | --count N]
//           [--records gateway]
//           [--codec none] [--level -1] [--linger MS] [--batch BYTES] [--rate BYTES/S --seconds N]
//
// `--records json` and `--records avro` are those of requests.h. `produce --show schema` prints their schema,
// and nothing else. Records go to the partitions in turn; at a pace each tells the time at which it was sent.
// Prints {"records":...,"bytes":...,"wall_s":...}.
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include <librdkafka/rdkafka.h>

#include "replay/measure.h"
#include "replay/requests.h"
#include "replay/stream.h"

namespace penstock::bench {
namespace {

constexpr double k_sigma_wide = 0.6;    // gateway records: one in a hundred above some 3.4 KiB
constexpr double k_sigma_narrow = 0.2;  // small ones, which are all alike
constexpr double k_small_mean = 512;
constexpr int k_flush_ms = 60'000;
constexpr std::size_t k_requests = 32'768;  // that are distinct

std::atomic<std::uint64_t> failed_count;

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  failed_count += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1;
}

rd_kafka_t* make_producer(const Arguments& arguments) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [conf](const char* name, const std::string& value) {
    std::array<char, 256> why{};
    if (rd_kafka_conf_set(conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      die(why.data());
    }
  };
  set("bootstrap.servers", arguments.text("brokers"));
  set("compression.codec", arguments.text("codec", "none"));
  set("compression.level", arguments.text("level", "-1"));
  set("linger.ms", arguments.text("linger", "50"));
  set("batch.size", arguments.text("batch", "131072"));
  set("batch.num.messages", "100000");
  set("queue.buffering.max.kbytes", "131072");
  set("queue.buffering.max.messages", "1000000");
  set("request.required.acks", "1");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  std::array<char, 256> why{};
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
  return producer != nullptr ? producer : (die(why.data()), nullptr);
}

void send(rd_kafka_t* producer, rd_kafka_topic_t* topic, std::int32_t partition, const std::string& value) {
  while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                          value.size(), nullptr, 0, nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      die(rd_kafka_err2str(rd_kafka_last_error()));
    }
    rd_kafka_poll(producer, 10);
  }
}

// Makes the record's time that of now.
void stamp(std::string& value) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string digits =
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  value.replace(value.find(k_stamp) + k_stamp.size(), k_stamp_digits, digits);
}

std::vector<std::string> records_of(const Arguments& arguments) {
  const auto seed = static_cast<std::uint64_t>(arguments.number("seed", 1));
  const auto mean = static_cast<double>(arguments.number("mean", 1024));
  const std::string kind = arguments.text("records", "gateway");
  if (kind == "gateway") {
    return stream_records(seed, mean, mean < k_small_mean ? k_sigma_narrow : k_sigma_wide);
  }
  RequestStream stream(seed, static_cast<std::size_t>(mean));
  std::vector<std::string> records;
  for (std::size_t i = 0; i < k_requests; ++i) {
    const Request request = stream.next();
    records.push_back(kind == "avro" ? request.avro() : request.json());
  }
  return records;
}

int run(const Arguments& arguments) {
  if (arguments.text("show", "") == "schema") {
    std::puts(k_request_schema);
    return 0;
  }
  std::vector<std::string> records = records_of(arguments);
  const auto partitions = static_cast<std::uint64_t>(arguments.number("partitions", 8));
  const auto rate = static_cast<double>(arguments.number("rate", 0));
  const auto seconds = static_cast<double>(arguments.number("seconds", 0));
  const auto bytes_wanted = rate > 0 ? static_cast<std::uint64_t>(rate * seconds)
                                     : static_cast<std::uint64_t>(arguments.number("bytes", 0));

  rd_kafka_t* producer = make_producer(arguments);
  rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, arguments.text("topic").c_str(), nullptr);
  const double begun = usage_now().wall_s;
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  const auto records_wanted = static_cast<std::uint64_t>(arguments.number("count", 0));
  while (records_wanted > 0 ? count < records_wanted : bytes < bytes_wanted) {
    if (rate > 0) {
      const double due = (usage_now().wall_s - begun) * rate;
      if (static_cast<double>(bytes) > due) {
        rd_kafka_poll(producer, 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
    } else if (count % 1000 == 0) {
      rd_kafka_poll(producer, 0);
    }
    std::string& value = records[count % records.size()];
    if (rate > 0) {
      stamp(value);
    }
    send(producer, topic, static_cast<std::int32_t>(count % partitions), value);
    bytes += value.size();
    ++count;
  }
  if (rd_kafka_flush(producer, k_flush_ms) != RD_KAFKA_RESP_ERR_NO_ERROR || failed_count > 0) {
    die("the broker did not take every record");
  }
  std::printf("{\"records\":%llu,\"bytes\":%llu,\"wall_s\":%.3f}\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(bytes), usage_now().wall_s - begun);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::Arguments(argc, argv));
}
