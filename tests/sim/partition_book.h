// What of one partition has landed, and what must have.
//
// A partition may have had several logs under its name: a topic is deleted and made anew, or an election cuts
// the log's end off. Each is a View. Records name the log they are of, by their values, so a blob's lines are
// of one view. The last view is the log of now, and it alone has to be complete.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/group_entry.h"
#include "base/types.h"
#include "sim/rows.h"
#include "sim/sim_log.h"
#include "sim/verdict.h"

namespace penstock::sim {

class PartitionBook {
 public:
  struct Options {
    bool once = false;        // exactly_once
    bool from_start = false;  // every record is wanted; otherwise from the first that landed
    FileRows file = {};
  };
  // A line of a blob, and the offset that it names.
  struct Line {
    std::int64_t offset;
    std::string_view text;
  };

  // `log` is the partition's log of now, and stays so.
  PartitionBook(const TopicPartition& id, const Log& log, Options options, Verdict& verdict);

  // The lines that a blob has of it, in a range.
  void blob_landed(const std::string& blob, Range range, const std::vector<Line>& lines, bool tells_lost);
  void entry_visible(const GroupEntry& entry);

  // The log of now begins anew behind `cut`: what it was is `old`. Zero: the topic was made anew.
  void log_replaced(std::unique_ptr<Log> old, Position cut);

  // The worker was told that what lies before is lost, and the world has deleted it.
  void lost_before(Position next) { lost_before_ = std::max(lost_before_, next); }

  // Every record is wanted, whatever source.start says: the group had a position before the partition was
  // there.
  void want_all() { options_.from_start = true; }
  bool wants_all() const { return options_.from_start; }

  // Nothing is demanded any more: the partition was stopped, with a word.
  void excuse() { excused_ = true; }
  bool excused() const { return excused_; }

  // Once everything is at rest.
  void judge();

 private:
  struct View {
    const Log* log = nullptr;
    std::unique_ptr<Log> kept = {};          // what `log` points to, if it is not the log of now
    std::vector<std::uint32_t> copies = {};  // by the record's place in its log
    std::vector<Range> ranges = {};          // of blobs
    Position shared_below{0};                // the next view begins with the same records
  };

  static std::size_t place_of(const Log& log, std::int64_t offset);  // of the first record not below it
  bool has_line(const Log& log, const Line& line) const;
  View* view_of(Range range, const std::vector<Line>& lines, bool tells_lost);
  void count(const std::string& blob, View& view, const Line& line);
  // Of the range, those that the blob has and those that it lacks.
  std::uint64_t wanted_lines(const View& view, Range range, const std::vector<Line>& lines,
                             bool tells_lost) const;
  void expect_whole(const std::string& blob, const View& view, Range range, const std::vector<Line>& lines,
                    bool tells_lost);
  bool may_be_missing(const Log& log, const LogRecord& record) const;
  void cover();
  View& now() { return *views_.back(); }
  std::string name() const;

  const TopicPartition id_;
  Options options_;
  Verdict& verdict_;
  std::vector<std::unique_ptr<View>> views_;
  std::size_t covered_ = 0;       // records of now before it are in the lake, or empty, or lost
  std::optional<Position> base_;  // not from the start: the first position that counts
  Position committed_{0};         // as it was last visible
  Position lost_before_{0};
  bool has_entry_ = false;
  bool excused_ = false;
};

}  // namespace penstock::sim
