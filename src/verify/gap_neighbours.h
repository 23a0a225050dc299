// Which gaps are one missing blob: a blob of many partitions leaves a gap in each, and all of them lie
// between the same two blobs. Found by looking at the blobs once more. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"
#include "verify/tiling.h"

namespace penstock::verify {

class GapNeighbours {
 public:
  // Of the gaps that are faults. `tiling` is settled, and outlives it.
  GapNeighbours(const Tiling& tiling, const Findings& findings);

  bool empty() const { return gaps_.empty(); }
  void look(const BlobFacts& facts);  // of Kind::data

  // Gaps between the same two blobs become one finding, which names them.
  void merge(Findings& findings) const;

 private:
  struct Neighbours {
    std::string before;  // the blob that ends where the gap begins; empty: none
    std::string behind;

    friend auto operator<=>(const Neighbours&, const Neighbours&) = default;
  };

  const Tiling& tiling_;
  std::map<TopicPartition, std::map<Position, std::pair<Range, Neighbours>>> gaps_;  // by where they begin
  std::map<TopicPartition, std::map<Position, Position>> begins_;                    // by where they end
};

}  // namespace penstock::verify
