// How records become the bytes of a file.
//
// A format is two halves, both pure:
//
//   records ── framer ──► rows in a slab ── encoder ──► payload of a blob
//
// A *framer* takes records from the front of a span, writes their rows into the room that it is given, and
// says how many it took. Its inner loop is chosen once per span, never per record. A row that is larger than
// the room is written piece by piece (SplitRow in split_row.h). An *encoder* turns rows into payload. It is
// given a slab of rows at a time, and ends a *part* when it is told to: what lies before the end of a part
// can be read without what follows. The part of gzip is a member, that of zstd a frame. A format that is not
// encoded has no second half: its framer writes into the payload itself, and every record is a part of its
// own.
//
// For example, the values `{"a":1}` and `{\n"b":2}` become the rows `{"a":1}\n{ "b":2}\n`. Plain lines stop
// there. With gzip these 17 bytes wait in a raw slab, until that is full or the batch must be ended.
//
// Who adds a format:
// - writes a framer beside lines.h, a case in frame(), makes_no_row(), row_bytes_max() and SplitRow, and a
//   line in the table of record_format.cc, from which the extension comes in both directions. What a row
//   tells beside the record itself is in RowContext;
// - if its rows are encoded in units of their own (an Avro block, a Parquet row group), writes an Encoder
//   that does, and a case in make_encoder(). Such a unit holds at most a raw slab of rows.
// BatchWriter knows none of this but is_encoded(). No format of today has a header or a footer. The first
// that has gives Encoder::End a value for the end of the file, and EncoderPool keeps its encoder for a whole
// file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/envelope_fields.h"
#include "base/record_view.h"
#include "base/types.h"
#include "codec/compressor.h"
#include "codec/json_check.h"

namespace penstock::format {

enum class RowFormat : std::uint8_t {
  lines,     // ndjson: the value, and one '\n'; a record without a value makes no row
  envelope,  // one JSON object a line (envelope.h), for every record
};

std::string_view to_string(RowFormat rows);

// A file's format: what a topic's plan asks for, and what a blob's name tells.
struct RecordFormat {
  RowFormat rows = RowFormat::lines;
  codec::Compression compression = codec::Compression::none;

  // Whether rows gather in a raw slab and an encoder makes the payload of them.
  bool is_encoded() const { return compression != codec::Compression::none; }

  friend bool operator==(const RecordFormat&, const RecordFormat&) = default;
};

// ".txt", ".txt.gz", ".txt.zst"; of envelopes ".json", ".json.gz", ".json.zst".
std::string_view file_extension(const RecordFormat& format);

// The format that a file's name tells. Of a name that ends in none of ours the last suffix tells how it is
// compressed, and its rows are taken for lines.
RecordFormat format_of(std::string_view file_name);

// A valid file without records: nothing, an empty gzip member, an empty zstd frame.
std::vector<std::byte> empty_file(const RecordFormat& format);

// The older of two timestamps, of which `b_ms` may be one that tells no time; -1: none is known.
constexpr std::int64_t older(std::int64_t a_ms, std::int64_t b_ms) {
  return tells_time(b_ms) && (a_ms < 0 || b_ms < a_ms) ? b_ms : a_ms;
}

// What a framer took from the front of a span.
struct Framed {
  std::size_t records = 0;
  std::size_t rows = 0;                   // that they made
  std::size_t skipped = 0;                // of the records: those that make none
  std::size_t bytes = 0;                  // of these rows, written to the front of the room
  std::uint64_t value_bytes = 0;          // of the records
  std::size_t flattened = 0;              // rows whose value had line breaks, which became spaces
  std::size_t undated = 0;                // records whose timestamp tells no time
  std::int64_t oldest_timestamp_ms = -1;  // of the others; -1: there is none
};

// What a row may tell beside the record, and what is needed to write it. All of it outlives the call.
struct RowContext {
  RowFormat rows = RowFormat::lines;

  // Of envelopes. `json` must be there (CHECK).
  std::string_view topic = {};
  Partition partition = {};
  EnvelopeFields fields = EnvelopeFields::all();
  codec::JsonCheck* json = nullptr;
};

// Writes the rows of the first records, as many as fit into `room` whole. A record that makes no row is taken
// only while there is room left. A framer may stop before the room is full to the byte. What then fits is
// for SplitRow.
Framed frame(const RowContext& context, std::span<const RecordView> records, MutableBytes room);

// Whether the record leaves no row in the file.
bool makes_no_row(RowFormat rows, const RecordView& record);

// The most that a record may take, also if it makes no row. SplitRow tells exactly, and may have to read all
// of the record for it.
std::size_t row_bytes_max(const RowContext& context, const RecordView& record);

// The encoder half. compress() takes rows and gives payload; End::member ends a part.
using Encoder = codec::Compressor;

// What an encoder still gives for bytes that it has taken: 131 KB measured at most, of random bytes and of
// short repeats, with either library; the rest is for headers, and for what does not shrink.
inline constexpr std::size_t k_encoder_holds_max = 160 * 1024;

// For a format that is encoded (CHECK).
std::unique_ptr<Encoder> make_encoder(const RecordFormat& format);

// Counts the rows of a file that is read back, fed with its decompressed bytes from the first to the last.
class RowCounter {
 public:
  void add(Bytes plain);
  std::uint64_t rows() const { return rows_; }
  // Whether the last row is whole. An empty file is.
  bool ends_whole() const { return last_ == std::byte{'\n'}; }

 private:
  std::uint64_t rows_ = 0;
  std::byte last_{'\n'};
};

}  // namespace penstock::format
