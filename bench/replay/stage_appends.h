// The stage as it ships, fed as fast as it takes: what its writes come to beside a plain loop on the same
// disk.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "io/loop.h"
#include "mem/slab_pool.h"
#include "stage/stage.h"

namespace penstock::bench {

class StageAppends {
 public:
  // Segments in `dir`, slabs of 1 MiB. Ends the program when something is refused.
  explicit StageAppends(const std::string& dir);

  // Appends that many bytes of whole slabs, eight of them in flight, each released when it is written; so
  // segments are recycled. Returns when all are written.
  void append(std::uint64_t bytes);

 private:
  void append_one();

  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<mem::SlabPool> pool_;
  std::unique_ptr<stage::Stage> stage_;
  std::deque<std::shared_ptr<mem::Slab>> slabs_;  // free ones
  std::uint64_t appended_ = 0;
};

}  // namespace penstock::bench
