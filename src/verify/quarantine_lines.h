// Which record each line of a quarantine file is. Of a line only its beginning is read, which penstock has
// written in exactly this way (format/quarantine.h); so a line may be of any length. Pure.
//
//   {"reason":"not-json","topic":"orders","partition":3,"offset":41, ...
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::verify {

struct RecordPlace {
  Partition partition;
  Offset offset;

  friend bool operator==(const RecordPlace&, const RecordPlace&) = default;
};

// None: it is no line of a record of this topic.
std::optional<RecordPlace> read_quarantine_line(std::string_view line, std::string_view topic);

// A file, in pieces as they come.
class QuarantineLines {
 public:
  // Reason, topic (249 bytes at most), partition and offset are within these.
  static constexpr std::size_t k_beginning_bytes_max = 512;

  explicit QuarantineLines(std::string topic) : topic_(std::move(topic)) {}

  // `see` gets each line that has ended. Error: a line does not read; its number is named.
  Result<void> feed(std::string_view piece, const std::function<void(RecordPlace)>& see);

 private:
  const std::string topic_;
  std::string beginning_;  // of the line that has not ended yet
  std::uint64_t lines_ = 0;
};

}  // namespace penstock::verify
