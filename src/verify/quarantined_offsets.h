// Where the records are that a topic has in quarantine: read from the files that count.
//
// A quarantine file counts only if the file beside it is there with data (quarantines.h). The store is asked
// for that one by name, so that no other file is listed. Then all of the quarantine file is read.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <penstock/result.h>

#include "base/types.h"
#include "verify/interval_set.h"
#include "verify/lake_reader.h"

namespace penstock::verify {

struct QuarantinedOffsets {
  std::map<Partition, IntervalSet> offsets;
  std::uint64_t files = 0;
  std::uint64_t lonely_files = 0;    // beside nothing: their records are in others
  std::uint64_t former_records = 0;  // of an earlier topic of this name
};

struct QuarantineOwner {
  std::string group;
  std::string topic;
  // Of the topic as it is now. Empty: not known, and every file is of it.
  std::string topic_id;
};

// Error: the store did not answer; or a file does not read, or is not what the file beside it says. It names
// the file.
Result<QuarantinedOffsets> read_quarantined_offsets(LakeReader& lake, const QuarantineOwner& owner);

}  // namespace penstock::verify
