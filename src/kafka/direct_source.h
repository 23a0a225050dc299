// The Source that reads for itself: librdkafka is the member of the group, with an empty assignment; records come by
// our own fetch, and offsets go over our own connection to the group's coordinator, each commit with the stamp of the
// assignment that it belongs to. So it serves exactly_once.
//
//   librdkafka ── assigned, revoked, lost (with the stamp) ──► DirectSource ──► SourceHandlers
//   Fetcher ── records, positions lost ──────────────────────►      │
//   GroupOffsets ◄── entries read, commits ─────────────────────────┘
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "base/member_stamp.h"
#include "base/record_view.h"
#include "io/loop.h"
#include "kafka/fetcher.h"
#include "rdkafka/consumer_client.h"
#include "source/consumer_options.h"
#include "source/error_gate.h"
#include "source/source.h"
#include "source/start_position.h"
#include "wire/group_offsets.h"

namespace penstock::kafka {

struct DirectSourceOptions {
  source::ConsumerOptions client;
  std::size_t batch_bytes_max = std::size_t{16} << 20;  // source.max_batch_bytes
  std::uint32_t lanes_per_broker = 1;                   // connections that fetch from one broker
  Duration commit_timeout = std::chrono::seconds(5);    // then the outcome is unknown: half of fence_wait
  RecordHeaders headers = RecordHeaders::skipped;
  // --exit-at-end: the log ends seen at start, by probe_cluster(). A partition not named did not exist then
  // and counts as at its mark.
  std::optional<std::map<TopicPartition, Position>> end_marks;
  std::chrono::milliseconds close_timeout{5000};  // for leaving the group
};

// Why these options need librdkafka's own fetch; empty: they do not.
std::string why_not_direct(const source::ConsumerOptions& options);

class DirectSource final : public source::Source {
 public:
  // `loop` and `clock` outlive the source.
  DirectSource(io::Loop& loop, const Clock& clock, DirectSourceOptions options);
  ~DirectSource() override;  // closes

  Result<void> start(source::SourceHandlers handlers) override;
  bool poll(Room room, std::size_t records_max) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void hold(PartitionSlot slot) override;
  void read_entries(std::span<const PartitionSlot> slots,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override;
  source::SourceCounters counters() const override;

 private:
  // none: no assignment. resolving: the group gave one, its entries and starts are being read. held: the pipeline
  // has it. ending: the pipeline was told of its end, release() is awaited.
  enum class State : std::uint8_t { none, resolving, held, ending };

  struct Given {  // by the group
    std::vector<TopicPartition> partitions;
    MemberStamp stamp;
  };

  void on_event(rdkafka::GroupEvent& event);
  void on_assigned(rdkafka::GroupEvent& event);
  void on_revoked(source::RevokeReason reason);
  void on_group_error(const rdkafka::GroupEvent& event);
  void end_assignment(source::RevokeReason reason);

  // Resolving: entries, then the starts of those without one.
  void begin(Given given);
  void read_assigned_entries();
  void on_assigned_entries(Result<wire::GroupEntries> entries);
  void list_starts(std::int64_t timestamp_ms);
  void on_starts(std::int64_t timestamp_ms, Result<Fetcher::Positions> starts);
  void activate();
  void again(void (DirectSource::*step)());

  void on_position_lost(PartitionSlot slot, Position wanted);
  void look_for_position(PartitionSlot slot, Position wanted, int tries_left);
  void recover(PartitionSlot slot, Position wanted, const source::LogBounds& log);
  void fail(PartitionSlot slot, Error error);
  void on_partition_failed(PartitionSlot slot, Error error);

  void report(Error error);
  void report_passing(Error error);
  bool at_end_mark(PartitionSlot slot) const;

  // Runs only if the assignment is still the one of now.
  template <class Function>
  auto for_this_epoch(Function function) {
    return [this, epoch = epoch_, alive = std::weak_ptr(alive_),
            function = std::move(function)](auto&&... arguments) mutable {
      if (!alive.expired() && epoch == epoch_) {
        function(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  io::Loop& loop_;
  const Clock& clock_;
  const DirectSourceOptions options_;
  source::SourceHandlers handlers_;
  std::unique_ptr<rdkafka::ConsumerClient> client_;
  std::unique_ptr<wire::ClusterClient> cluster_;
  std::unique_ptr<wire::GroupOffsets> offsets_;
  std::unique_ptr<Fetcher> fetcher_;

  State state_ = State::none;
  std::uint64_t epoch_ = 0;  // counts assignments, given up ones too
  MonoTime begun_{};         // of `given_`
  Given given_;
  std::optional<Given> next_assignment_;  // came while the former was not released
  std::vector<source::Assigned> assigned_;
  std::vector<PartitionSlot> without_entry_;
  std::vector<std::pair<PartitionSlot, Error>> failed_early_;  // while resolving: told after `assigned`
  std::vector<rdkafka::GroupEvent> events_;
  io::TimerId again_timer_ = io::TimerId::none;

  source::ErrorGate gate_;
  source::SourceCounters counters_;
  bool seen_assignment_ = false;
  bool fatal_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock::kafka
