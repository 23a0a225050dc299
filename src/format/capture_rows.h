// Counts the rows of capture-avro in their plain bytes, as they lie in a block, and checks that each is one
// of the schema. Input is from outside: nothing in it is believed. Pure, and takes no memory.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "base/varint.h"

namespace penstock::format {

class CaptureRows {
 public:
  // The next bytes. False: they are no rows of the schema, or an offset is not above the one before. Nothing
  // more may be given then.
  bool add(Bytes plain);

  std::uint64_t rows() const { return rows_; }
  // Whether the last row is whole.
  bool ends_whole() const { return state_ == State::sequence && number_.empty() && skip_ == 0; }

 private:
  // What the next number is, or the bytes that are skipped before it.
  enum class State : std::uint8_t {
    sequence,
    offset_length,
    time_length,
    map_count,  // of entries; 0: no more
    name_length,
    branch,
    long_value,
    value_length,
    entry_end,  // nothing comes: the entry is whole
    body_branch,
    body_length,
    row_end,  // nothing comes: the row is whole
  };

  bool take(std::int64_t number);
  bool take_count(std::int64_t count);
  bool take_branch(std::int64_t branch);
  bool skip(std::int64_t bytes, State next);
  void settle();

  State state_ = State::sequence;
  VarintReader number_;
  std::uint64_t skip_ = 0;
  std::int64_t entries_left_ = 0;
  bool in_properties_ = false;  // of the two maps the second
  std::int64_t last_sequence_ = -1;
  std::uint64_t rows_ = 0;
};

}  // namespace penstock::format
