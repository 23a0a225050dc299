// What verify has to say. Bounded: past k_findings_max findings are only counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/partition_range.h"
#include "base/types.h"

namespace penstock::verify {

enum class Severity : std::uint8_t { note, fault };

enum class FindingKind : std::uint8_t {
  gap,         // positions that no blob holds
  gone,        // the group has a position, and no blob of the partition is there
  overlap,     // positions that more than one blob holds
  foreign,     // a file that is not ours, or ours with unreadable metadata
  beyond,      // positions in a blob that the group has neither committed nor claimed
  claim,       // what became of a pending claim
  lost,        // positions that their worker said had left the log
  log,         // the group's position, or the blobs, lie outside the log
  content,     // a blob does not hold what its metadata say
  anew,        // positions of an earlier topic of the same name
  quarantine,  // a quarantine file and the file beside it do not belong together, or one is missing
};

const char* to_string(FindingKind kind);

struct Finding {
  Severity severity = Severity::fault;
  FindingKind kind = FindingKind::gap;
  std::optional<TopicPartition> id;
  std::optional<Range> range;
  std::vector<std::string> blobs;
  std::vector<PartitionRange> parts = {};  // of a gap in several partitions of the topic: all of them
  std::string text;                        // what is so, without the coordinates and the names above
};

class Findings {
 public:
  static constexpr std::size_t k_findings_max = 10'000;

  void add(Finding finding);

  // Lets the findings that are kept be thought over: a fault may become a note.
  void review(const std::function<void(Finding&)>& look);

  // Lets some of them go, of which others tell. Those that are kept stay where they are until the last is
  // looked at.
  enum class Review : std::uint8_t { keep, drop };
  void review_and_drop(const std::function<Review(Finding&)>& look);

  const std::vector<Finding>& all() const { return kept_; }
  std::uint64_t fault_count() const { return fault_count_; }
  std::uint64_t left_out_count() const { return left_out_count_; }

 private:
  std::vector<Finding> kept_;
  std::uint64_t fault_count_ = 0;
  std::uint64_t left_out_count_ = 0;
};

}  // namespace penstock::verify
