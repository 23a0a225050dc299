// Reads a file of capture-avro back, piece by piece, and checks all of its form (capture_file.h): its header,
// the sync marker behind each block, and that a block holds as many rows as it says, each of the schema
// (capture_rows.h). Input is from outside: nothing in it is believed. Pure, and its memory does not grow with
// the file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/types.h"
#include "base/varint.h"
#include "codec/stream_decompressor.h"
#include "format/capture_file.h"
#include "format/capture_rows.h"

namespace penstock::format {

class CaptureReader {
 public:
  CaptureReader();

  // The file's next bytes. Error corrupt (give up): it is no file of capture-avro, or damaged; nothing more
  // may be given then.
  Result<void> feed(Bytes stored);

  // Error corrupt: the file ended within its header or a block.
  Result<void> end() const;

  std::uint64_t rows() const { return rows_.rows(); }
  // Of the rows: without header and blocks, and before compression.
  std::uint64_t plain_bytes() const { return plain_bytes_; }

 private:
  enum class State : std::uint8_t { header, sync_of_file, count, size, data, sync };

  // Each takes bytes from the front of `stored`.
  Result<void> take_header(Bytes& stored);
  Result<void> take_sync(Bytes& stored);
  Result<void> take_number(Bytes& stored);
  Result<void> take_data(Bytes& stored);
  Result<void> take_rows(Bytes plain);
  Result<void> end_data();

  State state_ = State::header;
  std::size_t taken_ = 0;  // of the header, or of a sync marker
  std::string header_;     // what it must be: with codec null, until a byte differs
  std::array<std::byte, k_sync_bytes> sync_{};
  VarintReader number_;
  std::int64_t block_rows_ = 0;
  std::uint64_t data_left_ = 0;
  std::uint64_t rows_before_ = 0;  // this block
  std::uint64_t plain_bytes_ = 0;
  CaptureRows rows_;
  std::unique_ptr<codec::StreamDecompressor> inflate_;  // of codec deflate
};

}  // namespace penstock::format
