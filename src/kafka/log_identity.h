// Whether a topic's log still is the one that was read before, where nobody tells the ids of topics. Pure.
//
// A topic that is deleted and made anew has another log under the same name, and a position in the one means
// nothing in the other. Brokers that tell ids, and take them in a Fetch, make that certain (wire/fetch.h).
// With others there are only signs, and each alone may be wrong:
//
//   the topic was unknown for a moment      a broker that has just started says so, too
//   the leader's epoch went back            a broker that has not heard of an election says so, too
//   the log's end is below one seen before  an unclean election cuts a log as well
//   the log's start is below one seen       a follower may be behind its leader with deletions
//
// So a sign makes us look for proof: the last record that was handed over is fetched again. Found as it was,
// it proves that the log is the same, whatever the signs say. Another record at its offset proves that it is
// not. Where there is no such record (nothing was handed over yet, or compaction or retention took it) the
// signs are weighed together: see judge().
#pragma once

#include <cstdint>
#include <optional>

#include "base/record_view.h"
#include "base/types.h"
#include "source/start_position.h"

namespace penstock::kafka {

// A record that was handed over, well enough to know it again.
struct RecordMark {
  Offset offset;
  std::int64_t timestamp_ms = -1;
  std::uint64_t hash = 0;  // of key and value

  static RecordMark of(const RecordView& record);

  friend bool operator==(const RecordMark&, const RecordMark&) = default;
};

struct LogEvidence {
  bool was_unknown = false;
  bool epoch_went_back = false;

  // The most that were seen so far. -1: none.
  Position start_seen{-1};
  Position end_seen{-1};

  // As its leader tells them now, repeatedly.
  source::LogBounds now;
};

enum class Verdict : std::uint8_t {
  same,      // nothing speaks against it
  unproven,  // the same as far as one can see, but the topic was unknown for a moment: worth a line
  anew,      // or cut: what was read does not continue there
};

// Without a record that proves it.
Verdict judge(const LogEvidence& evidence);

}  // namespace penstock::kafka
