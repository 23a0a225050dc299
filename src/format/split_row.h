// A row that begins in one slab and ends in another.
//
// It is written in three parts: a head, the value or its base64, and a tail. The head alone is in memory of
// its own: it has a key and headers, and perhaps a value that was decoded, and no row of plain lines has one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "format/record_format.h"

namespace penstock::format {

// The record outlives it. Of a record that makes no row it tells a size, and is not written. Not for one that
// waits for its schema (record_schema.h).
class SplitRow {
 public:
  SplitRow(const RowContext& context, const RecordView& record);

  bool done() const { return bytes_left_ == 0; }
  std::size_t bytes_left() const { return bytes_left_; }
  // Writes the row's next bytes into `to`, which is not empty, and returns how many.
  std::size_t write(MutableBytes to);
  // Whether line breaks became spaces in what was written.
  bool flattened() const { return flattened_; }
  // Headers that are left out of it.
  std::size_t repeated() const { return repeated_; }
  // Whether the value was to be decoded, and cannot be.
  bool undecoded() const { return undecoded_; }

 private:
  std::size_t write_value(MutableBytes to);
  std::size_t write_base64(MutableBytes to);

  std::string head_;
  std::size_t head_written_ = 0;
  Bytes value_;  // what of it is not written yet
  bool as_base64_ = false;
  bool verbatim_ = false;         // line breaks stay
  std::size_t quad_written_ = 0;  // characters of the base64 of the next three bytes
  std::string_view tail_;         // what of it is not written yet
  std::size_t bytes_left_ = 0;
  bool flattened_ = false;
  std::size_t repeated_ = 0;
  bool undecoded_ = false;
};

}  // namespace penstock::format
