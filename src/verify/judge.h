// The tiles against what Kafka says: the group's entries, its pending claims, the ends of the log. Pure.
//
// A service may run meanwhile. So entries are read twice, before and after the blobs are listed: every
// position that was committed before must be in a blob, and no blob may hold a position that is neither
// committed nor claimed after.
//
// A topic that was made anew has several logs (tiling.h). The group's entry is held against the one whose id
// it names, or else against the newest, and what the cluster says of the log against the newest. Of the
// others it is noted that they are there. Their log is gone, so nothing tells whether a gap in them is one.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/group_entry.h"
#include "base/types.h"
#include "ledger/claim_text.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"
#include "verify/tiling.h"

namespace penstock::verify {

struct PartitionView {
  std::optional<GroupEntry> before;
  std::optional<GroupEntry> after;
  std::optional<Range> log;  // its start, of before, and its end, of after; none: not known
  // Nothing below is judged. The blobs that hold nothing behind it were left out.
  std::optional<Position> since = {};
};
using ClusterView = std::map<TopicPartition, PartitionView>;

// What stands at a claimed name; none: nothing.
using ClaimedBlobs = std::map<std::string, std::optional<BlobFacts>>;

struct JudgeOptions {
  bool exactly_once = true;  // else a position beyond the committed one, and one in two blobs, are only noted
  bool from_earliest =
      false;  // or a replay: what the log still holds before the first blob was not meant to be left out
  std::string sink;  // as a claim names ours
};

// The topic ids that the entries name: for Tiling::settle().
std::map<TopicPartition, std::string> topic_ids(const ClusterView& cluster);

// The names that `claimed` must have for judge().
std::vector<std::string> claimed_names(const ClusterView& cluster, const JudgeOptions& options);

// `tiling` is settled.
void judge(const Tiling& tiling, const ClusterView& cluster, const ClaimedBlobs& claimed,
           const JudgeOptions& options, Findings& findings);

void report_overlaps(Overlaps overlaps, const JudgeOptions& options, Findings& findings);

}  // namespace penstock::verify
