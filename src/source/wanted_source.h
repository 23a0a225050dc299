// A source of which some records are wanted and no others: that of `penstock replay --from-quarantine`.
//
// Records that are not wanted are read and dropped, so that their positions are holes to whoever takes. What
// lies before the first wanted record is not read at all: it may have left the log long ago.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/types.h"
#include "source/forwarding_source.h"

namespace penstock::source {

// Of each partition what is wanted, in order and disjoint: 16 bytes for records that follow each other.
using WantedOffsets = std::map<TopicPartition, std::vector<Range>>;

class WantedSource final : public ForwardingSource {
 public:
  // The most that one front() looks at.
  static constexpr std::size_t k_looked_at_max = 4096;

  WantedSource(std::unique_ptr<Source> inner, std::shared_ptr<const WantedOffsets> wanted);

  Result<void> start(SourceHandlers handlers) override;
  const RecordSpan* front() override;
  void taken(std::size_t count) override;
  void fetch_from(PartitionSlot slot, Position position) override;
  void release() override;

 private:
  // Of the assignment, by slot.
  struct Reading {
    const std::vector<Range>* wanted = nullptr;
    std::optional<Position> moved_to;  // the inner source waits to be sent exactly there
  };

  void assign(std::span<const Assigned> partitions);
  void pick(const RecordSpan& span, const std::vector<Range>& wanted);

  const std::shared_ptr<const WantedOffsets> wanted_;
  std::vector<Reading> readings_;
  RecordSpan front_;                // of the inner source's front what is wanted
  std::vector<RecordView> picked_;  // its records
  std::vector<std::size_t> at_;     // where each of them is in the inner span, then how much was looked at
};

}  // namespace penstock::source
