// The Source that reads for itself. It is a member of the group by a Membership that it is given. Records
// come by our own fetch. Offsets go over our own connection to the group's coordinator, and each commit
// carries the stamp of the assignment that it belongs to. So it serves exactly_once.
//
//   Membership ── assigned, revoked, lost (with the stamp) ──► GroupSession ──► SourceHandlers
//   OffsetLookup, GroupOffsets ── starts, entries ───────────► DirectSource ──► Fetcher ──► front(), taken()
//   GroupOffsets ◄── commits ──────────────────────────────────────┘
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/alive.h"
#include "base/clock.h"
#include "base/commit.h"
#include "base/group_entry.h"
#include "io/loop.h"
#include "kafka/fetcher.h"
#include "kafka/log_bounds_search.h"
#include "kafka/offset_lookup.h"
#include "kafka/start_finder.h"
#include "source/group_session.h"
#include "source/lost_spans.h"
#include "source/membership.h"
#include "source/source.h"
#include "source/source_options.h"
#include "source/start_position.h"
#include "wire/group_offsets.h"

namespace penstock::kafka {

struct DirectSourceOptions : source::SourceOptions {
  // Makes the member of the group `consumer.group`. Never empty. Called by start().
  source::JoinGroup join;

  std::size_t batch_bytes_max = std::size_t{16} << 20;  // source.max_batch_bytes
  std::uint32_t lanes_per_broker = 1;                   // connections that fetch from one broker
  Duration commit_timeout = std::chrono::seconds(5);    // then the outcome is unknown: half of fence_wait
};

class DirectSource final : public source::Source {
 public:
  // `loop` and `clock` outlive the source.
  DirectSource(io::Loop& loop, const Clock& clock, DirectSourceOptions options);
  ~DirectSource() override;  // closes

  Result<void> start(source::SourceHandlers handlers) override;
  void poll() override;
  const source::RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void read_elsewhere(PartitionSlot slot, Position from) override;
  void hold(PartitionSlot slot) override;
  void distrust(PartitionSlot slot, Position position) override;
  void read_entries(std::vector<TopicPartition> partitions,
                    std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) override;
  void commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) override;
  void release() override;
  void close() override;
  void partition_states(std::vector<source::PartitionState>& states) const override;
  source::SourceCounters counters() const override;

 private:
  Result<void> connect();

  // What the session asks for.
  void resolve();
  void end_records();
  void forget_assignment();

  // Resolving. The group's entries are read, and the cluster tells the topics. Then where each partition
  // without an entry starts is looked for, and activate() follows.
  void read_assigned_entries();
  void on_assigned_entries(Result<wire::GroupEntries> entries);
  void find_starts();
  void read_entries_of_others();
  void on_entries_of_others(const std::vector<TopicPartition>& others, Result<wire::ApartEntries> entries);
  void list_starts();
  std::int64_t start_time(PartitionSlot slot);
  void on_start(PartitionSlot slot, Position start);
  void on_no_start_yet(PartitionSlot slot, const OffsetAnswer& answer);
  void activate();
  void again_after(Duration pause, std::function<void()> step);

  // While held: what becomes of a partition whose position does not belong to its log.
  void on_anew(PartitionSlot slot, Position wanted);
  void find_place(PartitionSlot slot, source::LossKind kind, Position wanted, Position cut_at);
  void move(PartitionSlot slot, const source::Loss& loss);
  bool is_of_this_topic(PartitionSlot slot, Position position) const;
  void recover(PartitionSlot slot, Position wanted, const source::LogBounds& log);
  void on_doubtful(PartitionSlot slot, const LogEvidence& evidence);
  void weigh(PartitionSlot slot, const LogEvidence& evidence);
  void on_partition_failed(PartitionSlot slot, Error error);
  void fail(PartitionSlot slot, Error error);

  void leave_group(const MemberStamp& stamp);

  // Runs only if the assignment is still the one of now.
  template <class Function>
  auto for_this_epoch(Function function) {
    return [this, epoch = epoch_, alive = alive_.watch(),
            function = std::move(function)](auto&&... arguments) mutable {
      if (!alive.gone() && epoch == epoch_) {
        function(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  io::Loop& loop_;
  const Clock& clock_;
  const DirectSourceOptions options_;
  source::GroupSession session_;
  std::unique_ptr<wire::ClusterClient> cluster_;
  std::unique_ptr<wire::GroupOffsets> offsets_;
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<OffsetLookup> lookup_;
  std::unique_ptr<LogBoundsSearch> search_;
  std::unique_ptr<StartFinder> starts_;

  std::uint64_t epoch_ = 0;  // counts assignments, given up ones too
  bool entries_read_ = false;
  std::vector<source::Assigned> assigned_;
  std::vector<PartitionSlot> undecided_;  // of those without a start: their first answer is awaited
  bool starts_asked_ = false;

  // For `latest`: which partitions the group has entries for, beside those assigned, and what was there when
  // this process got its first assignment. Where partitions without an entry were started then: they start
  // there again, until the group has entries for them.
  std::set<std::string> topics_with_entries_;
  std::optional<std::set<TopicPartition>> seen_at_first_;
  std::map<TopicPartition, Position> started_at_;
  std::vector<TopicPartition> newcomers_;  // of this assignment, to be told

  // Partitions that are to move: until fetch_from() sends them where `moved` said. Without a place: that is
  // being looked for. Kept beyond the assignment, as the move may not be made within it.
  std::map<TopicPartition, std::optional<Position>> moves_;
  std::set<PartitionSlot> places_sought_;
  source::LostSpans lost_;
  io::TimerId again_timer_ = io::TimerId::none;
  Alive alive_;
};

}  // namespace penstock::kafka
