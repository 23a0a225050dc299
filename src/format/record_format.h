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
// own. encoder.h has what an encoder is told.
//
// For example, the values `{"a":1}` and `{\n"b":2}` become the rows `{"a":1}\n{ "b":2}\n`. Plain lines stop
// there. With gzip these 17 bytes wait in a raw slab, until that is full or the batch must be ended.
//
// Who adds a format:
// - writes a framer beside lines.h, a case in frame(), makes_no_row(), row_bytes_max() and SplitRow, and a
//   line in the table of record_format.cc, from which the extension comes in both directions. What a row
//   tells beside the record itself is in RowContext;
// - if its rows need an encoder of their own, writes an Encoder, and a case in make_encoder();
// - says in RecordFormat whether its rows are encoded in units, and whether its files have an end. A header
//   needs neither: the encoder writes it in front of the first part of a file that is not begun.
// BatchWriter knows none of this but what RecordFormat says.
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
#include "codec/avro_schema.h"
#include "codec/compressor.h"
#include "codec/json_check.h"
#include "codec/schema_framing.h"
#include "format/encoder.h"

namespace penstock::format {

enum class RowFormat : std::uint8_t {
  lines,     // ndjson: the value, and one '\n'; a record without a value makes no row
  envelope,  // one JSON object a line (envelope.h), for every record
  parquet,   // a table with a column for each thing that is known of a record (codec/PARQUET.md)
  capture,   // a datum of Avro as Event Hubs Capture has it (capture_row.h), for every record
};

std::string_view to_string(RowFormat rows);

// A file's format: what a topic's plan asks for, and what a blob's name tells.
struct RecordFormat {
  RowFormat rows = RowFormat::lines;
  codec::Compression compression = codec::Compression::none;
  // Of Parquet whose values are one column: it is text, as somebody vouches for their UTF-8. No file's name
  // tells it.
  bool text_values = false;

  // Whether rows gather in a raw slab and an encoder makes the payload of them.
  bool is_encoded() const { return compression != codec::Compression::none || in_units(); }

  // Whether rows are encoded in units, which the encoder is told beforehand (Encoder::begin_unit). Then no
  // row crosses from one raw slab into the next. Every unit is a part, unless the file has an end.
  bool in_units() const { return rows == RowFormat::capture || rows == RowFormat::parquet; }

  // Whether a file is nothing without its end (a footer, Encoder::End::file). One encoder makes all of such a
  // file, and what an earlier process staged of it is not used again.
  bool has_end() const { return rows == RowFormat::parquet; }

  friend bool operator==(const RecordFormat&, const RecordFormat&) = default;
};

// ".txt", ".txt.gz", ".txt.zst"; of envelopes ".json", ".json.gz", ".json.zst"; of capture ".avro" and of
// Parquet ".parquet", however they are compressed.
std::string_view file_extension(const RecordFormat& format);

// The format that a file's name tells. Of a name that ends in none of ours the last suffix tells how it is
// compressed, and its rows are taken for lines. Of ".avro" the file itself tells the codec.
RecordFormat format_of(std::string_view file_name);

// A valid file without records: nothing, an empty gzip member, an empty zstd frame, a header with an empty
// block, columns without rows. `shredded`: of Parquet; null: values are one column.
struct ShreddedValues;  // shredded_values.h
std::vector<std::byte> empty_file(const RecordFormat& format, const ShreddedValues* shredded = nullptr);

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
  std::size_t repeated = 0;               // headers that are left out: another of their name follows
  std::size_t undecoded = 0;              // rows whose value is to be decoded, and cannot be
  std::size_t undated = 0;                // records whose timestamp tells no time
  bool waits = false;                     // the record behind those waits for its schema (schema_source.h)
  std::int64_t oldest_timestamp_ms = -1;  // of the others; -1: there is none
};

// Values that are Avro, or whose ids name their schemas of either kind, and are to stand in their rows as
// JSON; or whose ids name the schemas of columns.
struct ValueDecoding {
  // Null: each value is of the schema that its id names.
  std::shared_ptr<const codec::AvroSchema> schema;
  codec::SchemaFraming framing = codec::SchemaFraming::none;
};

class FileColumns;   // file_columns.h
class SchemaSource;  // schema_source.h

// What a row may tell beside the record, and what is needed to write it. All of it outlives the call.
struct RowContext {
  RowFormat rows = RowFormat::lines;

  // Of envelopes. `json` must be there (CHECK), also for capture where ids name JSON Schemas.
  std::string_view topic = {};
  Partition partition = {};
  EnvelopeFields fields = EnvelopeFields::all();
  codec::JsonCheck* json = nullptr;
  // Of a quarantine's (quarantine.h): stands in front of all fields. Empty: there is none.
  std::string_view reason = {};
  const ValueDecoding* decoding = nullptr;  // null: values are not decoded
  SchemaSource* schemas = nullptr;          // must be there (CHECK) where ids name the schemas

  // Of Parquet, where a value that is larger than a slab is written as if it were compressed.
  codec::Compression compression = codec::Compression::none;
  const ShreddedValues* shredded = nullptr;  // null: values are one column
  FileColumns* columns = nullptr;            // of the file, where ids name the schemas
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

// What an encoder still gives for bytes that it has taken: 131 KB measured at most, of random bytes and of
// short repeats, with either library; the rest is for headers, and for what does not shrink.
inline constexpr std::size_t k_encoder_holds_max = 160 * 1024;

// The same of this format. One of Parquet holds columns and a footer. `shreds`: values become columns.
std::size_t encoder_holds_max(const RecordFormat& format, bool shreds = false);

// How many times larger than its rows in the raw slab what an encoder makes of them may be.
std::size_t encoder_growth_max(bool shreds);

// What a row is longer in its slab than what a file tells of it (the metadata's `bytes`).
std::size_t row_bytes_beside(RowFormat rows);

// For a format that is encoded, and whose files have no end (CHECK).
std::unique_ptr<Encoder> make_encoder(const RecordFormat& format);

// For a format whose files have an end (CHECK). `shared` outlives it. `columns`: as in RowContext.
struct ParquetShared;
std::unique_ptr<Encoder> make_file_encoder(const RecordFormat& format, ParquetShared& shared,
                                           std::shared_ptr<const ShreddedValues> shredded = nullptr,
                                           std::shared_ptr<FileColumns> columns = nullptr);

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
