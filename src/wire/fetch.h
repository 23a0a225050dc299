// Fetch v4-v13: the records of many partitions of one broker. Always reads committed records only, and
// without fetch sessions: every request says everything.
//
// Up to v12 a topic is asked for by its name, and a topic that was deleted and made anew answers as the
// former one would. From v13 on it is asked for by its id, and only the topic that has this id answers:
// another says unknown_topic_id.
//
// The response is walked in place. A partition's records are whole record batches one after the other, of
// which the last may be cut; reading them is not this file's business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "wire/aborted_transaction.h"
#include "wire/api.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"
#include "wire/error_code.h"

namespace penstock::wire {

using TopicId = std::array<std::byte, 16>;

// Stands for a topic whose id is not known.
constexpr TopicId k_no_topic_id{};

// From 32 hex digits. Anything else is none.
TopicId topic_id_of(std::string_view hex);

// The first version that asks by id, and the last that asks by name.
constexpr std::int16_t k_fetch_by_id = 13;
constexpr std::int16_t k_fetch_by_name_max = k_fetch_by_id - 1;

struct FetchPartition {
  std::string_view topic;
  Partition partition;
  Position position;
  // The one that we think current. Sent from v9 on.
  std::int32_t leader_epoch = k_no_leader_epoch;
  // The first batch comes whole even if it is larger.
  std::int32_t bytes_max = 0;
  // Needed from k_fetch_by_id on.
  TopicId topic_id = k_no_topic_id;
};

struct FetchRequest {
  // How long the broker may wait for bytes_min.
  std::int32_t wait_ms_max = 0;
  std::int32_t bytes_min = 1;
  // Of the whole response. One batch may overstep it, as above.
  std::int32_t bytes_max = 0;
  // Those of one topic stand together. The broker fills them in this order.
  std::span<const FetchPartition> partitions;
};

// Allocates nothing beyond `out`, which grows by some 50 bytes per partition and the topics' names.
void encode_fetch(Buffer& out, std::int16_t version, const FetchRequest& request);

struct FetchedPartition {
  // Lies in the body. Empty from k_fetch_by_id on.
  std::string_view topic;
  // None before k_fetch_by_id.
  TopicId topic_id = k_no_topic_id;
  Partition partition;
  ErrorCode error_code = ErrorCode::none;
  // The log's end as consumers see it.
  Position high_watermark{-1};
  // Nothing at or above it is given out, because a transaction is open there.
  Position last_stable_offset{-1};
  // From v5 on. -1: unknown.
  Position log_start{-1};
  // From v11 on. We name no rack, so a broker should name no replica.
  BrokerId preferred_replica{-1};
  // How many transactions were appended for this partition.
  std::size_t aborted_count = 0;
  // Lies in the body. Empty if there are none.
  Bytes records;
};

class FetchResponseReader {
 public:
  // `body` outlives the reader and everything it gives.
  FetchResponseReader(Bytes body, std::int16_t version);

  std::int32_t throttle_ms() const { return throttle_ms_; }
  // From v7 on. If it is not none, there are no partitions.
  ErrorCode error_code() const { return error_code_; }

  // The next partition, in the order of the response. Its aborted transactions are appended to `aborted`.
  // nullopt at the end, and where the response cannot be read: ask ok(). Partitions given before that are
  // good.
  std::optional<FetchedPartition> next(std::vector<AbortedTransaction>& aborted);

  // False: unreadable_response(ApiKey::fetch, version) says so.
  bool ok() const { return reader_.ok(); }

 private:
  bool enter_topic();
  std::size_t count(std::size_t item_bytes_min);
  Bytes read_records();
  void end_structure();
  void read_aborted(std::vector<AbortedTransaction>& aborted, std::size_t& count);

  ByteReader reader_;
  std::int16_t version_;
  bool flexible_;
  bool in_topic_ = false;
  bool ended_ = false;
  ErrorCode error_code_ = ErrorCode::none;
  std::int32_t throttle_ms_ = 0;
  std::size_t topics_left_ = 0;
  // Of topic_, the one that was entered last.
  std::size_t partitions_left_ = 0;
  std::string_view topic_;
  TopicId topic_id_ = k_no_topic_id;
};

}  // namespace penstock::wire
