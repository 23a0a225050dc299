// How chunks of an earlier process become batches.
//
// A batch may be used only if its records have no holes and its bytes end with a whole record. Its chunks
// are put in the order of their indices, and the longest beginning is looked for that has both. A chunk
// tells the positions that it completes, and `whole_record_bytes`: how much of its payload lies before the
// end of its last record.
//
// For example, plain lines, with chunks of 100 bytes:
//
//   chunk 0   A 0-10   whole_record_bytes 90   the 11th record begins in it
//   chunk 1   A 10-12  whole_record_bytes 40   it ends here, one more follows, a third begins
//   chunk 3   A 20-30                          chunk 2 never reached the disk
//
// The batch is A 0-12, from the 100 bytes of chunk 0 and the first 40 of chunk 1. Chunk 3 is unusable.
//
// Of a format that is encoded a chunk cannot be cut behind a record. There the batch must end where a chunk
// is whole, which is the end of a part: where it was sealed or spilled. Whether a format is encoded is not
// in the chunk's header. It is told by the sum of the bytes: those of plain rows are as many as the rows'.
#include "pipeline/recovered_batch.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "codec/checksum.h"

namespace penstock::pipeline {
namespace {

using stage::RecoveredChunk;

bool is_whole(const stage::Chunk& chunk) {
  return chunk.whole_record_bytes == chunk.place.payload_bytes;
}

// Extends what the batch has by what the chunk tells of. False: they do not join.
bool join(std::vector<PartitionRange>& ranges, const std::vector<PartitionRange>& more) {
  for (const PartitionRange& next : more) {
    if (next.range.first >= next.range.next || next.range.first < Position{0}) {
      return false;
    }
    const auto known = std::find_if(ranges.begin(), ranges.end(), [&next](const PartitionRange& range) {
      return range.partition == next.partition;
    });
    if (known == ranges.end()) {
      ranges.push_back(next);
    } else if (known->range.next != next.range.first) {
      return false;
    } else {
      known->range.next = next.range.next;
    }
  }
  return true;
}

// What is known to be whole, so far.
struct Prefix {
  std::size_t chunk_count = 0;
  std::uint32_t last_chunk_bytes = 0;
  std::vector<PartitionRange> ranges;
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;
  std::uint64_t raw_bytes = 0;
};

// The longest usable beginning of the chunks of one batch, which are in the order of their indices. A payload
// that is as long as its records are is not compressed, and may be cut behind any of them: line breaks in
// records became spaces, so the bytes up to whole_record_bytes are lines. One that is not may end only where
// a chunk is whole.
Prefix usable_prefix(const std::vector<RecoveredChunk>& chunks) {
  Prefix best;
  Prefix sum;
  std::uint64_t payload_before = 0;
  for (const auto& [chunk, extent] : chunks) {
    const stage::Chunk& front = chunks.front().chunk;
    if (chunk.index != sum.chunk_count || chunk.topic != front.topic ||
        chunk.recipe_hash != front.recipe_hash || chunk.recipe_hash == 0 ||
        chunk.whole_record_bytes > chunk.place.payload_bytes || chunk.place.payload_bytes == 0 ||
        !join(sum.ranges, chunk.ranges)) {
      break;
    }
    ++sum.chunk_count;
    sum.records += chunk.records;
    sum.skipped += chunk.skipped;
    sum.holes += chunk.holes;
    sum.raw_bytes += chunk.raw_bytes;
    sum.last_chunk_bytes = chunk.whole_record_bytes;
    const bool is_plain = payload_before + chunk.whole_record_bytes == sum.raw_bytes;
    if (chunk.whole_record_bytes > 0 && !chunk.ranges.empty() && (is_plain || is_whole(chunk))) {
      best = sum;
    }
    payload_before += chunk.place.payload_bytes;
  }
  return best;
}

// A chunk whose first writing failed lies in two places; the later one is good.
void take_out_repeats(std::vector<RecoveredChunk>& chunks, std::vector<RecoveredChunk>& unusable) {
  std::vector<RecoveredChunk> once;
  for (RecoveredChunk& each : chunks) {
    if (!once.empty() && once.back().chunk.index == each.chunk.index) {
      std::swap(once.back(), each);
      unusable.push_back(std::move(each));
    } else {
      once.push_back(std::move(each));
    }
  }
  chunks = std::move(once);
}

}  // namespace

std::uint64_t RecoveredBatch::payload_bytes() const {
  std::uint64_t bytes = last_chunk_bytes;
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    bytes += chunks[i].extent.payload_bytes;
  }
  return bytes;
}

std::uint32_t RecoveredBatch::checksum() const {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    sum = codec::crc32c_joined(sum, chunks[i].chunk.place.payload_checksum, chunks[i].extent.payload_bytes);
  }
  return codec::crc32c_joined(sum, chunks.back().chunk.whole_record_checksum, last_chunk_bytes);
}

SortedOut sort_out(std::vector<RecoveredChunk> chunks) {
  std::vector<BatchId> order;
  std::map<BatchId, std::vector<RecoveredChunk>> by_batch;
  for (RecoveredChunk& each : chunks) {
    auto& of_batch = by_batch[each.chunk.batch];
    if (of_batch.empty()) {
      order.push_back(each.chunk.batch);
    }
    of_batch.push_back(std::move(each));
  }
  SortedOut sorted;
  for (const BatchId& id : order) {
    std::vector<RecoveredChunk>& of_batch = by_batch[id];
    std::stable_sort(of_batch.begin(), of_batch.end(), [](const RecoveredChunk& a, const RecoveredChunk& b) {
      return a.chunk.index < b.chunk.index;
    });
    take_out_repeats(of_batch, sorted.unusable);
    Prefix prefix = usable_prefix(of_batch);
    const auto end = of_batch.begin() + static_cast<std::ptrdiff_t>(prefix.chunk_count);
    std::move(end, of_batch.end(), std::back_inserter(sorted.unusable));
    of_batch.erase(end, of_batch.end());
    if (of_batch.empty()) {
      continue;
    }
    const stage::Chunk& front = of_batch.front().chunk;
    RecoveredBatch batch{.id = id,
                         .topic = front.topic,
                         .recipe_hash = front.recipe_hash,
                         .ranges = std::move(prefix.ranges),
                         .chunks = {},
                         .last_chunk_bytes = prefix.last_chunk_bytes,
                         .records = prefix.records,
                         .skipped = prefix.skipped,
                         .holes = prefix.holes,
                         .raw_bytes = prefix.raw_bytes};
    batch.chunks = std::move(of_batch);
    sorted.batches.push_back(std::move(batch));
  }
  return sorted;
}

}  // namespace penstock::pipeline
