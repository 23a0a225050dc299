// Worlds that are wrong on purpose, to show that a wrong world is noticed.
#pragma once

#include <cstdint>

namespace penstock::sim {

enum class Sabotage : std::uint8_t {
  none,
  lake_forgets,      // a blob is acknowledged, and never there
  lake_alters,       // a byte of a blob is another one
  source_skips,      // a record is not handed over
  source_repeats,    // a record is handed over twice, under the next one's offset
  disk_alters,       // a byte that is read back is another one
  refusals_unheard,  // a process is not told that its token was refused
};

}  // namespace penstock::sim
