// The encoder half of a format: what turns rows into the payload of a file (record_format.h draws both
// halves).
//
//   begin_file ─► { begin_unit ─► encode(more) ... } ... ─► encode(part) ─► ... ─► encode(file)
//
// - A *part* is what can be used without what follows. A gzip member is one, and so are a zstd frame and a
//   block of an Avro file. Between two parts another encoder may go on with the file.
// - A *unit* is some rows of which the encoder must know how many they are, and how long, before it writes
//   the first of them. Only formats in units have them (RecordFormat::in_units). A unit holds whole rows: a
//   raw slab of them, or a single one that is larger.
// - A file with an end (RecordFormat::has_end) is made by one encoder alone, which is told when it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/metadata.h"
#include "base/types.h"
#include "codec/table_rules.h"

namespace penstock::format {

// The file that an encoder goes on with.
struct EncodedFile {
  std::string_view attempt;  // the batch's, 32 hex digits: random, and the same for all parts of the file
  bool begun = false;        // it has bytes already
  std::string_view topic = {};
};

class Encoder {
 public:
  virtual ~Encoder() = default;

  struct Step {
    std::size_t consumed = 0;     // bytes taken from `rows`
    std::size_t produced = 0;     // bytes written to `output`
    bool ended = false;           // only with End::part and End::file: all of it is written
    std::size_t undecoded = 0;    // rows among those taken whose value is to be decoded, and cannot be
    Partition undecoded_in = {};  // the partition of the last of them
    std::size_t conflicts = 0;    // rows of which a field's column is of another version of the schema
    Partition conflicts_in = {};  // likewise
  };
  enum class End : std::uint8_t {
    more,  // rows of this part follow
    part,  // no row of this part follows
    file,  // no row follows at all: the part ends, and the file behind it. Only of files with an end
  };

  // The rows that come next are of this file. Called when the encoder is lent for it, between two parts.
  virtual void begin_file(const EncodedFile& file) { static_cast<void>(file); }

  // So many rows come next, and they have so many bytes. Called only for formats in units.
  virtual void begin_unit(std::size_t rows, std::uint64_t bytes) {
    static_cast<void>(rows);
    static_cast<void>(bytes);
  }

  // What the file's end is to tell of the file. Called before encode(file), of files with an end.
  virtual void tell(const Metadata& told) { static_cast<void>(told); }

  // Whether the file should get no more rows, since its end becomes too large.
  virtual bool is_full() const { return false; }

  // Of Parquet: whether the file can have columns of this size for its values, with what its end tells of
  // them.
  virtual bool can_have(const codec::TableSize& size) const {
    static_cast<void>(size);
    return true;
  }

  // What it will write of rows that it has taken, at most and about: columns that wait. Of most formats that
  // is little, and is not counted.
  virtual std::size_t held_bytes() const { return 0; }

  // Takes rows and writes output until one of them is used up. With End::part and End::file: no rows follow
  // these; call again with what is left of them and more output until `ended`. Cannot fail on valid arguments
  // (CHECK).
  virtual Step encode(Bytes rows, MutableBytes output, End end) = 0;

  // Forgets what was begun and not ended.
  virtual void reset() = 0;
};

}  // namespace penstock::format
