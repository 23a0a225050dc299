// Judges what lands: each blob when it appears, each committed entry when it becomes visible, and the whole
// at the end.
//
// A blob is parsed back to its last byte and held against the logs and its own metadata, so that a violation
// is reported at the moment it happens.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/group_entry.h"
#include "base/types.h"
#include "codec/decompressor.h"
#include "format/record_format.h"
#include "ledger/protocol.h"
#include "sim/partition_book.h"
#include "sim/rows.h"
#include "sim/sim_lake.h"
#include "sim/sim_log.h"
#include "sim/verdict.h"
#include "source/source.h"

namespace penstock::sim {

using ledger::Guarantee;

class Landings {
 public:
  // `logs` may grow, and what is in it stays where it is; all outlive it. `from_start`: every record is
  // wanted; otherwise from the first that landed.
  Landings(const std::map<TopicPartition, Log>& logs, Guarantee guarantee, bool from_start, std::string group,
           Verdict& verdict);

  void blob_created(const std::string& name, const SimBlob& blob);
  void entry_visible(const TopicPartition& id, const GroupEntry& entry);

  // How the topic's files have its records. Lines, if nothing is said.
  void files_of(const std::string& topic, const FileRows& file) { files_[topic] = file; }
  bool has_envelopes(const std::string& topic) const {
    return file_of(topic).rows == format::RowFormat::envelope;
  }

  // What the world does to logs, and what workers say of partitions: as PartitionBook has it.
  void log_replaced(const TopicPartition& id, std::unique_ptr<Log> old, Position cut);
  void lost_before(const TopicPartition& id, Position next) { book_of(id).lost_before(next); }
  void want_all(const TopicPartition& id) { book_of(id).want_all(); }
  bool wants_all(const TopicPartition& id) { return book_of(id).wants_all(); }
  void excuse(const TopicPartition& id) { book_of(id).excuse(); }
  bool excused(const TopicPartition& id) { return book_of(id).excused(); }

  // Once everything is at rest.
  void judge();

  std::uint64_t blobs() const { return blobs_; }
  std::uint64_t records() const { return records_; }
  std::uint64_t tombstones() const { return tombstones_; }
  std::uint64_t quarantined() const { return quarantined_; }

 private:
  using Ranges = std::map<TopicPartition, Range>;
  using Lines = std::map<TopicPartition, std::vector<PartitionBook::Line>>;

  struct Quarantine {
    std::string of;
    std::string records;
    std::string text;
  };

  FileRows file_of(const std::string& topic) const;
  void quarantine_created(const std::string& name, const SimBlob& blob);
  const Quarantine* quarantine_beside(const std::string& name, const SimBlob& blob);
  void count_positions(const std::string& name, const SimBlob& blob, std::uint64_t records,
                       std::int64_t positions);
  std::optional<std::string> text_of(const std::string& name, const SimBlob& blob);
  std::optional<Ranges> ranges_of(const std::string& name, const SimBlob& blob);
  bool read_lines(const std::string& name, std::string_view text, format::RowFormat rows,
                  const Ranges& ranges, Lines& lines);
  PartitionBook& book_of(const TopicPartition& id);

  const std::map<TopicPartition, Log>& logs_;
  Guarantee guarantee_;
  bool from_start_;
  std::string group_;
  Verdict& verdict_;
  codec::Decompressor decompressor_{std::size_t{64} << 20};
  std::map<std::string, FileRows> files_;
  std::map<std::string, Quarantine> quarantines_;  // by name
  std::map<TopicPartition, PartitionBook> books_;
  Lines lines_;  // of the blob that is being read, and of its quarantine
  std::uint64_t blobs_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t tombstones_ = 0;
  std::uint64_t quarantined_ = 0;  // of files that are there
};

// The value of a record, which names it; `filler` behind it.
std::string value_of(const TopicPartition& id, Offset offset, std::string_view filler);

}  // namespace penstock::sim
