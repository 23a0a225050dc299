// The line that a record makes in a file, by code of its own: what format writes has to be the same, byte for
// byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "format/quarantine.h"
#include "format/record_format.h"
#include "sim/sim_log.h"

namespace penstock::sim {

// How the files of a topic have its records.
struct FileRows {
  format::RowFormat rows = format::RowFormat::lines;
  format::RecordRules rules = {};
};

// Why the record is in the quarantine and not in the file. Empty: it is not.
std::string_view reason_of(const FileRows& file, const LogRecord& record);

// In whichever of the two it is, without the line feed. None: it makes no line.
std::optional<std::string> row_of(const FileRows& file, const TopicPartition& id, const LogRecord& record);

// Whether it makes a line.
inline bool makes_row(const FileRows& file, const LogRecord& record) {
  return file.rows == format::RowFormat::envelope || !record.value.empty();
}

// Which record a line names. The partition or the offset is -1 where it names none.
struct NamedRecord {
  TopicPartition id;
  std::int64_t offset = -1;
};
NamedRecord named_by(format::RowFormat rows, std::string_view line);

// A whole number, and nothing else.
std::optional<std::int64_t> whole_number(std::string_view text);

// The part up to the separator, which is taken off the text.
std::string_view cut_off(std::string_view& text, std::string_view separator);

}  // namespace penstock::sim
