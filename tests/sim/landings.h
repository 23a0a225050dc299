// Judges what lands: each blob when it appears, each committed entry when it becomes visible, and the whole
// at the end.
//
// A blob is parsed back to its last byte and held against the logs and its own metadata, so that a violation
// is reported at the moment it happens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/group_entry.h"
#include "base/types.h"
#include "codec/decompressor.h"
#include "ledger/protocol.h"
#include "sim/broker.h"
#include "sim/sim_lake.h"
#include "sim/verdict.h"
#include "source/source.h"

namespace penstock::sim {

using ledger::Guarantee;

class Landings {
 public:
  // `logs` may grow; all outlive it. `from_start`: every record is wanted; otherwise from the first that
  // landed.
  Landings(const std::map<TopicPartition, Log>& logs, Guarantee guarantee, bool from_start, std::string group,
           Verdict& verdict);

  void blob_created(const std::string& name, const SimBlob& blob);
  void entry_visible(const TopicPartition& id, const GroupEntry& entry);

  // Once everything is at rest.
  void judge();

  std::uint64_t blobs() const { return blobs_; }
  std::uint64_t records() const { return records_; }
  std::uint64_t tombstones() const { return tombstones_; }

 private:
  struct Landed {
    std::vector<std::uint32_t> copies;  // by the record's place in its log
    std::size_t covered = 0;            // records before it are in the lake, or empty
    std::vector<Range> ranges;          // of blobs
    std::optional<Position> base;       // not from the start: the first position that counts
    Position committed{0};              // as it was last visible
  };
  using Ranges = std::map<TopicPartition, Range>;

  std::optional<std::string> text_of(const std::string& name, const SimBlob& blob);
  std::optional<Ranges> ranges_of(const std::string& name, const SimBlob& blob);
  std::optional<std::uint64_t> read_lines(const std::string& name, std::string_view text,
                                          const Ranges& ranges);
  void expect_whole_ranges(const std::string& name, const Ranges& ranges);
  void count_copy(const std::string& name, const TopicPartition& id, std::size_t place);
  void judge_partition(const TopicPartition& id, const Log& log);
  std::size_t place_of(const Log& log, std::int64_t offset) const;  // of the first record not below it

  const std::map<TopicPartition, Log>& logs_;
  Guarantee guarantee_;
  bool from_start_;
  std::string group_;
  Verdict& verdict_;
  codec::Decompressor decompressor_{std::size_t{64} << 20};
  std::map<TopicPartition, Landed> landed_;
  std::map<std::string, std::uint64_t>
      in_blob_;  // of the blob that is being read: "topic:partition" to records
  std::uint64_t blobs_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t tombstones_ = 0;
};

// The value of a record, which names it; `filler` behind it.
std::string value_of(const TopicPartition& id, Offset offset, std::string_view filler);

}  // namespace penstock::sim
