// The file of capture-avro: an Avro object container file as Event Hubs Capture writes it. Pure.
//
//   header   "Obj" 01                        what every such file begins with
//            04                              a map of two entries, as Capture has it:
//            "avro.codec"   "null"           or "deflate"
//            "avro.schema"  k_capture_schema
//            00                              end of the map
//            16 bytes                        the sync marker, of this file
//   block    count, size                     rows in it, and bytes of the data as they are stored
//            data                            rows (capture_row.h), one behind the other
//            the sync marker
//   block    ...
//
// (Avro 1.11, "Object Container Files".) The header has 490 bytes with codec null, and an empty block 18.
// Readers of Capture skip files of 508 bytes as empty ones, and so a file without rows is one header and one
// empty block.
//
// A block is a unit of rows, and a part: a raw slab of rows, or one row that is larger. So a file may end
// behind any of them. The sync marker is made of the batch's attempt id, so that every part of a file has the
// same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "codec/compressor.h"
#include "format/encoder.h"

namespace penstock::format {

inline constexpr std::string_view k_capture_schema =
    R"({"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[)"
    R"({"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},)"
    R"({"name":"EnqueuedTimeUtc","type":"string"},)"
    R"({"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},)"
    R"({"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},)"
    R"({"name":"Body","type":["null","bytes"]}]})";

inline constexpr std::size_t k_sync_bytes = 16;

// All of the header before the sync marker. `codec`: none or deflate (CHECK).
std::string capture_header(codec::Compression codec);

// A file with no row: 508 bytes with codec none. Its sync marker is always the same.
std::vector<std::byte> empty_capture_file();

// The encoder of RowFormat::capture. A unit that is one raw slab is compressed whole, before its size is
// written. A row that is larger stands in a block of deflate's stored blocks, whose size is known beforehand:
// so the encoder of deflate needs room for a raw slab, and that of null for nothing.
class CaptureBlocks final : public Encoder {
 public:
  explicit CaptureBlocks(codec::Compression codec);

  void begin_file(const EncodedFile& file) override;
  void begin_unit(std::size_t rows, std::uint64_t bytes) override;
  Step encode(Bytes rows, MutableBytes output, End end) override;
  void reset() override;

 private:
  void pend(Bytes bytes);
  void compress(Bytes rows);
  std::size_t drain(MutableBytes output);
  std::size_t copy(Bytes rows, MutableBytes output);
  void begin_stored_block();
  void end_unit();

  codec::Compression codec_;
  std::unique_ptr<codec::Compressor> compressor_;  // of deflate
  std::array<std::byte, k_sync_bytes> sync_{};
  bool in_unit_ = false;
  std::uint64_t unit_rows_ = 0;
  std::uint64_t unit_left_ = 0;     // bytes of its rows that were not taken
  bool unit_begun_ = false;         // its count and size are written or pending
  std::uint32_t stored_left_ = 0;   // of the stored block of deflate that is open
  std::vector<std::byte> pending_;  // to be written before anything else
  std::size_t drained_ = 0;         // of these
};

}  // namespace penstock::format
