// The half of the brokers that reads logs: Fetch, ListOffsets, OffsetForLeaderEpoch.
#include <algorithm>
#include <chrono>
#include <utility>

#include "sim/broker_front.h"
#include "wire/list_offsets.h"

namespace penstock::sim {
using wire::ErrorCode;

// Whether this broker may answer for the partition, and what it says if not.
ErrorCode BrokerFront::leader_code(std::int32_t broker, const TopicPartition& id, std::int32_t epoch) const {
  const auto log = cluster_.logs.find(id);
  if (log == cluster_.logs.end() || !log->second.exists) {
    return ErrorCode::unknown_topic_or_partition;
  }
  if (const ErrorCode code = cluster_.topics.at(id.topic).reading; code != ErrorCode::none) {
    return code;
  }
  if (log->second.leader != broker) {
    return ErrorCode::not_leader_or_follower;
  }
  if (epoch >= 0 && epoch != log->second.epoch) {
    return epoch < log->second.epoch ? ErrorCode::fenced_leader_epoch : ErrorCode::unknown_leader_epoch;
  }
  return ErrorCode::none;
}

// Fetch

void BrokerFront::serve_fetch(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  Fetch fetch;
  fetch.request = request;
  static_cast<void>(body.int32());  // replica
  const std::int32_t wait_ms = body.int32();
  fetch.bytes_min = static_cast<std::size_t>(body.int32());
  fetch.bytes_max = static_cast<std::size_t>(body.int32());
  if (body.int8() != 1) {
    verdict_.fail("a Fetch asks for records that are not committed");
  }
  if (version >= 7 && (body.int32() != 0 || body.int32() != -1)) {
    verdict_.fail("a Fetch asks for a session");
  }
  for (std::size_t topics = body.array(); topics > 0; --topics) {
    const std::string topic = body.string();
    for (std::size_t rows = body.array(); rows > 0; --rows) {
      FetchRow row;
      row.id = {topic, Partition{body.int32()}};
      row.epoch = version >= 9 ? body.int32() : -1;
      row.position = Position{body.int64()};
      if (version >= 5) {
        static_cast<void>(body.int64());  // log start
      }
      row.bytes_max = static_cast<std::size_t>(body.int32());
      fetch.rows.push_back(std::move(row));
    }
  }
  if (version >= 7) {
    static_cast<void>(body.array());  // forgotten topics
  }
  if (version >= 11) {
    static_cast<void>(body.string());  // rack
  }
  expect_whole(request, body);
  fetch.deadline = clock_.now() + std::chrono::milliseconds(wait_ms);
  if (answer_fetch(fetch, wait_ms == 0)) {
    return;
  }
  const auto waits = waiting_.insert(waiting_.end(), std::move(fetch));
  waits->number = ++last_wait_;
  agenda_.at(waits->deadline, [this, number = last_wait_] {
    const auto at = std::ranges::find(waiting_, number, &Fetch::number);
    if (at != waiting_.end()) {
      answer_fetch(*at, true);
      waiting_.erase(at);
    }
  });
}

void BrokerFront::logs_changed() {
  waiting_.remove_if([this](const Fetch& fetch) { return answer_fetch(fetch, false); });
}

ErrorCode BrokerFront::fetch_code(std::int32_t broker, const FetchRow& row) const {
  const ErrorCode code = leader_code(broker, row.id, row.epoch);
  if (code != ErrorCode::none) {
    return code;
  }
  const Log& log = cluster_.logs.at(row.id);
  return row.position < log.start || row.position > log.end ? ErrorCode::offset_out_of_range
                                                            : ErrorCode::none;
}

// False: there is not enough yet. An error is enough.
bool BrokerFront::answer_fetch(const Fetch& fetch, bool in_any_case) {
  bool has_error = false;
  std::size_t bytes = 0;
  std::vector<std::string> parts;
  const std::size_t limit = std::min(fetch.bytes_max, cluster_.response_bytes_max);
  for (const FetchRow& row : fetch.rows) {
    std::string& records = parts.emplace_back();
    if (fetch_code(fetch.request.broker, row) != ErrorCode::none) {
      has_error = true;
      continue;
    }
    const std::size_t left = limit > bytes ? limit - bytes : 0;
    records = records_of(cluster_.logs.at(row.id), row, std::min(left, row.bytes_max), bytes == 0);
    bytes += records.size();
  }
  if (!in_any_case && !has_error && bytes < std::min(fetch.bytes_min, limit)) {
    return false;
  }
  ResponseWriter out(fetch.request.flexible);
  out.int32(throttle_ms());
  if (fetch.request.version >= 7) {
    out.code(ErrorCode::none);
    out.int32(0);  // session
  }
  std::vector<std::pair<std::string, std::size_t>> runs;  // topics, and how many rows of each
  for (const FetchRow& row : fetch.rows) {
    if (runs.empty() || runs.back().first != row.id.topic) {
      runs.emplace_back(row.id.topic, 0);
    }
    ++runs.back().second;
  }
  out.array(runs.size());
  std::size_t at = 0;
  for (const auto& [topic, count] : runs) {
    out.string(topic);
    out.array(count);
    for (std::size_t i = 0; i < count; ++i, ++at) {
      write_fetched(out, fetch, fetch.rows[at], parts[at]);
    }
  }
  respond(fetch.request, out);
  return true;
}

// Whole batches from the one that holds the position, as bytes of a file: the last may be cut. The first
// batch of a response is whole, however large.
std::string BrokerFront::records_of(const Log& log, const FetchRow& row, std::size_t limit,
                                    bool first) const {
  std::string records;
  const auto begin = std::ranges::upper_bound(log.batches, row.position, {}, &LogBatch::next);
  for (auto batch = begin; batch != log.batches.end() && batch->first < log.stable_end(); ++batch) {
    const bool whole = first && records.empty();
    const std::size_t left = limit > records.size() ? limit - records.size() : 0;
    if (!whole && left == 0) {
      break;
    }
    records.append(batch->bytes, 0, whole ? std::string::npos : left);
  }
  return records;
}

void BrokerFront::write_fetched(ResponseWriter& out, const Fetch& fetch, const FetchRow& row,
                                const std::string& records) const {
  const std::int16_t version = fetch.request.version;
  const ErrorCode code = fetch_code(fetch.request.broker, row);
  const bool fine = code == ErrorCode::none;
  const Log* const log = fine ? &cluster_.logs.at(row.id) : nullptr;
  out.int32(row.id.partition.value);
  out.code(code);
  out.int64(fine ? log->end.value : -1);
  out.int64(fine ? log->stable_end().value : -1);
  if (version >= 5) {
    out.int64(fine ? log->start.value : -1);
  }
  std::vector<AbortedSpan> aborted;
  if (fine) {
    std::ranges::copy_if(log->aborted, std::back_inserter(aborted),
                         [&](const AbortedSpan& each) { return each.marker >= row.position; });
  }
  out.array(aborted.size());
  for (const AbortedSpan& each : aborted) {
    out.int64(each.producer_id);
    out.int64(each.first.value);
  }
  if (version >= 11) {
    out.int32(-1);  // preferred replica
  }
  out.bytes(records);
}

// ListOffsets

void BrokerFront::serve_list_offsets(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  ResponseWriter out(request.flexible);
  static_cast<void>(body.int32());  // replica
  if (version >= 2) {
    static_cast<void>(body.int8());  // isolation level
    out.int32(0);                    // throttled
  }
  answer_rows(body, out, [&](const TopicPartition& id) {
    const std::int32_t epoch = version >= 4 ? body.int32() : -1;
    const std::int64_t time = body.int64();
    const ErrorCode code = leader_code(request.broker, id, epoch);
    const std::optional<Position> found =
        code == ErrorCode::none ? position_at(cluster_.logs.at(id), time) : std::nullopt;
    out.int32(id.partition.value);
    out.code(code);
    out.int64(-1);  // timestamp
    out.int64(found ? found->value : -1);
    if (version >= 4) {
      out.int32(found ? cluster_.logs.at(id).epoch : -1);
    }
  });
  expect_whole(request, body);
  respond(request, out);
}

// None: every record is older.
std::optional<Position> BrokerFront::position_at(const Log& log, std::int64_t time) {
  if (time == wire::k_timestamp_start) {
    return log.start;
  }
  if (time == wire::k_timestamp_end) {
    return log.stable_end();
  }
  for (const LogBatch& batch : log.batches) {
    if (batch.next > log.start && batch.max_timestamp_ms >= time) {
      return std::max(batch.first, log.start);
    }
  }
  return std::nullopt;
}

// OffsetForLeaderEpoch: where the last epoch that is not above the one asked for ends.

void BrokerFront::serve_epoch_ends(const Request& request, RequestReader& body) {
  const std::int16_t version = request.version;
  if (version >= 3) {
    static_cast<void>(body.int32());  // replica
  }
  ResponseWriter out(request.flexible);
  if (version >= 2) {
    out.int32(0);  // throttled
  }
  answer_rows(body, out, [&](const TopicPartition& id) {
    const std::int32_t current = version >= 2 ? body.int32() : -1;
    const std::int32_t asked = body.int32();
    const ErrorCode code = leader_code(request.broker, id, current);
    const EpochStart end =
        code == ErrorCode::none ? end_of_epoch(cluster_.logs.at(id), asked) : EpochStart{-1, Position{-1}};
    out.code(code);
    out.int32(id.partition.value);
    if (version >= 1) {
      out.int32(end.epoch);
    }
    out.int64(end.start.value);
  });
  expect_whole(request, body);
  respond(request, out);
}

EpochStart BrokerFront::end_of_epoch(const Log& log, std::int32_t asked) {
  EpochStart found{-1, Position{-1}};
  if (asked > log.epoch) {
    return found;
  }
  for (std::size_t i = 0; i < log.epochs.size() && log.epochs[i].epoch <= asked; ++i) {
    found = {log.epochs[i].epoch, i + 1 < log.epochs.size() ? log.epochs[i + 1].start : log.end};
  }
  return found;
}

}  // namespace penstock::sim
