// How it works
//
// A pointer moves over records that are in a blob, and over empty values, which make no line, and over
// records that are lost. An entry may not pass a record that the pointer has not passed.
//
// The worked case is a log with the offsets 0, 1, 3 (an empty value) and 4. Offset 2 is a hole, the end is 5.
//
//   1. A blob lands with the range 0-4 and the lines of 0 and 1. No other record in the range has a value.
//   2. The entry 4 becomes visible. The pointer goes up to offset 4, and the entry is right. The entry 5
//      would be a violation, as offset 4 is in no blob.
//   3. Another blob with offset 1 is a violation at once under exactly_once. At least once allows it.
//   4. An election cuts the log at 4, and another record gets the offset 4. There are two views now. A blob
//      with the line of the old 4 counts for the old view, and nothing is demanded of that. The copies of 0
//      and 1 count for both.
//   5. At the end each record of the last view that has a value needs a copy. Under exactly_once no two
//      ranges may overlap.
//
// After 4 the group's entry may be ahead of the last view for a while, so entries are not judged any more.
#include "sim/partition_book.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "sim/rows.h"

namespace penstock::sim {
PartitionBook::PartitionBook(const TopicPartition& id, const Log& log, Options options, Verdict& verdict)
    : id_(id), options_(options), verdict_(verdict) {
  views_.push_back(std::make_unique<View>(View{.log = &log}));
}

std::string PartitionBook::name() const {
  return concat(id_.topic, ':', id_.partition.value);
}

std::size_t PartitionBook::place_of(const Log& log, std::int64_t offset) {
  return static_cast<std::size_t>(
      std::lower_bound(log.records.begin(), log.records.end(), offset,
                       [](const LogRecord& record, std::int64_t at) { return record.offset.value < at; }) -
      log.records.begin());
}

bool PartitionBook::has_line(const Log& log, const Line& line) const {
  const std::size_t place = place_of(log, line.offset);
  return place < log.records.size() && log.records[place].offset.value == line.offset &&
         row_of(options_.file, id_, log.records[place]) == line.text;
}

// The latest that has all of the lines, if possible one of which the blob is whole. Null: none.
PartitionBook::View* PartitionBook::view_of(Range range, const std::vector<Line>& lines, bool tells_lost) {
  View* found = nullptr;
  for (auto view = views_.rbegin(); view != views_.rend(); ++view) {
    if (std::ranges::all_of(lines, [&](const Line& line) { return has_line(*(*view)->log, line); })) {
      if (wanted_lines(**view, range, lines, tells_lost) == lines.size()) {
        return view->get();
      }
      found = found == nullptr ? view->get() : found;
    }
  }
  return found;
}

void PartitionBook::blob_landed(const std::string& blob, Range range, const std::vector<Line>& lines,
                                bool tells_lost) {
  View* const view = view_of(range, lines, tells_lost);
  if (view == nullptr) {
    const auto stray =
        std::ranges::find_if_not(lines, [this](const Line& line) { return has_line(*now().log, line); });
    verdict_.fail("a line of ", blob, " is no record: ", stray->text.substr(0, 60));
    return;
  }
  for (const Line& line : lines) {
    count(blob, *view, line);
  }
  expect_whole(blob, *view, range, lines, tells_lost);
  if (range.next > view->log->end) {
    verdict_.fail("the blob ", blob, " has a range behind the end of ", name());
  }
  view->ranges.push_back(range);
  if (!options_.from_start && (!base_ || range.first < *base_)) {
    base_ = range.first;
  }
}

void PartitionBook::count(const std::string& blob, View& view, const Line& line) {
  for (auto at = std::ranges::find(views_, &view, &std::unique_ptr<View>::get); at != views_.end(); ++at) {
    View& each = **at;
    each.copies.resize(each.log->records.size());
    const std::uint32_t copies = ++each.copies[place_of(*each.log, line.offset)];
    if (copies > 1 && options_.once) {
      verdict_.fail(name(), " offset ", line.offset, " landed again, in ", blob);
      return;
    }
    if (line.offset >= each.shared_below.value) {
      return;
    }
  }
}

// The world has deleted it, and the worker said so.
bool PartitionBook::may_be_missing(const Log& log, const LogRecord& record) const {
  return !makes_row(options_.file, record) ||
         (record.offset.value < log.start.value && record.offset.value < lost_before_.value);
}

std::uint64_t PartitionBook::wanted_lines(const View& view, Range range, const std::vector<Line>& lines,
                                          bool tells_lost) const {
  const Log& log = *view.log;
  std::uint64_t wanted = 0;
  auto line = lines.begin();
  for (std::size_t place = place_of(log, range.first.value);
       place < log.records.size() && log.records[place].offset.value < range.next.value; ++place) {
    const LogRecord& record = log.records[place];
    const bool has = line != lines.end() && line->offset == record.offset.value;
    line += has ? 1 : 0;
    const bool is_lost = !has && tells_lost && may_be_missing(log, record);
    wanted += !makes_row(options_.file, record) || is_lost ? 0 : 1;
  }
  return wanted;
}

void PartitionBook::expect_whole(const std::string& blob, const View& view, Range range,
                                 const std::vector<Line>& lines, bool tells_lost) {
  const std::uint64_t wanted = wanted_lines(view, range, lines, tells_lost);
  if (wanted != lines.size()) {
    verdict_.fail("the blob ", blob, " has ", lines.size(), " of the ", wanted, " records of ", name(),
                  " in its range ", range.first.value, "-", range.next.value);
  }
}

void PartitionBook::log_replaced(std::unique_ptr<Log> old, Position cut) {
  View& before = now();
  auto view = std::make_unique<View>(View{.log = before.log});
  const std::size_t kept = place_of(*old, cut.value);
  view->copies.assign(before.copies.begin(), before.copies.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                         kept, before.copies.size())));
  for (const Range& range : before.ranges) {
    if (range.first < cut) {
      view->ranges.push_back({range.first, std::min(range.next, cut)});
    }
  }
  before.kept = std::move(old);
  before.log = before.kept.get();
  before.shared_below = cut;
  covered_ = std::min(covered_, kept);
  views_.push_back(std::move(view));
}

// Entries

void PartitionBook::cover() {
  View& view = now();
  const auto& records = view.log->records;
  view.copies.resize(records.size());
  const std::size_t base = base_ ? place_of(*view.log, base_->value) : 0;
  covered_ = std::max(covered_, base);
  while (covered_ < records.size() &&
         (view.copies[covered_] > 0 || may_be_missing(*view.log, records[covered_]))) {
    ++covered_;
  }
}

void PartitionBook::entry_visible(const GroupEntry& entry) {
  const Log& log = *now().log;
  committed_ = entry.position;
  has_entry_ = true;
  if (!options_.from_start && (!base_ || entry.position < *base_)) {
    base_ = entry.position;  // pinned before anything of it landed
  }
  cover();
  if (views_.size() > 1) {
    return;
  }
  if (entry.position > log.end || entry.position.value < 0) {
    verdict_.fail(name(), " is committed at ", entry.position.value, ", behind its end");
  }
  if (covered_ < log.records.size() && log.records[covered_].offset.value < entry.position.value) {
    verdict_.fail(name(), " is committed at ", entry.position.value, ", and offset ",
                  log.records[covered_].offset.value, " is in no blob");
  }
}

// The end

void PartitionBook::judge() {
  View& view = now();
  const Log& log = *view.log;
  view.copies.resize(log.records.size());
  if (!has_entry_) {  // a group without a position begins where the log does
    lost_before(log.start);
  }
  const bool from_start = options_.from_start || views_.size() > 1;
  const std::int64_t base = from_start ? 0 : base_ ? base_->value : log.end.value;
  // A start at the end of the log is pinned with the first batch: what comes after that, a stop may leave.
  const std::size_t end = from_start ? log.records.size() : place_of(log, committed_.value);
  for (std::size_t place = place_of(log, base); place < end && !excused_; ++place) {
    if (view.copies[place] == 0 && !may_be_missing(log, log.records[place])) {
      verdict_.fail(name(), " offset ", log.records[place].offset.value, " never landed",
                    views_.size() > 1 ? ", of the log that was made anew or cut, and nobody said so" : "");
      return;
    }
  }
  if (!options_.once) {
    return;
  }
  for (const std::unique_ptr<View>& each : views_) {
    for (std::size_t place = 0; place < each->copies.size(); ++place) {
      if (each->copies[place] > 1) {
        verdict_.fail(name(), " offset ", each->log->records[place].offset.value, " landed ",
                      each->copies[place], " times");
        return;
      }
    }
    // Ranges tile, but for batches that held nothing to store, which have no blob.
    std::ranges::sort(each->ranges);
    std::int64_t reached = INT64_MIN;
    for (const Range& range : each->ranges) {
      if (range.first.value < reached) {
        verdict_.fail("ranges of ", name(), " overlap at ", range.first.value);
        return;
      }
      reached = range.next.value;
    }
  }
}

}  // namespace penstock::sim
