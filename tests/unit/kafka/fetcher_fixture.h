// A cluster of scripted brokers that lead partitions and give batches out, and a Fetcher that reads from it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka/fetcher.h"
#include "unit/io/loop_fixture.h"
#include "unit/wire/batch_builder.h"
#include "unit/wire/script_broker.h"

namespace penstock::kafka {

using namespace std::chrono_literals;

// A batch of records with consecutive offsets and values "<offset>" padded to `bytes`.
inline std::string batch_of(std::int64_t first, std::int64_t count, std::size_t bytes = 0) {
  wire::BatchBuilder builder{.base_offset = first};
  for (std::int64_t i = 0; i < count; ++i) {
    std::string value = std::to_string(first + i);
    value.resize(std::max(bytes, value.size()), '.');
    builder.records.push_back(wire::record_bytes(i, std::nullopt, value));
  }
  return builder.build();
}

// What a Fetch asked for.
struct AskedRow {
  std::string topic;  // or its id, in hex
  std::int32_t partition = 0;
  std::int32_t epoch = 0;
  std::int64_t position = 0;
  std::int32_t bytes_max = 0;
};
struct AskedFetch {
  std::int32_t wait_ms = 0;
  std::int32_t bytes_min = 0;
  std::vector<AskedRow> rows;
};

// Version 11, by name, or version 13, by id.
inline AskedFetch read_fetch(const std::string& body, std::int16_t version) {
  const bool by_id = version == 13;
  EXPECT_TRUE(by_id || version == 11) << version;
  wire::ByteReader reader(as_bytes(body));
  const auto count = [&] { return by_id ? reader.compact_array_count(1) : reader.array_count(1); };
  AskedFetch asked;
  reader.skip(4);
  asked.wait_ms = reader.int32();
  asked.bytes_min = reader.int32();
  reader.skip(4 + 1 + 8);
  for (std::size_t topics = count(); topics > 0; --topics) {
    const std::string topic(by_id ? wire::to_hex(reader.bytes(16)) : std::string(reader.string()));
    for (std::size_t partitions = count(); partitions > 0; --partitions) {
      AskedRow row{.topic = topic};
      row.partition = reader.int32();
      row.epoch = reader.int32();
      row.position = reader.int64();
      reader.skip(by_id ? 4 + 8 : 8);
      row.bytes_max = reader.int32();
      if (by_id) {
        reader.skip_tagged_fields();
      }
      asked.rows.push_back(row);
    }
    if (by_id) {
      reader.skip_tagged_fields();
    }
  }
  EXPECT_TRUE(reader.ok());
  return asked;
}

struct GivenRow {
  std::string topic;
  std::int32_t partition = 0;
  std::int16_t code = 0;
  std::string records = {};
  std::int64_t end = 1000;
  std::int64_t start = 0;
  std::int64_t stable = -1;  // where the first open transaction begins; -1: none is open
};

inline std::string fetch_body(const std::vector<GivenRow>& rows, std::int32_t throttle_ms = 0,
                              std::int16_t code = 0) {
  wire::Body out;
  out.writer.int32(throttle_ms);
  out.writer.int16(code);
  out.writer.int32(0);
  out.writer.array_count(rows.size());
  for (const GivenRow& row : rows) {
    out.writer.string(row.topic);
    out.writer.array_count(1);
    out.writer.int32(row.partition);
    out.writer.int16(row.code);
    out.writer.int64(row.end);
    out.writer.int64(row.stable >= 0 ? row.stable : row.end);
    out.writer.int64(row.start);
    out.writer.array_count(0);
    out.writer.int32(-1);
    out.writer.bytes(as_bytes(row.records));
  }
  return out.text();
}

// The same in version 13: a row's topic is its id, in hex.
inline std::string fetch_body_by_id(const std::vector<GivenRow>& rows) {
  wire::Body out;
  out.writer.int32(0);
  out.writer.int16(0);
  out.writer.int32(0);
  out.writer.compact_array_count(rows.size());
  for (const GivenRow& row : rows) {
    out.writer.raw(wire::from_hex(row.topic));
    out.writer.compact_array_count(1);
    out.writer.int32(row.partition);
    out.writer.int16(row.code);
    out.writer.int64(row.end);
    out.writer.int64(row.stable >= 0 ? row.stable : row.end);
    out.writer.int64(row.start);
    out.writer.compact_array_count(0);
    out.writer.int32(-1);
    out.writer.unsigned_varint(static_cast<std::uint32_t>(row.records.size()) + 1);
    out.writer.raw(as_bytes(row.records));
    out.writer.no_tagged_fields();
    out.writer.no_tagged_fields();
  }
  out.writer.no_tagged_fields();
  return out.text();
}

// What an OffsetForLeaderEpoch (version 3) asked about one partition, and an answer to it.
struct AskedEpoch {
  std::string topic;
  std::int32_t partition = 0;
  std::int32_t current = 0;
  std::int32_t epoch = 0;
};

inline AskedEpoch read_epoch_question(const std::string& body) {
  wire::ByteReader reader(as_bytes(body));
  reader.skip(4);
  EXPECT_EQ(reader.int32(), 1) << "topics";
  AskedEpoch asked{.topic = std::string(reader.string())};
  EXPECT_EQ(reader.int32(), 1) << "partitions";
  asked.partition = reader.int32();
  asked.current = reader.int32();
  asked.epoch = reader.int32();
  EXPECT_TRUE(reader.ok());
  return asked;
}

inline std::string epoch_end_body(const AskedEpoch& asked, std::int64_t end, std::int16_t code = 0) {
  wire::Body out;
  out.writer.int32(0);
  out.writer.array_count(1);
  out.writer.string(asked.topic);
  out.writer.array_count(1);
  out.writer.int16(code);
  out.writer.int32(asked.partition);
  out.writer.int32(asked.epoch);
  out.writer.int64(end);
  return out.text();
}

class FetcherTest : public testing::Test {
 protected:
  // Answers a Fetch; runs on a broker's thread.
  using Serve = std::function<wire::Answer(const AskedFetch&)>;

  FetcherTest() : loop(std::move(io::make_loop({.choice = io::Choice::portable}, system_clock())).value()) {
    node(0).use([this](const wire::Call& call) { return serve(0, call); });
    auto made = wire::ClusterClient::make(*loop, system_clock(), {node(0).address()}, {});
    cluster = std::move(made).value();
  }
  ~FetcherTest() override {
    fetcher.reset();
    cluster.reset();
    loop.reset();
    nodes.clear();  // their scripts use the rest
  }

  wire::ScriptBroker& node(std::int32_t id) {
    if (!nodes.contains(id)) {
      nodes[id] = std::make_unique<wire::ScriptBroker>(
          [this, id](const wire::Call& call) { return serve(id, call); });
    }
    return *nodes[id];
  }

  std::optional<wire::Answer> serve(std::int32_t id, const wire::Call& call) {
    const std::lock_guard lock(mutex);
    if (call.api == wire::ApiKey::metadata) {
      std::vector<std::pair<std::int32_t, std::uint16_t>> brokers;
      for (const auto& [each, port] : ports) {
        brokers.emplace_back(each, port);
      }
      return wire::Answer{.bytes = wire::metadata_body(brokers, leaders)};
    }
    if (call.api == wire::ApiKey::fetch) {
      const AskedFetch asked = read_fetch(call.body, call.version);
      fetches.emplace_back(id, asked);
      return serves.contains(id) ? serves[id](asked) : wire::no_answer();
    }
    if (call.api == wire::ApiKey::list_offsets) {
      return list_offsets ? list_offsets(call) : wire::no_answer();
    }
    if (call.api == wire::ApiKey::offset_for_leader_epoch) {
      const AskedEpoch asked = read_epoch_question(call.body);
      epochs_asked.push_back(asked);
      return wire::Answer{.bytes = epoch_end_body(asked, epoch_end)};
    }
    if (call.api == wire::ApiKey::api_versions) {
      return wire::Answer{.bytes = wire::api_versions_body(call.version, 0, by_id ? 13 : 11)};
    }
    return std::nullopt;
  }

  // What the cluster says of itself, from now on.
  void lead(std::vector<wire::LeaderRow> rows) {
    for (const wire::LeaderRow& row : rows) {
      if (row.leader >= 0) {
        const std::uint16_t port = node(row.leader).port();
        const std::lock_guard lock(mutex);
        ports[row.leader] = port;
      }
    }
    const std::lock_guard lock(mutex);
    leaders = std::move(rows);
  }
  void serve_by(std::int32_t id, Serve by) {
    const std::lock_guard lock(mutex);
    serves[id] = std::move(by);
  }
  std::vector<std::pair<std::int32_t, AskedFetch>> asked() {
    const std::lock_guard lock(mutex);
    return fetches;
  }

  void begin(std::vector<TopicPartition> partitions, FetcherOptions options = {.access = {}, .wait = 20ms}) {
    ids = partitions;
    fetcher = std::make_unique<Fetcher>(
        *loop, *clock, *cluster, options,
        FetcherEvents{
            .failed = [this](PartitionSlot slot,
                             Error error) { failed.emplace_back(slot.value, std::move(error)); },
            .position_lost = [this](PartitionSlot slot,
                                    Position wanted) { lost.emplace_back(slot.value, wanted.value); },
            .anew = [this](PartitionSlot slot,
                           Position wanted) { anew.emplace_back(slot.value, wanted.value); },
            .cut = [this](PartitionSlot slot, Position,
                          Position at) { cuts.emplace_back(slot.value, at.value); },
            .doubtful = [this](PartitionSlot slot,
                               const LogEvidence& evidence) { doubts.emplace_back(slot.value, evidence); },
            .waits = [this](PartitionSlot slot,
                            Error error) { waiting.emplace_back(slot.value, std::move(error)); },
            .goes_on = [this](PartitionSlot slot) { went_on.push_back(slot.value); },
            .answered = [] {},
            .trouble = [this](const Error& error) { troubles.push_back(error.message); }});
    fetcher->begin(partitions);
  }
  void read_all(std::int64_t from = 0) {
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
      fetcher->fetch_from(PartitionSlot{i}, Position{from});
    }
  }

  // Returns whether there was room for all.
  bool take(const source::RecordSpan& span) {
    const std::size_t offered = span.records.size();
    const std::size_t taken = std::min(offered, room);
    for (const RecordView& record : span.records.first(taken)) {
      values[span.slot.value].push_back(std::string(as_text(record.value)));
    }
    if (on_take) {
      on_take(span);
    }
    fetcher->taken(taken);
    return taken == offered;
  }

  // As a worker's turn: some spans while there is room, then sleep unless more waits.
  void step() {
    fetcher->poll();
    const source::RecordSpan* span = fetcher->front();
    for (int spans = 0; span != nullptr && spans < 10 && take(*span); ++spans) {
      span = fetcher->front();
    }
    loop->run_once(span != nullptr ? 0ms : 5ms);
  }
  void run_until(const std::function<bool()>& done) {
    const MonoTime given_up = system_clock().now() + 20s;
    while (!done()) {
      ASSERT_LT(system_clock().now(), given_up)
          << "it does not get there" << (troubles.empty() ? "" : "; " + troubles.back());
      step();
    }
  }
  void run_for(Duration time) {
    const MonoTime end = system_clock().now() + time;
    while (system_clock().now() < end) {
      step();
    }
  }
  std::vector<std::string> numbers(std::int64_t from, std::int64_t to) {
    std::vector<std::string> all;
    for (; from < to; ++from) {
      all.push_back(std::to_string(from));
    }
    return all;
  }

  std::unique_ptr<io::Loop> loop;
  std::mutex mutex;  // of what the brokers' threads use
  std::map<std::int32_t, std::uint16_t> ports;
  std::vector<wire::LeaderRow> leaders;
  std::map<std::int32_t, Serve> serves;
  std::function<wire::Answer(const wire::Call&)> list_offsets;
  std::int64_t epoch_end = 1'000'000;  // of any epoch
  std::vector<AskedEpoch> epochs_asked;
  bool by_id = false;  // the brokers take topic ids in a Fetch
  std::vector<std::pair<std::int32_t, AskedFetch>> fetches;
  std::map<std::int32_t, std::unique_ptr<wire::ScriptBroker>> nodes;

  std::unique_ptr<wire::ClusterClient> cluster;
  const Clock* clock = &system_clock();
  std::unique_ptr<Fetcher> fetcher;
  std::vector<TopicPartition> ids;
  std::size_t room = SIZE_MAX;
  std::function<void(const source::RecordSpan&)> on_take;
  std::map<std::uint32_t, std::vector<std::string>> values;
  std::vector<std::pair<std::uint32_t, Error>> failed;
  std::vector<std::pair<std::uint32_t, std::int64_t>> lost;
  std::vector<std::pair<std::uint32_t, std::int64_t>> anew;
  std::vector<std::pair<std::uint32_t, std::int64_t>> cuts;
  std::vector<std::pair<std::uint32_t, LogEvidence>> doubts;
  std::vector<std::pair<std::uint32_t, Error>> waiting;
  std::vector<std::uint32_t> went_on;
  std::vector<std::string> troubles;
};

inline TopicPartition at(const std::string& topic, std::int32_t partition) {
  return {.topic = topic, .partition = Partition{partition}};
}

}  // namespace penstock::kafka
