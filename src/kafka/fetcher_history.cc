// The part of the fetcher that asks whether what it reads continues what it has read: is it the same log,
// and is the position still in its history?
//
// How it works
//
// The same log. Where a Fetch asks for topics by their ids, only the topic itself answers, and the metadata
// say when it has been made anew. Nothing of this file is needed then. Where it asks by name, the last record
// that was handed over is kept as a mark. A sign that the log may be another (kafka/log_identity.h) makes the
// partition doubted, and so does nothing but silence: after a broken connection, or five seconds without an
// answer, a topic can have been made anew unseen. The next Fetch of such a partition begins at the mark.
//
// The worked case is "orders 0" of an Event Hubs namespace. Its records 0 to 99 were handed over, and the
// process was frozen for a minute. Meanwhile the topic was made anew, and has 150 records:
//
//   1. The last answer is a minute old. The Fetch asks from 99 on, not from 100.
//   2. The response begins with record 99 of the new log. It has another time, or another value.
//   3. `anew` is told, and nothing of the response is handed over. Had it been the same record, 100 and what
//      follows would have been handed over from this very response: the proof costs one batch.
//   4. Had there been no record 99, as compaction took it, the doubt alone decides: silence is no sign, and
//      reading goes on. With a sign `doubtful` is told, and the log's ends are compared.
//
// The history (KIP-320). An election may cut a log below our position, and the log grows past it again with
// other records. Each record batch names the epoch of the leader that took it. When the leader has another
// epoch than the one under which the position was compared last, it is asked where the epoch of the record
// before our position ends in its log, by OffsetForLeaderEpoch. An end below the position is the cut. Nothing
// is fetched before the answer. A Fetch names the leader epoch that was compared, and a leader of a later one
// refuses it, so that no election goes unseen. Where the records before our position came from the stage, or
// are gone, their epochs are not known. Then the last record before them is the one that is asked about.
#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "kafka/fetcher.h"
#include "wire/broker_errors.h"

namespace penstock::kafka {
namespace {

constexpr Duration k_silence_until_doubted = std::chrono::seconds(5);
constexpr Duration k_epochs_timeout = std::chrono::seconds(20);
constexpr Duration k_pause_before_comparing = std::chrono::milliseconds(250);

}  // namespace

// The same log

void Fetcher::doubt(PartitionSlot slot, Sign sign) {
  Reading& partition = readings_[slot.value];
  partition.doubted = true;
  partition.evidence.was_unknown = partition.evidence.was_unknown || sign == Sign::was_unknown;
  partition.evidence.epoch_went_back = partition.evidence.epoch_went_back || sign == Sign::epoch_went_back;
  ++partition.generation;
}

// Before it is asked for.
void Fetcher::settle_doubt(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  if (!partition.wanted() || partition.proving) {
    return;
  }
  const bool silent = clock_.now() - partition.heard_at > k_silence_until_doubted;
  if (partition.mark && (partition.doubted || silent)) {
    partition.proving = true;
  } else if (partition.doubted) {
    without_proof(slot);
  }
}

// The connection broke: the broker may have restarted, and more.
void Fetcher::prove_all(const Lane& lane) {
  for (Reading& partition : readings_) {
    partition.proving = partition.proving || (partition.lane == &lane && partition.mark.has_value());
  }
}

void Fetcher::see_bounds(PartitionSlot slot, const Lane& lane, const wire::FetchedPartition& fetched) {
  Reading& partition = readings_[slot.value];
  partition.heard_at = clock_.now();
  if (lane.io.by_id() || partition.proving) {
    return;
  }
  const bool shrank = fetched.high_watermark < partition.watermark_seen ||
                      (fetched.log_start.value >= 0 && fetched.log_start < partition.evidence.start_seen);
  if (shrank) {
    partition.doubted = true;
    ++partition.generation;
    return;
  }
  partition.watermark_seen = fetched.high_watermark;
  partition.evidence.start_seen = std::max(partition.evidence.start_seen, fetched.log_start);
  partition.evidence.end_seen = std::max(partition.evidence.end_seen, fetched.last_stable_offset);
}

// The lane's views are what the log has from the mark on. Returns whether to hand over what is behind it.
bool Fetcher::on_proof(Lane& lane) {
  const PartitionSlot slot = lane.current.slot;
  Reading& partition = readings_[slot.value];
  const RecordMark mark = *partition.mark;
  lane.current.open = false;
  if (lane.views.empty() || lane.views.front().offset != mark.offset) {
    without_proof(slot);
    return false;
  }
  if (RecordMark::of(lane.views.front()) != mark) {
    on_anew(slot);
    return false;
  }
  believe_log(slot);
  if (partition.position != after(mark.offset)) {
    ++partition.generation;  // sent elsewhere meanwhile: it is asked for there
    return false;
  }
  lane.current.open = true;
  lane.current.proving = false;
  lane.views_taken = 1;
  return true;
}

// The record of the mark is not to be had.
void Fetcher::without_proof(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  partition.mark.reset();
  partition.proving = false;
  ++partition.generation;
  if (partition.doubted) {
    partition.waits_for_position = true;
    events_.doubtful(slot, partition.evidence);
  }
}

void Fetcher::on_anew(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  partition.waits_for_position = true;
  ++partition.generation;
  events_.anew(slot, partition.position);
}

void Fetcher::believe_log(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  partition.doubted = false;
  partition.proving = false;
  partition.evidence = {};
  partition.watermark_seen = Position{-1};
}

void Fetcher::forget_log(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  believe_log(slot);
  partition.mark.reset();
  partition.epochs.begin(-1);
  partition.compared_epoch = -1;
  partition.log_end = Position{-1};
  partition.log_end_at.reset();
}

// Its history

bool Fetcher::is_compared(PartitionSlot slot) const {
  const Reading& partition = readings_[slot.value];
  const std::int32_t leader_epoch = leaders_.of(slot)->epoch;
  return leader_epoch < 0 || leader_epoch == partition.compared_epoch ||
         partition.epochs.last_known(partition.position).epoch < 0;
}

// Asks about all of the lane's partitions that are to be compared.
void Fetcher::compare(Lane& lane) {
  questions_.clear();
  lane.order.for_each([&](PartitionSlot slot) {
    Reading& partition = readings_[slot.value];
    if (!partition.wanted() || partition.comparing || is_compared(slot)) {
      return;
    }
    if (!lane.answers_epochs) {
      partition.compared_epoch = leaders_.of(slot)->epoch;
    } else if (clock_.now() < partition.not_before) {
      wake_.wake_at(partition.not_before);
    } else {
      partition.comparing = true;
      questions_.push_back({.slot = slot,
                            .generation = partition.generation,
                            .leader_epoch = leaders_.of(slot)->epoch,
                            .epoch = partition.epochs.last_known(partition.position).epoch});
    }
  });
  if (questions_.empty()) {
    return;
  }
  lane.io.connection().request(
      {.api = wire::ApiKey::offset_for_leader_epoch,
       .encode =
           [asked = questions_, ids = ids_](wire::Buffer& out, std::int16_t version) {
             std::vector<wire::EpochPartition> rows;
             for (const EpochQuestion& question : asked) {
               rows.push_back({.topic = (*ids)[question.slot.value].topic,
                               .partition = (*ids)[question.slot.value].partition,
                               .current_leader_epoch = question.leader_epoch,
                               .leader_epoch = question.epoch});
             }
             wire::encode_offset_for_leader_epoch(out, version, {.partitions = rows});
           },
       .timeout = k_epochs_timeout,
       .into = nullptr,
       .done =
           [this, key = lane.key, asked = questions_, epoch = epoch_,
            alive = alive_.watch()](const wire::Reply& reply) {
             if (!alive.gone() && epoch == epoch_) {
               on_epoch_ends(key, asked, reply);
             }
           }});
}

void Fetcher::on_epoch_ends(const LaneKey& key, const std::vector<EpochQuestion>& asked,
                            const wire::Reply& reply) {
  for (const EpochQuestion& question : asked) {
    readings_[question.slot.value].comparing = false;
    readings_[question.slot.value].not_before = clock_.now() + k_pause_before_comparing;
  }
  if (Lane* const lane = find_lane(key); lane != nullptr && reply.failure == wire::Failure::unsupported) {
    lane->answers_epochs = false;
  }
  if (reply.error) {
    return;  // the Fetch that comes after it over the same connection tells
  }
  const auto response = wire::decode_offset_for_leader_epoch(reply.body, reply.version);
  if (!response.ok()) {
    events_.trouble(response.error());
    return;
  }
  for (const wire::EpochEnd& end : response->partitions) {
    const auto question = std::ranges::find_if(asked, [&](const EpochQuestion& each) {
      return id(each.slot).partition == end.partition && id(each.slot).topic == end.topic;
    });
    if (question != asked.end() && readings_[question->slot.value].generation == question->generation) {
      on_epoch_end(*question, end);
    }
  }
  wake_.wake_at(clock_.now());
}

void Fetcher::on_epoch_end(const EpochQuestion& asked, const wire::EpochEnd& end) {
  Reading& partition = readings_[asked.slot.value];
  if (end.error_code == wire::ErrorCode::cluster_authorization_failed) {
    partition.compared_epoch = asked.leader_epoch;  // a broker that keeps this question for other brokers
    return;
  }
  if (end.error_code != wire::ErrorCode::none) {
    on_partition_code(asked.slot, end.error_code);
    return;
  }
  partition.not_before = {};
  if (end.end >= partition.epochs.last_known(partition.position).end) {
    partition.compared_epoch = asked.leader_epoch;
    return;
  }
  partition.waits_for_position = true;
  ++partition.generation;
  events_.cut(asked.slot, partition.position, end.end);
}

}  // namespace penstock::kafka
