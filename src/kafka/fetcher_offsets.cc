// ListOffsets: of each partition its leader is asked, over the lane that fetches from it.
#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "kafka/fetcher.h"
#include "wire/broker_errors.h"
#include "wire/list_offsets.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_answer_timeout = std::chrono::seconds(20);

}  // namespace

// Answered when every leader has answered.
struct Fetcher::OffsetQuery {
  std::vector<PartitionSlot> slots;
  std::vector<TopicPartition> ids;
  std::int64_t timestamp_ms = 0;
  Positions positions;
  std::optional<Error> error;
  std::size_t leaders_left = 0;
  std::function<void(Result<Positions>)> done;

  void answered() {
    if (--leaders_left == 0) {
      done(error ? Result<Positions>(*error) : Result<Positions>(std::move(positions)));
    }
  }
};

void Fetcher::list_offsets(std::vector<PartitionSlot> slots, std::int64_t timestamp_ms,
                           std::function<void(Result<Positions>)> done) {
  const auto query = std::make_shared<OffsetQuery>();
  query->timestamp_ms = timestamp_ms;
  query->positions.resize(slots.size());
  std::map<FetchLane*, std::vector<std::size_t>> by_lane;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots_[slots[i].value];
    query->ids.push_back(slot.id);
    by_lane[slot.lane].push_back(i);
  }
  query->slots = std::move(slots);
  if (by_lane.contains(nullptr)) {
    if (!leaders_due_) {  // else they are being asked for, with a pause that grows
      need_leaders(clock_.now());
    }
    const TopicPartition& id = query->ids[by_lane[nullptr].front()];
    loop_.defer([done = std::move(done), id] {
      done(make_error(
          ErrorKind::unavailable, Action::retry,
          concat("topic ", id.topic, ", partition ", id.partition.value, ": who leads it is not known yet"),
          "no leader"));
    });
    return;
  }
  query->done = [done = std::move(done), alive = std::weak_ptr(alive_)](Result<Positions> positions) {
    if (!alive.expired()) {
      done(std::move(positions));
    }
  };
  query->leaders_left = by_lane.size();
  for (const auto& [lane, which] : by_lane) {
    send_offset_query(*lane, query, which);
  }
}

void Fetcher::send_offset_query(FetchLane& lane, const std::shared_ptr<OffsetQuery>& query,
                                const std::vector<std::size_t>& which) {
  std::vector<std::int32_t> epochs;
  for (const std::size_t i : which) {
    epochs.push_back(slots_[query->slots[i].value].leader->epoch);
  }
  lane.connection().request(
      {.api = wire::ApiKey::list_offsets,
       .encode =
           [query, which, epochs](wire::Buffer& out, std::int16_t version) {
             std::vector<wire::ListOffsetsPartition> rows;
             for (std::size_t i = 0; i < which.size(); ++i) {
               const TopicPartition& id = query->ids[which[i]];
               rows.push_back({.topic = id.topic,
                               .partition = id.partition,
                               .timestamp_ms = query->timestamp_ms,
                               .leader_epoch = epochs[i]});
             }
             std::stable_sort(rows.begin(), rows.end(),
                              [](const auto& a, const auto& b) { return a.topic < b.topic; });
             wire::encode_list_offsets(out, version, {.partitions = rows});
           },
       .timeout = k_answer_timeout,
       .into = nullptr,
       .done =
           [this, query, which](const wire::Reply& reply) {
             std::size_t answers = 0;
             if (reply.error) {
               query->error = reply.error;
             } else if (const auto response = wire::decode_list_offsets(reply.body, reply.version);
                        !response.ok()) {
               query->error = response.error();
             } else {
               for (const wire::ListedOffset& row : response->partitions) {
                 for (const std::size_t i : which) {
                   const TopicPartition& id = query->ids[i];
                   if (id.partition != row.partition || id.topic != row.topic) {
                     continue;
                   }
                   ++answers;
                   if (row.error_code != wire::ErrorCode::none) {
                     query->error =
                         wire::broker_error(row.error_code, concat("asking for offsets of topic ", id.topic,
                                                                   ", partition ", id.partition.value));
                   } else if (row.position.value >= 0) {
                     query->positions[i] = row.position;
                   }
                 }
               }
               if (answers < which.size() && !query->error) {
                 query->error =
                     make_error(ErrorKind::corrupt, Action::retry,
                                "a broker left partitions out of its answer about offsets", "no answer");
               }
             }
             if (query->error) {
               need_leaders(clock_.now());
             }
             query->answered();
           }});
}

}  // namespace penstock::kafka
