#include "config/memory_plan.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/concat.h"

namespace penstock::config {
namespace {

// Beside the blocks: records that come in, chunks on their way to the stage, and those read back from it.
constexpr std::uint64_t k_slabs_beside_blocks = 8;

// One block is being filled while the one before it is uploaded.
constexpr std::uint64_t k_blocks_per_worker = 2;

// A key's own limit, repeated here for the advice.
constexpr std::uint64_t k_block_bytes_min = 64 * k_kib;

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

std::uint64_t slab_bytes_for(std::size_t topics_hint, const EncoderMemory& encoders) {
  return encoders.slab_bytes == 0 && topics_hint > 0 && topics_hint <= k_few_topics
             ? k_slab_bytes_few_topics
             : k_slab_bytes_many_topics;
}

std::uint64_t fixed_bytes(std::uint32_t connections, const EncoderMemory& encoders) {
  return k_client_bytes + k_backlog_bytes + connections * k_connection_bytes + encoders.bytes;
}

// 8 MiB in slabs of 1 MiB: 8 MiB / (1 MiB - 8 KiB) = 8.06, so 9 slabs a block, 2 x 9 + 8 = 26 a worker.
std::uint64_t slabs_beside_blocks(std::uint64_t slab_bytes, const EncoderMemory& encoders) {
  return k_slabs_beside_blocks + divided_up(encoders.slab_bytes, slab_bytes);
}

std::uint64_t slabs_needed(std::uint64_t block_bytes, std::uint64_t slab_bytes,
                           const EncoderMemory& encoders) {
  return k_blocks_per_worker * divided_up(block_bytes, slab_bytes - k_slab_header_bytes) +
         slabs_beside_blocks(slab_bytes, encoders);
}

std::uint64_t worker_bytes_needed(std::uint64_t block_bytes, std::uint32_t connections,
                                  std::uint64_t slab_bytes, const EncoderMemory& encoders) {
  return fixed_bytes(connections, encoders) + slabs_needed(block_bytes, slab_bytes, encoders) * slab_bytes;
}

std::uint64_t slabs_available(std::uint64_t memory, std::uint32_t workers, std::uint64_t fixed,
                              std::uint64_t slab_bytes) {
  const std::uint64_t share = memory < k_base_bytes ? 0 : (memory - k_base_bytes) / workers;
  return share < fixed ? 0 : (share - fixed) / slab_bytes;
}

// The largest block that fits, in whole MiB, or in 64 KiB below one; 0: none does.
std::uint64_t block_bytes_that_fit(std::uint64_t slabs, std::uint64_t slab_bytes,
                                   const EncoderMemory& encoders) {
  const std::uint64_t beside = slabs_beside_blocks(slab_bytes, encoders);
  if (slabs <= beside) {
    return 0;
  }
  const std::uint64_t bytes = (slabs - beside) / k_blocks_per_worker * (slab_bytes - k_slab_header_bytes);
  return bytes >= k_mib ? bytes / k_mib * k_mib : bytes / k_block_bytes_min * k_block_bytes_min;
}

}  // namespace

Result<MemoryPlan> plan_memory(std::uint64_t memory, std::uint32_t workers, std::uint64_t block_bytes,
                               std::uint32_t connections, std::size_t topics_hint,
                               const EncoderMemory& encoders) {
  CHECK(workers >= 1U);
  const std::uint64_t slab_bytes = slab_bytes_for(topics_hint, encoders);
  const std::uint64_t slabs =
      slabs_available(memory, workers, fixed_bytes(connections, encoders), slab_bytes);
  const std::uint64_t least = slabs_needed(block_bytes, slab_bytes, encoders);
  if (slabs >= least) {
    const std::uint64_t for_texts =
        encoders.has_registry ? std::min((slabs - least) / 4, k_schema_texts_more_max / slab_bytes) : 0;
    return MemoryPlan{.slab_bytes = slab_bytes,
                      .slabs_per_worker = static_cast<std::size_t>(slabs - for_texts),
                      .schema_texts_bytes = k_schema_texts_bytes + for_texts * slab_bytes};
  }

  const std::uint64_t needed =
      k_base_bytes + workers * worker_bytes_needed(block_bytes, connections, slab_bytes, encoders);
  std::string message =
      concat("is too little for ", workers, workers == 1 ? " worker" : " workers", " with blocks of ",
             format_size(block_bytes), "; write at least ", format_size(divided_up(needed, k_mib) * k_mib));
  if (const std::uint64_t fitting = block_bytes_that_fit(slabs, slab_bytes, encoders); fitting > 0) {
    message += concat(", or lower sink.block_bytes to ", format_size(fitting));
  }
  if (const std::uint32_t fitting = workers_that_fit(memory, block_bytes, connections, topics_hint, encoders);
      fitting > 0) {
    message += concat(", or lower runtime.workers to ", fitting);
  }
  return make_error(ErrorKind::invalid_input, Action::fatal, std::move(message));
}

std::uint32_t workers_that_fit(std::uint64_t memory, std::uint64_t block_bytes, std::uint32_t connections,
                               std::size_t topics_hint, const EncoderMemory& encoders) {
  if (memory < k_base_bytes) {
    return 0;
  }
  const std::uint64_t workers =
      (memory - k_base_bytes) /
      worker_bytes_needed(block_bytes, connections, slab_bytes_for(topics_hint, encoders), encoders);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(workers, UINT32_MAX));
}

std::uint64_t stage_bytes_min(std::uint32_t workers, std::uint64_t block_bytes) {
  return workers * std::max<std::uint64_t>(2 * k_segment_bytes, 4 * block_bytes);
}

}  // namespace penstock::config
