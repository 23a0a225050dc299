// Reading segments back after a restart: which chunks of a file's present life are whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "stage/chunk.h"
#include "stage/directory.h"
#include "stage/format.h"

namespace penstock::stage {

struct RecoveredChunk {
  Chunk chunk;
  Extent extent;
};

// What was found in a stage directory. Takes about 200 bytes per chunk, and 24 per range.
struct Recovered {
  // Within a segment in the order they were written. Chunks of kept segments: those of earlier sequences
  // first.
  std::vector<RecoveredChunk> chunks;

  // Of the chunks' payloads.
  std::uint64_t bytes = 0;

  // For the log, whole sentences: files that were moved aside or removed, and tails that were torn.
  std::vector<std::string> messages;
};

// Whether the payloads are read and held against their checksums. `skipped` costs one small read per chunk,
// and is enough where Stage::read verifies later; `verified` reads the whole file.
enum class Payloads : std::uint8_t { skipped, verified };

struct SegmentScan {
  SegmentHeader header;

  // It has a header, and is as long as that says. Otherwise it is of no use: it was being made, or was cut.
  bool complete = false;

  // The whole chunks of the segment's present life, in the order they were written.
  std::vector<RecoveredChunk> chunks;

  // Why the scan ended before the end of what was written. Empty: it did not.
  std::string torn;
};

// Blocking. The scan ends at the first chunk that does not verify: what lies behind it cannot be told from an
// earlier life. Error corrupt: the file is no segment of ours, or its header is damaged; others are the
// system's.
Result<SegmentScan> scan_segment(const std::string& path, std::uint32_t segment, Payloads payloads);

// The same of an open file. The error does not name the file.
Result<SegmentScan> scan_segment(int fd, std::uint32_t segment, Payloads payloads);

// A segment whose chunks may be used again.
struct KeptSegment {
  std::uint32_t number = 0;
  std::uint64_t sequence = 0;
  std::uint64_t chunk_count = 0;
};

// What an earlier process left in a directory.
struct Leftovers {
  Recovered recovered;

  // Numbers of segments that may be written again: of the right size, at most files_max, without the kept
  // ones.
  std::vector<std::uint32_t> reusable;

  // By sequence, the earliest first.
  std::vector<KeptSegment> kept;

  // Of all segments that were found, also of those that were removed. The next life of any segment is
  // greater.
  std::uint64_t greatest_sequence = 0;
};

// The most chunks that are kept: so many headers are 13 MiB of memory, and 512 GiB of full chunks.
inline constexpr std::size_t k_kept_chunks_max = 65536;

// Blocking. Scans every segment; removes those of ours that do not fit `segment_bytes` or `files_max`, or
// are not complete; moves aside everything that is not ours. Error: the directory could not be read or
// changed.
Result<Leftovers> recover_directory(const Directory& directory, std::uint64_t segment_bytes,
                                    std::size_t files_max);

// Keeps the segments that have chunks, at most `segments_max` of them: the earliest, as a partition goes on
// where its earliest batch begins. Afterwards recovered.chunks are those of the kept segments, and no
// others.
void keep_segments(Leftovers& found, std::size_t segments_max);

// Turns the latest kept segment into one for reuse, and forgets its chunks. There is at least one.
void give_up_latest(Leftovers& found);

}  // namespace penstock::stage
