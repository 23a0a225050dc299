// Our own fetch, decode and copy, and nothing behind it: a DirectSource on a loop that takes every record of
// a topic and copies its value into the ring that bare_consumer has. The measure is taken from the first
// record to the last.
//
//   direct_reader --brokers H:P --topic T [--ca PEM --user U --password P]
//
// With --ca it speaks TLS and logs in with SASL PLAIN.
#include <optional>
#include <utility>

#include <unistd.h>

#include "base/concat.h"
#include "io/loop.h"
#include "kafka/direct_source.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/rd_membership.h"
#include "replay/measure.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_records_per_turn = 1000;  // as a worker does

template <class Value>
Value must(Result<Value> result) {
  if (!result.ok()) {
    die(result.error().message);
  }
  return std::move(result).value();
}

int run(const Arguments& arguments) {
  kafka::DirectSourceOptions options;
  options.consumer.brokers = {arguments.text("brokers")};
  options.consumer.topics = {arguments.text("topic")};
  options.consumer.group = concat("bench-direct-", ::getpid());
  if (const std::string ca = arguments.text("ca", ""); !ca.empty()) {
    options.consumer.tls = source::Tls::enabled;
    options.consumer.tls_ca = ca;
    options.consumer.auth = {.type = source::AuthType::sasl_plain,
                             .user = arguments.text("user"),
                             .password = arguments.text("password"),
                             .connection_string = {},
                             .token_file = {}};
  }
  const rdkafka::ProbeReport probe = must(rdkafka::probe_cluster(options.consumer, std::chrono::seconds(10)));
  if (probe.logs_error) {
    die(probe.logs_error->message);
  }
  std::uint64_t expected = 0;
  for (const auto& [partition, log] : probe.logs) {
    expected += static_cast<std::uint64_t>(log.end.value - log.start.value);
  }

  const std::unique_ptr<io::Loop> loop = must(io::make_loop({}, system_clock()));
  options.join = rdkafka::join_by_librdkafka(options.consumer, *loop);
  kafka::DirectSource source(*loop, system_clock(), options);
  Ring ring;
  std::optional<Usage> first;
  const auto begin = [&](std::span<const source::Assigned> partitions) {
    for (std::uint32_t slot = 0; slot < partitions.size(); ++slot) {
      source.fetch_from(PartitionSlot{slot}, partitions[slot].start);
    }
  };
  // Returns whether more waits.
  const auto take = [&] {
    std::size_t count = 0;
    while (const source::RecordSpan* span = source.front()) {
      if (count >= k_records_per_turn) {
        return true;
      }
      if (!first) {
        first = usage_now();
      }
      for (const RecordView& record : span->records) {
        ring.append(record.value.data(), record.value.size());
      }
      count += span->records.size();
      source.taken(span->records.size());
    }
    return false;
  };
  const Result<void> started = source.start({
      .assigned = begin,
      .revoked = [](source::RevokeReason) { die("the group took the partitions back"); },
      .start_found = [&](PartitionSlot slot, Position start) { source.fetch_from(slot, start); },
      .moved = [](PartitionSlot, Position, const std::string&) { die("a topic was made anew"); },
      .partition_failed = [](PartitionSlot, Error error) { die(error.message); },
      .failed = [](Error error) { std::fprintf(stderr, "%s\n", error.message.c_str()); },
  });
  if (!started.ok()) {
    die(started.error().message);
  }
  const double deadline_s = usage_now().wall_s + static_cast<double>(arguments.number("limit", 120));
  while (ring.records() < expected) {
    source.poll();
    const bool more = take();
    loop->run_once(more ? Duration::zero() : Duration(std::chrono::seconds(1)));
    if (!more && usage_now().wall_s > deadline_s) {
      die("not at the end in time");
    }
  }
  const Usage last = usage_now();
  print_reading(ring, first.value_or(last), last);
  std::fflush(stdout);
  source.close();
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::Arguments(argc, argv));
}
