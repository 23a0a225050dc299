// How many bytes a row of a table becomes in a file, at most. Pure.
//
// A value that is there takes its bytes. A row without lists takes the levels of each leaf once. In a list
// each further item takes levels again, also in the leaves that have no value in it. There equal levels
// follow each other, and the file has them as runs (codec::parquet::Runs). Runs are counted only where a
// bound that is found sooner is not enough.
//
// For example, a list of 60 items, each of which has a value in one leaf, and none in 39 leaves that other
// versions of the schema brought. With two bytes for each cell of a further item these take 4.6 KB. As runs
// they take 14 bytes a leaf, which is 0.5 KB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/parquet_schema.h"
#include "codec/table.h"

namespace penstock::format {

class RowGrowth {
 public:
  // The next leaf.
  void add(const codec::parquet::Column& column);

  // Without the columns of the record. Above `enough` it is as near as it can be told.
  std::size_t bytes(const codec::Row& row, std::size_t enough) const;

 private:
  struct Leaf {
    std::uint8_t definition_max;
    std::uint8_t definition_bits;
    std::uint8_t repetition_bits;
    bool is_text;
    std::uint8_t value_bytes;
  };

  std::size_t run_bits(const codec::Row& row) const;

  std::vector<Leaf> leaves_;
  std::size_t level_bits_ = 1;  // of a row without lists; that of `_rescued` is among them
};

}  // namespace penstock::format
