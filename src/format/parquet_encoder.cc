// How it works. A unit is a raw slab of rows. Its values become one page of the column `value`, which goes
// out at once. The other columns take their part of each row and keep it (WaitingColumn). When the row group
// is large enough, or they hold too much, they are written behind the values, one after the other, and the
// next row group begins. At the end of the file the page index and the footer follow.
//
//   unit 1   PAR1, page of value                           seven columns wait
//   unit 2   page of value
//   unit 3   page of value; the group is full: pages of _topic, ..., _headers
//   unit 4   page of value                                 they wait again
//   file     pages of _topic, ..., _headers; page index; footer
//
// What is to be written is a list of pieces (pieces_). They lie in the raw slab, in the shared room for a
// page, or in buffers of this encoder. encode() copies them to the output, which may end within any of them.
// It takes the unit (Step::consumed) only when all pieces are out, so that the shared room is free again for
// another file.
//
// A row that is larger than a raw slab comes piece by piece, and has a page of its own, which is not
// compressed: so its length is known before its bytes are (codec::parquet::StoredBody). For example, a value
// of 3 MiB in slabs of 1 MiB: the first piece has the row's front, from which the page's header is made. Of
// this piece and the next ones the value's bytes go out as they come.
#include "format/parquet_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "codec/parquet_chunk.h"
#include "format/parquet_pieces.h"
#include "format/parquet_row_columns.h"
#include "format/parquet_rows.h"

namespace penstock::format {

using codec::parquet::Buffer;
using codec::parquet::Codec;

namespace {

namespace parquet = codec::parquet;

// Rows are taken at once until their keys and headers have so many bytes. Whether a page of a waiting column
// is full is looked at between.
constexpr std::size_t k_texts_at_once = std::size_t{16} * 1024;

// In front of the values of a page that is gathered, for its levels, which are known last. Of values that are
// there a few bytes are enough, and these are for 30,000 rows of any kind.
constexpr std::size_t k_levels_room = std::size_t{4} * 1024;

class ParquetEncoder final : public Encoder {
 public:
  ParquetEncoder(Codec codec, ParquetShared& shared, bool text_values)
      : codec_(codec), shared_(shared), schema_(parquet_schema(text_values)) {}
  ParquetEncoder(const ParquetEncoder&) = delete;
  ParquetEncoder& operator=(const ParquetEncoder&) = delete;
  ~ParquetEncoder() override { shared_.held_bytes -= held_; }

  void begin_file(const EncodedFile& file) override;
  void begin_unit(std::size_t rows, std::uint64_t bytes) override;
  void tell(const Metadata& told) override { told_ = told; }
  bool is_full() const override;
  Step encode(Bytes rows, MutableBytes output, End end) override;
  void reset() override { CHECK((false)); }  // one file each

 private:
  // A row that is larger than a raw slab.
  struct LoneRow {
    Buffer front;                  // what came of the bytes before the value's
    std::uint32_t page_bytes = 0;  // plain; 0: the page has not begun
    std::uint32_t page_at = 0;
    std::size_t piece = 0;  // bytes of rows that are among pieces_
  };

  bool go_on(Bytes rows, End end, Step& step);
  void take_unit(Bytes rows);
  bool take_lone(Bytes rows, Step& step);
  std::size_t take_lone_front(Bytes piece);
  void begin_lone_page();
  void take_value(Bytes value);
  void put_values(parquet::Runs& present, std::size_t nulls);
  void put_page(const parquet::PageHeader& header, std::size_t nulls);
  bool group_is_full() const;
  void put_group();
  void put_footer();
  void count_held();

  Codec codec_;
  ParquetShared& shared_;
  const parquet::Schema& schema_;
  Metadata told_;

  ParquetPieces pieces_;
  Buffer head_;  // of pieces_: the page's header and its definition levels, or a mark
  Buffer footer_;

  std::uint64_t unit_bytes_ = 0;  // that were announced and are not taken
  bool unit_is_put_ = false;      // its pages are among pieces_, or out
  std::size_t put_bytes_ = 0;     // of the unit that is put: they are taken when its pages are out
  std::optional<LoneRow> lone_;
  bool footer_is_put_ = false;

  std::optional<ParquetRowColumns> waiting_;  // of a file that has begun
  parquet::ChunkFacts values_{parquet::Order::bytes, false};
  std::uint64_t group_begins_ = parquet::k_magic.size();
  std::uint64_t group_bytes_ = 0;  // of values
  std::vector<parquet::RowGroup> groups_;
  std::size_t footer_bytes_ = 0;  // what groups_ takes
  std::size_t held_ = 0;          // as the shared sum has it
};

void ParquetEncoder::begin_file(const EncodedFile& file) {
  CHECK(!file.begun);
  waiting_.emplace(file.topic);
  count_held();
}

void ParquetEncoder::begin_unit(std::size_t rows, std::uint64_t bytes) {
  CHECK((unit_bytes_ == 0 && !unit_is_put_ && rows > 0));
  unit_bytes_ = bytes;
}

bool ParquetEncoder::is_full() const {
  return footer_bytes_ + values_.bytes() >
         (shared_.is_short() ? ParquetShared::k_footer_bytes_short : ParquetShared::k_footer_bytes_max);
}

Encoder::Step ParquetEncoder::encode(Bytes rows, MutableBytes output, End end) {
  Step step;
  do {
    pieces_.drain(output, step);
  } while (pieces_.empty() && go_on(rows, end, step));
  return step;
}

// All pieces are out. What comes next is put; false: nothing does, and the step is complete.
bool ParquetEncoder::go_on(Bytes rows, End end, Step& step) {
  waiting_->free();
  const Bytes left = rows.subspan(step.consumed);
  if (lone_) {
    return take_lone(left, step);
  }
  if (unit_is_put_) {
    if (group_is_full()) {
      put_group();
      return true;
    }
    unit_is_put_ = false;
    step.consumed += std::exchange(put_bytes_, 0);
    return true;
  }
  if (!left.empty()) {
    CHECK(unit_bytes_ > 0U);
    if (left.size() < unit_bytes_) {
      lone_ = LoneRow{};
    } else {
      put_bytes_ = static_cast<std::size_t>(std::exchange(unit_bytes_, 0));
      unit_is_put_ = true;
      take_unit(left.first(put_bytes_));
    }
    return true;
  }
  if (end == End::file && !footer_is_put_) {
    if (values_.rows() > 0) {
      put_group();
    } else {
      put_footer();
    }
    return true;
  }
  step.ended = end != End::more;
  return false;
}

// Units

void ParquetEncoder::take_unit(Bytes rows) {
  std::array<const ParquetRow*, ParquetRowColumns::k_rows_max> some;
  parquet::Runs present;
  std::size_t nulls = 0;
  shared_.page_values.clear();
  shared_.page.clear();
  shared_.page.reserve(k_levels_room + rows.size());
  shared_.page.resize(k_levels_room);
  while (!rows.empty()) {
    std::size_t count = 0;
    std::size_t texts = 0;
    for (; !rows.empty() && count < some.size() && texts < k_texts_at_once; ++count) {
      const ParquetRow& row = parquet_row_at(rows);
      some[count] = &row;
      if (!row.null_value) {
        take_value(row.value());
      }
      texts += row.key_bytes + row.headers_bytes;
      rows = rows.subspan(row.bytes());
    }
    const auto taken = std::span(some).first(count);
    for_each_run(
        taken, [](const ParquetRow& row) { return row.null_value; },
        [&present, &nulls](ParquetRowColumns::Rows part, bool null) {
          present.add(!null, part.size());
          nulls += null ? part.size() : 0;
        });
    waiting_->add(taken);
    waiting_->end_pages(shared_.compressor(codec_));
  }
  put_values(present, nulls);
  count_held();
}

// A value behind its length. With a codec it is gathered in the shared room, while it is in the cache with
// the front of the next row. Without one it goes out from where it lies.
void ParquetEncoder::take_value(Bytes value) {
  if (codec_ == Codec::none) {
    shared_.page_values.push_back(value);
  } else {
    shared_.page.insert(shared_.page.end(), value.begin(), value.end());
  }
}

// The page of `value`: definition levels, then each value that is there.
void ParquetEncoder::put_values(parquet::Runs& present, std::size_t nulls) {
  Buffer& page = shared_.page;
  std::vector<Bytes>& values = shared_.page_values;
  const auto count = static_cast<std::uint32_t>(present.count());
  Buffer levels;
  present.finish(levels);
  Buffer front;
  parquet::append_uint32(front, static_cast<std::uint32_t>(levels.size()));
  front.insert(front.end(), levels.begin(), levels.end());
  if (front.size() > k_levels_room) {
    page.insert(page.begin(), front.size() - k_levels_room, std::byte{});
  }
  const std::size_t begin = std::max(k_levels_room, front.size()) - front.size();
  std::copy(front.begin(), front.end(), page.begin() + static_cast<std::ptrdiff_t>(begin));
  const Bytes body = Bytes(page).subspan(begin);
  std::size_t body_bytes = body.size();
  if (codec_ == Codec::none) {
    for (const Bytes each : values) {
      body_bytes += each.size();
    }
    values.insert(values.begin(), body);
  } else {
    values.assign(1, shared_.compressor(codec_).compress(body));
  }
  group_bytes_ += body_bytes;
  std::uint32_t crc = 0;
  std::size_t stored_bytes = 0;
  for (const Bytes each : values) {
    crc = parquet::crc32(each, crc);
    stored_bytes += each.size();
  }
  put_page({.plain_bytes = static_cast<std::uint32_t>(body_bytes),
            .stored_bytes = static_cast<std::uint32_t>(stored_bytes),
            .crc = crc,
            .values = count},
           nulls);
  pieces_.reserve(values.size());
  for (const Bytes each : values) {
    pieces_.put(each);
  }
}

// The header of a page of `value`; its body is put behind it.
void ParquetEncoder::put_page(const parquet::PageHeader& header, std::size_t nulls) {
  head_.clear();
  parquet::append_page_header(head_, header);
  pieces_.put(head_);
  values_.add({.plain_bytes = head_.size() + header.plain_bytes,
               .stored_bytes = head_.size() + header.stored_bytes,
               .rows = header.values,
               .values = header.values,
               .nulls = nulls});
}

// A row in pieces

// What is put of a piece is taken when it is out. False: the next piece of the row is needed.
bool ParquetEncoder::take_lone(Bytes rows, Step& step) {
  LoneRow& lone = *lone_;
  if (lone.page_bytes > 0 && unit_bytes_ == lone.piece) {
    put_bytes_ = lone.piece;
    unit_is_put_ = true;
    unit_bytes_ = 0;
    lone_.reset();
    count_held();
    return true;
  }
  const Bytes left = rows.subspan(lone.piece);
  step.consumed += lone.piece;
  unit_bytes_ -= lone.piece;
  lone.piece = 0;
  if (left.empty()) {
    return false;
  }
  if (lone.page_bytes == 0) {
    lone.piece = take_lone_front(left);
    return true;
  }
  const parquet::StoredBody page(codec_, lone.page_bytes);
  head_.clear();
  page.append_mark(head_, lone.page_at);
  lone.piece = std::min<std::size_t>(left.size(), page.run(lone.page_at));
  lone.page_at += static_cast<std::uint32_t>(lone.piece);
  pieces_.put(head_);
  pieces_.put(left.first(lone.piece));
  return true;
}

// First comes the head, which says how long the front is. Returns how much of the piece is taken.
std::size_t ParquetEncoder::take_lone_front(Bytes piece) {
  Buffer& front = lone_->front;
  const bool has_head = front.size() >= sizeof(ParquetRow);
  const std::size_t wanted =
      has_head ? parquet_row_at(front).bytes() - parquet_row_at(front).value_bytes : sizeof(ParquetRow);
  const Bytes missing = piece.first(std::min(piece.size(), wanted - front.size()));
  front.insert(front.end(), missing.begin(), missing.end());
  if (has_head && front.size() == wanted) {
    begin_lone_page();
  }
  return missing.size();
}

void ParquetEncoder::begin_lone_page() {
  LoneRow& lone = *lone_;
  const ParquetRow& row = parquet_row_at(lone.front);
  const ParquetRow* const alone = &row;
  waiting_->add({&alone, 1});
  waiting_->end_pages(shared_.compressor(codec_));
  const Buffer front = parquet_lone_value_front(row.null_value, row.value_bytes);
  lone.page_at = static_cast<std::uint32_t>(front.size());
  lone.page_bytes = lone.page_at + row.value_bytes;
  const parquet::StoredBody page(codec_, lone.page_bytes);
  put_page(
      {.plain_bytes = lone.page_bytes, .stored_bytes = page.stored_bytes(), .crc = row.page_crc, .values = 1},
      row.null_value ? 1 : 0);
  lone.front.clear();
  page.append_mark(lone.front, 0);
  lone.front.insert(lone.front.end(), front.begin(), front.end());
  pieces_.put(lone.front);
  group_bytes_ += lone.page_bytes;
}

// Row groups and the end

bool ParquetEncoder::group_is_full() const {
  const std::size_t waiting = waiting_->bytes();
  return values_.rows() > 0 &&
         (group_bytes_ >= k_parquet_group_bytes_max || values_.rows() >= k_parquet_group_rows_max ||
          waiting > (shared_.is_short() ? ParquetShared::k_waiting_bytes_short
                                        : ParquetShared::k_waiting_bytes_max));
}

void ParquetEncoder::put_group() {
  parquet::RowGroup group{.rows = values_.rows(), .chunks = {}};
  group.chunks.push_back(values_.finish(group_begins_));
  waiting_->finish(shared_.compressor(codec_), group, pieces_);
  group_begins_ = pieces_.file_at();
  group_bytes_ = 0;
  groups_.push_back(std::move(group));
  footer_bytes_ += groups_.back().footer_bytes();
  count_held();
}

void ParquetEncoder::put_footer() {
  footer_is_put_ = true;
  parquet::append_footer(footer_, pieces_.file_at(), schema_, codec_, groups_, told_);
  pieces_.put(footer_);
}

void ParquetEncoder::count_held() {
  const std::size_t bytes = footer_bytes_ + values_.bytes() + waiting_->bytes();
  shared_.held_bytes += bytes - held_;
  held_ = bytes;
}

}  // namespace

const parquet::Schema& parquet_schema(bool text_values) {
  static const auto schema_of = [](parquet::Meaning meaning) {
    parquet::Schema columns = ParquetRowColumns::schema();
    columns.insert(columns.begin(), parquet::Column{.name = "value", .optional = true, .meaning = meaning});
    return columns;
  };
  static const parquet::Schema of_text = schema_of(parquet::Meaning::text);
  static const parquet::Schema of_bytes = schema_of({});
  return text_values ? of_text : of_bytes;
}

parquet::PageCompressor& ParquetShared::compressor(Codec codec) {
  std::unique_ptr<parquet::PageCompressor>& made = codec == Codec::zstd     ? zstd
                                                   : codec == Codec::snappy ? snappy
                                                                            : none;
  if (!made) {
    made = std::make_unique<parquet::PageCompressor>(codec);
  }
  return *made;
}

std::shared_ptr<codec::Shredder> ParquetShared::shredder(
    const std::shared_ptr<const ShreddedValues>& values) {
  std::shared_ptr<codec::Shredder> shredder = shredders[values].lock();
  if (!shredder) {
    std::erase_if(shredders, [](const auto& each) { return each.second.expired(); });
    shredder = values->make_shredder(schemas->room());
    shredders[values] = shredder;
  }
  return shredder;
}

std::unique_ptr<Encoder> make_parquet_encoder(codec::Compression compression, ParquetShared& shared,
                                              bool text_values) {
  return std::make_unique<ParquetEncoder>(parquet_codec(compression), shared, text_values);
}

}  // namespace penstock::format
