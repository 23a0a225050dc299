// The golden batches of tests/unit/wire/golden/ and what they hold. record.py there says how they were made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/records_cursor.h"

namespace penstock::wire {

struct GoldenRecord {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;  // long ones as "sha256:<hex> <bytes>"
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;

  friend bool operator==(const GoldenRecord&, const GoldenRecord&) = default;
};

struct GoldenBatches {
  std::string records;  // the field of the Fetch response
  Position asked;
  Position next;  // at their end
  std::vector<AbortedTransaction> aborted;
  std::vector<GoldenRecord> expected;
};

std::vector<std::string> golden_names();

// Throws where the files are not as record.py writes them.
GoldenBatches load_golden(const std::string& name);

GoldenRecord as_golden(const RecordView& record);

void PrintTo(const GoldenRecord& record, std::ostream* out);

}  // namespace penstock::wire
