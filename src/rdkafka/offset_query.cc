#include "rdkafka/offset_query.h"

#include <memory>
#include <set>
#include <string>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"
#include "rdkafka/kafka_errors.h"
#include "rdkafka/rd_handles.h"

namespace penstock::rdkafka {
namespace {

using Positions = std::vector<std::optional<Position>>;

// Logical offsets (-1001 for "none", -1 for "the end") are not positions.
Positions positions_of(const RdList& list) {
  Positions positions;
  for (int i = 0; i < list->cnt; ++i) {
    const std::int64_t offset = list->elems[i].offset;
    positions.push_back(offset >= 0 ? std::optional(Position{offset}) : std::nullopt);
  }
  return positions;
}

// The call's error, or the first partition's.
Result<void> check_answer(rd_kafka_resp_err_t code, const RdList& list, const char* what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka_error(code, what);
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& row = list->elems[i];
    if (row.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(row.err, concat(what, " of topic ", row.topic, ", partition ", row.partition));
    }
  }
  return {};
}

Result<Positions> answer(rd_kafka_resp_err_t code, const RdList& list, const char* what) {
  const Result<void> checked = check_answer(code, list, what);
  return checked.ok() ? Result<Positions>(positions_of(list)) : Result<Positions>(checked.error());
}

// A ListOffsets request: `time` is a timestamp, or a logical offset.
Result<Positions> list_offsets(rd_kafka_s* client, std::span<const TopicPartition> partitions,
                               std::int64_t time, Millis timeout, const char* what) {
  if (partitions.empty()) {
    return Positions{};  // the library calls an empty list invalid
  }
  const RdList list = make_list(partitions);
  for (int i = 0; i < list->cnt; ++i) {
    list->elems[i].offset = time;
  }
  return answer(rd_kafka_offsets_for_times(client, list.get(), static_cast<int>(timeout.count())), list,
                what);
}

}  // namespace

Result<std::vector<std::optional<GroupEntry>>> committed_entries(rd_kafka_s* client,
                                                                 std::span<const TopicPartition> partitions,
                                                                 Millis timeout) {
  const RdList list = make_list(partitions);
  const rd_kafka_resp_err_t code = rd_kafka_committed(client, list.get(), static_cast<int>(timeout.count()));
  if (Result<void> checked = check_answer(code, list, "reading the group's committed offsets");
      !checked.ok()) {
    return std::move(checked).error();
  }
  std::vector<std::optional<GroupEntry>> entries(partitions.size());
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& row = list->elems[i];
    if (row.offset >= 0) {
      entries[static_cast<std::size_t>(i)] =
          GroupEntry{.position = Position{row.offset},
                     .metadata = std::string(static_cast<const char*>(row.metadata), row.metadata_size)};
    }
  }
  return entries;
}

Result<Positions> committed_positions(rd_kafka_s* client, std::span<const TopicPartition> partitions,
                                      Millis timeout) {
  const RdList list = make_list(partitions);
  return answer(rd_kafka_committed(client, list.get(), static_cast<int>(timeout.count())), list,
                "reading the group's committed offsets");
}

Result<std::vector<TopicPartition>> partitions_of_topics(rd_kafka_s* client,
                                                         std::span<const TopicPartition> of, Millis timeout) {
  std::set<std::string> topics;
  for (const TopicPartition& id : of) {
    topics.insert(id.topic);
  }
  std::vector<TopicPartition> found;
  for (const std::string& topic : topics) {
    const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> handle(
        rd_kafka_topic_new(client, topic.c_str(), nullptr), rd_kafka_topic_destroy);
    const struct rd_kafka_metadata* answer = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(client, 0, handle.get(), &answer, static_cast<int>(timeout.count()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka_error(code, concat("asking for the partitions of topic ", topic));
    }
    const std::unique_ptr<const struct rd_kafka_metadata, decltype(&rd_kafka_metadata_destroy)> metadata(
        answer, rd_kafka_metadata_destroy);
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      for (int j = 0; j < metadata->topics[i].partition_cnt; ++j) {
        found.push_back({metadata->topics[i].topic, Partition{metadata->topics[i].partitions[j].id}});
      }
    }
  }
  return found;
}

Result<std::vector<source::LogBounds>> log_bounds(rd_kafka_s* client,
                                                  std::span<const TopicPartition> partitions,
                                                  Millis timeout) {
  const Result<Positions> starts =
      list_offsets(client, partitions, RD_KAFKA_OFFSET_BEGINNING, timeout, "asking for the start of the log");
  if (!starts) {
    return starts.error();
  }
  const Result<Positions> ends =
      list_offsets(client, partitions, RD_KAFKA_OFFSET_END, timeout, "asking for the end of the log");
  if (!ends) {
    return ends.error();
  }
  std::vector<source::LogBounds> bounds;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const std::optional<Position> start = (*starts)[i];
    const std::optional<Position> end = (*ends)[i];
    if (!start || !end) {
      return kafka_error(RD_KAFKA_RESP_ERR_UNKNOWN,
                         concat("no log bounds were given for ", named(partitions[i])));
    }
    bounds.push_back({*start, *end});
  }
  return bounds;
}

Result<Positions> positions_at(rd_kafka_s* client, std::span<const TopicPartition> partitions,
                               std::int64_t timestamp_ms, Millis timeout) {
  return list_offsets(client, partitions, timestamp_ms, timeout, "asking for the offset of source.start");
}

}  // namespace penstock::rdkafka
