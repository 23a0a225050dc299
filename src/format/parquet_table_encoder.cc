// How it works. Rows are taken in stretches of some KiB. After each, pages that are full are ended, and what
// the columns hold is counted. When it is too much, the row group is written, column by column, and the next
// begins. The bytes of a stretch are told as consumed when the row group behind it, if there is one, is out.
//
//   unit 1   64 KiB: four stretches                all columns wait
//   unit 2   64 KiB: three stretches; too much     PAR1, pages of id, ..., _rescued, _topic, ..., _headers
//            the fourth                            they wait again
//   file     the row group, page index, footer
//
// A row that is larger than a raw slab comes piece by piece, and is gathered first: a shredder wants a value
// whole.
//
// Where ids name the schemas, the file may get columns while it is written (file_columns.h). Rows of the row
// group that is open have nulls in them from then on. The row groups that are out get chunks of nulls before
// the footer. A first column can only come before the first row group: readers on the JVM look for a row
// group where its first column is.
//
//   unit 1   id; a row group is out       PAR1, pages of id, _rescued, _topic, ..., _headers
//   unit 2   id, note                     note waits with the others, with a null for each row before
//   file     the row group; a page of nulls for the note of the first one; page index, footer
//
// A tombstone has nulls in all columns of the table, and {"_value":null} in `_rescued`. So has a value that
// the shredder cannot be given, with the value in it.
#include "format/parquet_table_encoder.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "codec/parquet_waiting.h"
#include "codec/table_rules.h"
#include "format/parquet_pieces.h"
#include "format/parquet_row_columns.h"
#include "format/parquet_rows.h"
#include "format/parquet_table.h"
#include "format/row_growth.h"

namespace penstock::format {
namespace {

namespace parquet = codec::parquet;
using codec::Cell;
using parquet::Buffer;
using parquet::Codec;
using parquet::WaitingColumn;

constexpr std::string_view k_rescued_null = R"({"_value":null})";
constexpr std::string_view k_too_large = "would become more than eight times as large in columns";

// Pages of all columns together.
constexpr std::size_t k_pages_bytes = std::size_t{1} << 20;
constexpr std::size_t k_page_bytes_min = std::size_t{8} * 1024;

// What a chunk of nulls that comes behind the row groups takes: in the footer, with its indexes, and a page.
constexpr std::size_t k_late_chunk_bytes = sizeof(parquet::Chunk) + 256;

// What columns that come late take of each row group that is out.
std::size_t late_bytes(std::size_t leaves, std::size_t path_bytes) {
  return leaves * k_late_chunk_bytes + path_bytes;
}

// A column's share of the pages.
std::size_t page_bytes(const codec::Table& table) {
  return std::clamp(k_pages_bytes / (codec::leaf_count(table) + std::size(codec::k_own_columns)),
                    k_page_bytes_min, WaitingColumn::k_page_bytes_max);
}

// What is rescued, with the id of the value's schema as its last member. Of a value that has nothing in it,
// and no column for its record, that is all.
std::string with_schema(std::string_view rescued, const codec::SchemaId& id) {
  if (rescued.empty()) {
    rescued = R"({"_reason":"has no column for its record"})";
  }
  return concat(rescued.substr(0, rescued.size() - 1), ",\"_schema\":\"", to_string(id), "\"}");
}

class TableEncoder final : public Encoder {
 public:
  TableEncoder(Codec codec, ParquetShared& shared, std::shared_ptr<const ShreddedValues> values,
               std::shared_ptr<FileColumns> columns);
  TableEncoder(const TableEncoder&) = delete;
  TableEncoder& operator=(const TableEncoder&) = delete;
  ~TableEncoder() override { shared_.held_bytes -= held_; }

  void begin_file(const EncodedFile& file) override;
  void begin_unit(std::size_t rows, std::uint64_t bytes) override;
  void tell(const Metadata& told) override { told_ = told; }
  bool is_full() const override;
  bool can_have(const codec::TableSize& size) const override;
  std::size_t held_bytes() const override { return group_rows_ > 0 ? waiting_bytes_ : 0; }
  Step encode(Bytes rows, MutableBytes output, End end) override;
  void reset() override { CHECK((false)); }  // one file each

 private:
  bool go_on(Bytes rows, End end, Step& step);
  std::size_t take(Bytes rows);
  std::size_t take_stretch(Bytes rows);
  std::size_t take_piece(Bytes piece);
  const ParquetRow& take_row(Bytes rows);
  void take_value(const ParquetRow& row, Bytes value);
  void take_shredded(const ParquetRow& row, Bytes value);
  bool takes_growth(const codec::Row& row, std::size_t bytes);
  void take_cells(const codec::Row& row);
  void rescue(std::string_view text);
  void rescue_whole(const ParquetRow& row, Bytes value, std::string_view reason);
  void count_undecoded(const ParquetRow& row);
  void end_pages();
  std::size_t share(std::size_t least, std::size_t most) const;
  bool group_is_full() const;
  const codec::Table& table() const;
  std::size_t leaves() const { return columns_.size() - 1; }
  void add_columns();
  void put_group();
  void put_late_chunks();
  void put_footer();
  void count_held();
  parquet::PageCompressor& compressor() { return shared_.compressor(codec_); }

  Codec codec_;
  ParquetShared& shared_;
  std::shared_ptr<const ShreddedValues> values_;
  std::shared_ptr<FileColumns> file_columns_;  // null: there is one schema
  std::shared_ptr<codec::Shredder> shredder_;  // then
  parquet::Schema schema_;
  RowGrowth growth_;
  std::size_t path_bytes_ = 0;    // of the table's columns: in the footer for each row group
  std::size_t schema_bytes_ = 0;  // what these columns take in memory, but for their names and values
  std::size_t stretch_bytes_ = 0;
  Metadata told_;

  ParquetPieces pieces_;
  std::vector<Buffer> group_pages_;
  std::vector<Buffer> late_pages_;  // of chunks of nulls
  Buffer footer_;
  bool footer_is_put_ = false;

  std::uint64_t unit_bytes_ = 0;  // that were announced and are not taken
  std::size_t growth_left_ = 0;   // that the unit's rows so far did not need
  std::size_t taken_bytes_ = 0;   // of rows, and not told as consumed
  bool in_pieces_ = false;        // the unit is one row that is larger than a raw slab
  Buffer gathered_;               // of it
  std::size_t undecoded_ = 0;     // likewise not told
  Partition undecoded_in_{};
  std::size_t conflicts_ = 0;  // likewise
  Partition conflicts_in_{};

  std::vector<WaitingColumn> columns_;  // of the table, and `_rescued`
  std::optional<ParquetRowColumns> row_columns_;
  std::uint64_t group_rows_ = 0;
  std::uint64_t group_bytes_ = 0;  // of its rows
  std::vector<parquet::RowGroup> groups_;
  std::size_t footer_bytes_ = 0;   // what groups_ takes
  std::size_t waiting_bytes_ = 0;  // what the columns hold
  std::size_t held_ = 0;           // as the shared sum has it
};

// A file

TableEncoder::TableEncoder(Codec codec, ParquetShared& shared, std::shared_ptr<const ShreddedValues> values,
                           std::shared_ptr<FileColumns> columns)
    : codec_(codec), shared_(shared), values_(std::move(values)), file_columns_(std::move(columns)) {}

const codec::Table& TableEncoder::table() const {
  return file_columns_ ? file_columns_->table() : shredder_->table();
}

void TableEncoder::begin_file(const EncodedFile& file) {
  CHECK(!file.begun);
  row_columns_.emplace(file.topic);
  shredder_ = file_columns_ ? nullptr : shared_.shredder(values_);
  schema_ = parquet_table_schema({});
  columns_.emplace_back(
      schema_.front(),
      WaitingColumn::Options{.bounded = false, .finds_words = true, .page_bytes_max = page_bytes(table())});
  add_columns();
}

// Those that the table has and the file does not. The rows of the open row group have nulls in them.
void TableEncoder::add_columns() {
  const std::size_t before = leaves();
  schema_ = parquet_table_schema(table());
  stretch_bytes_ = page_bytes(table());
  const std::size_t count = schema_.size() - 1 - ParquetRowColumns::schema().size();
  WaitingColumn rescued = std::move(columns_.back());
  columns_.pop_back();
  columns_.reserve(count + 1);
  std::size_t groups = 0;
  for (std::size_t i = before; i < count; ++i) {
    const parquet::Column& column = schema_[i];
    const bool is_text = column.type == parquet::Type::byte_array;
    columns_.emplace_back(column,
                          WaitingColumn::Options{.finds_words = is_text, .page_bytes_max = stretch_bytes_});
    if (group_rows_ > 0) {
      columns_.back().add_null(static_cast<std::size_t>(group_rows_));
    }
    growth_.add(column);
    groups += column.groups.size();
  }
  const std::size_t paths = codec::size_of(table()).path_bytes;
  footer_bytes_ += groups_.size() * late_bytes(count - before, paths - path_bytes_);
  path_bytes_ = paths;
  schema_bytes_ += (count - before) * (sizeof(parquet::Column) + sizeof(WaitingColumn)) +
                   2 * groups * sizeof(parquet::Group);
  columns_.push_back(std::move(rescued));
  group_pages_.resize(columns_.size());
  count_held();
}

void TableEncoder::begin_unit(std::size_t rows, std::uint64_t bytes) {
  CHECK((unit_bytes_ == 0 && taken_bytes_ == 0 && rows > 0));
  unit_bytes_ = bytes;
  growth_left_ = 0;
  if (file_columns_ && codec::leaf_count(file_columns_->table()) > leaves()) {
    add_columns();
  }
}

Encoder::Step TableEncoder::encode(Bytes rows, MutableBytes output, End end) {
  Step step;
  do {
    pieces_.drain(output, step);
  } while (pieces_.empty() && go_on(rows, end, step));
  step.undecoded = std::exchange(undecoded_, 0);
  step.undecoded_in = undecoded_in_;
  step.conflicts = std::exchange(conflicts_, 0);
  step.conflicts_in = conflicts_in_;
  return step;
}

// All pieces are out. What comes next is taken or put; false: nothing does, and the step is complete.
bool TableEncoder::go_on(Bytes rows, End end, Step& step) {
  for (Buffer& pages : group_pages_) {
    pages = Buffer();
  }
  row_columns_->free();
  if (group_is_full()) {
    put_group();
    return true;
  }
  step.consumed += std::exchange(taken_bytes_, 0);
  const Bytes left = rows.subspan(step.consumed);
  if (!left.empty()) {
    taken_bytes_ = take(left);
    return true;
  }
  if (end == End::file && !footer_is_put_) {
    if (group_rows_ > 0) {
      put_group();
    } else {
      put_footer();
    }
    return true;
  }
  step.ended = end != End::more;
  return false;
}

// Rows

// Returns how many bytes.
std::size_t TableEncoder::take(Bytes rows) {
  CHECK(unit_bytes_ > 0U);
  in_pieces_ = in_pieces_ || rows.size() < unit_bytes_;
  const std::size_t taken = in_pieces_ ? take_piece(rows) : take_stretch(rows);
  unit_bytes_ -= taken;
  if (in_pieces_ && unit_bytes_ == 0) {
    const ParquetRow* const alone = &take_row(gathered_);
    row_columns_->add({&alone, 1});
    gathered_ = Buffer();
    in_pieces_ = false;
  }
  end_pages();
  count_held();
  return taken;
}

std::size_t TableEncoder::take_stretch(Bytes rows) {
  std::array<const ParquetRow*, ParquetRowColumns::k_rows_max> some;
  std::size_t taken = 0;
  while (taken < unit_bytes_ && taken < stretch_bytes_) {
    std::size_t count = 0;
    for (; count < some.size() && taken < unit_bytes_ && taken < stretch_bytes_; ++count) {
      some[count] = &take_row(rows.subspan(taken));
      taken += some[count]->bytes();
    }
    row_columns_->add(std::span(some).first(count));
  }
  return taken;
}

std::size_t TableEncoder::take_piece(Bytes piece) {
  const Bytes wanted =
      piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), unit_bytes_)));
  if (gathered_.empty()) {
    gathered_.reserve(static_cast<std::size_t>(unit_bytes_));
  }
  gathered_.insert(gathered_.end(), wanted.begin(), wanted.end());
  return wanted.size();
}

// The first of these rows, but for the columns of the record.
const ParquetRow& TableEncoder::take_row(Bytes rows) {
  const ParquetRow& row = parquet_row_at(rows);
  take_value(row, rows.first(row.bytes()).last(row.value_bytes));
  group_bytes_ += row.bytes();
  ++group_rows_;
  return row;
}

void TableEncoder::take_value(const ParquetRow& row, Bytes value) {
  if (row.null_value) {
    rescue(k_rescued_null);
    return;
  }
  if (row.fault_bytes > 0) {
    rescue_whole(row, value.subspan(row.fault_bytes), as_text(value.first(row.fault_bytes)));
    return;
  }
  if (file_columns_ && !file_columns_->version(row.version).fault.empty()) {
    rescue_whole(row, value, file_columns_->version(row.version).fault);
    return;
  }
  take_shredded(row, value);
}

void TableEncoder::take_shredded(const ParquetRow& row, Bytes value) {
  codec::Shredder& shredder = file_columns_ ? file_columns_->shredder(row.version) : *shredder_;
  const codec::Row* shredded = &shredder.shred(value);
  const std::size_t growth_left = growth_left_;
  bool fits = takes_growth(*shredded, row.bytes());
  for (const auto form : {codec::Shredder::Narrow::json, codec::Shredder::Narrow::bytes}) {
    if (fits && !shredder.was_undecoded()) {
      break;
    }
    // What other versions brought may have made it too large, or given it too many cells.
    if (const codec::Row* const narrow = shredder.shred_narrow(value, form)) {
      shredded = narrow;
      growth_left_ = growth_left;
      fits = takes_growth(*shredded, row.bytes());
    }
  }
  if (!fits) {
    rescue_whole(row, value, k_too_large);
    return;
  }
  const bool tells_schema =
      file_columns_ && (shredder.was_undecoded() || !file_columns_->has_home(row.version));
  if (tells_schema) {
    rescue(with_schema(shredded->rescued, file_columns_->id(row.version)));
  } else {
    take_cells(*shredded);
  }
  if (shredder.was_undecoded()) {
    count_undecoded(row);
  } else if (shredder.was_in_conflict()) {
    ++conflicts_;
    conflicts_in_ = Partition{row.partition};
  }
}

// Whether the row may become as much as it does. `bytes`: that it has in the raw slab. What rows before it in
// its unit did not need is for it too: room is there for a unit as a whole.
bool TableEncoder::takes_growth(const codec::Row& row, std::size_t bytes) {
  const std::size_t most = growth_left_ + k_parquet_growth_max * bytes;
  const std::size_t becomes = growth_.bytes(row, k_parquet_growth_max * bytes);
  if (becomes > most) {
    return false;
  }
  growth_left_ = most - becomes;
  return true;
}

void TableEncoder::take_cells(const codec::Row& row) {
  for (const Cell& cell : row.cells) {
    columns_[cell.leaf].add(cell);
  }
  if (row.rescued.empty()) {
    columns_.back().add_null();
  } else {
    columns_.back().add(row.rescued);
  }
}

// All columns of the table are null.
void TableEncoder::rescue(std::string_view text) {
  for (std::size_t i = 0; i + 1 < columns_.size(); ++i) {
    Cell nothing;
    nothing.leaf = static_cast<std::uint16_t>(i);
    columns_[i].add(nothing);
  }
  columns_.back().add(text);
}

// Without the id in front of it nobody could tell which schema the value is of.
void TableEncoder::rescue_whole(const ParquetRow& row, Bytes value, std::string_view reason) {
  std::string rescued;
  codec::append_rescued_whole(rescued, value, reason);
  rescue(file_columns_ && row.fault_bytes == 0 ? with_schema(rescued, file_columns_->id(row.version))
                                               : rescued);
  count_undecoded(row);
}

void TableEncoder::count_undecoded(const ParquetRow& row) {
  ++undecoded_;
  undecoded_in_ = Partition{row.partition};
}

void TableEncoder::end_pages() {
  for (WaitingColumn& column : columns_) {
    if (column.page_is_full()) {
      column.end_page(compressor());
    }
  }
  row_columns_->end_pages(compressor());
}

// Row groups and the end

// What one more file may hold, if it holds as much as is left to all.
std::size_t TableEncoder::share(std::size_t least, std::size_t most) const {
  const std::size_t held = std::min(shared_.held(), ParquetShared::k_held_bytes_max);
  return std::clamp(ParquetShared::k_held_bytes_max - held, least, std::max(least, most));
}

bool TableEncoder::is_full() const {
  return footer_bytes_ > share(ParquetShared::k_footer_bytes_short, k_parquet_table_footer_bytes_max);
}

bool TableEncoder::can_have(const codec::TableSize& size) const {
  if (groups_.empty()) {
    return true;
  }
  const std::size_t more =
      groups_.size() * late_bytes(size.leaves - std::min(size.leaves, leaves()),
                                  size.path_bytes - std::min(size.path_bytes, path_bytes_));
  return leaves() > 0 &&
         footer_bytes_ + more <= share(ParquetShared::k_footer_bytes_short, k_parquet_table_footer_bytes_max);
}

bool TableEncoder::group_is_full() const {
  const std::size_t least =
      std::max(ParquetShared::k_waiting_bytes_short, schema_.size() * k_parquet_column_bytes_min);
  return group_rows_ > 0 &&
         (group_bytes_ >= k_parquet_group_bytes_max || group_rows_ >= k_parquet_group_rows_max ||
          waiting_bytes_ > share(least, k_parquet_table_bytes_max));
}

void TableEncoder::put_group() {
  parquet::RowGroup group{.rows = group_rows_, .chunks = {}};
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    CHECK(columns_[i].rows() == group.rows);
    group.chunks.push_back(columns_[i].finish(pieces_.file_at(), compressor(), group_pages_[i]));
    pieces_.put(group_pages_[i]);
  }
  row_columns_->finish(compressor(), group, pieces_);
  group_rows_ = 0;
  group_bytes_ = 0;
  groups_.push_back(std::move(group));
  footer_bytes_ += groups_.back().footer_bytes() + path_bytes_;
  count_held();
}

// Of each row group that the file had fewer columns in.
void TableEncoder::put_late_chunks() {
  const std::size_t behind = 1 + ParquetRowColumns::schema().size();
  for (parquet::RowGroup& group : groups_) {
    std::vector<parquet::Chunk> late;
    const std::size_t had = group.chunks.size() - behind;
    for (std::size_t i = had; i < leaves(); ++i) {
      WaitingColumn nulls(schema_[i], WaitingColumn::Options{});
      nulls.add_null(static_cast<std::size_t>(group.rows));
      late_pages_.emplace_back();
      late.push_back(nulls.finish(pieces_.file_at(), compressor(), late_pages_.back()));
      pieces_.put(late_pages_.back());
    }
    group.chunks.insert(group.chunks.begin() + static_cast<std::ptrdiff_t>(had),
                        std::make_move_iterator(late.begin()), std::make_move_iterator(late.end()));
  }
}

void TableEncoder::put_footer() {
  footer_is_put_ = true;
  put_late_chunks();
  parquet::append_footer(footer_, pieces_.file_at(), schema_, codec_, groups_, told_);
  pieces_.put(footer_);
}

void TableEncoder::count_held() {
  waiting_bytes_ = row_columns_->bytes();
  for (const WaitingColumn& column : columns_) {
    waiting_bytes_ += column.bytes();
  }
  const std::size_t bytes = waiting_bytes_ + footer_bytes_ + gathered_.capacity() + schema_bytes_ +
                            2 * path_bytes_ + (file_columns_ ? file_columns_->bytes() : 0);
  shared_.held_bytes += bytes - held_;
  held_ = bytes;
}

}  // namespace

std::unique_ptr<Encoder> make_parquet_table_encoder(codec::Compression compression, ParquetShared& shared,
                                                    std::shared_ptr<const ShreddedValues> values,
                                                    std::shared_ptr<FileColumns> columns) {
  return std::make_unique<TableEncoder>(parquet_codec(compression), shared, std::move(values),
                                        std::move(columns));
}

}  // namespace penstock::format
