// The container that every worker writes to: blobs whose creation is conditional, and blocks that nobody
// sees.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include <penstock/result.h>

#include "lake/blob_store.h"
#include "sim/sabotage.h"
#include "sim/sim_random.h"
#include "sim/store_limits.h"

namespace penstock::sim {

struct SimBlob {
  std::string bytes;
  Metadata metadata;
};

bool is_tombstone(const Metadata& metadata);

// Whether a name that is taken keeps its blob. `unconditional` is a mutant.
enum class Creation : std::uint8_t { conditional, unconditional };

// Whether a name of which there are only blocks that were never committed counts as taken when a whole blob
// is put there. Azurite says so; the service does not document it.
enum class UncommittedBlocks : std::uint8_t { take_the_name, do_not };

class SimLake {
 public:
  SimLake(Creation creation, UncommittedBlocks uncommitted, Sabotage sabotage, Random random)
      : creation_(creation), uncommitted_(uncommitted), sabotage_(sabotage), random_(random) {}

  StoreLimits limits;

  // At the moment a blob is there.
  std::function<void(const std::string& name, const SimBlob&)> on_created;

  Result<void> put_block(const std::string& name, std::uint32_t index, std::string bytes);
  Result<void> commit_blocks(const std::string& name, std::span<const lake::BlockRef> blocks,
                             const Metadata& metadata);
  Result<void> put_blob(const std::string& name, std::string bytes, const Metadata& metadata);
  Result<lake::BlobProperties> properties(const std::string& name) const;
  Result<std::string> read(const std::string& name, std::uint64_t offset, std::uint64_t bytes) const;
  lake::BlobPage list(const std::string& prefix, const std::string& marker) const;

  // Somebody deletes the blob.
  void remove(const std::string& name) { blobs_.erase(name); }

  // The store forgets the blocks of a blob that was not committed, as it may after a time.
  void lose_blocks(const std::string& name) { blocks_.erase(name); }

 private:
  Result<void> create(const std::string& name, std::string bytes, const Metadata& metadata);

  Creation creation_;
  UncommittedBlocks uncommitted_;
  Sabotage sabotage_;
  Random random_;
  std::map<std::string, SimBlob> blobs_;
  std::map<std::string, std::map<std::uint32_t, std::string>> blocks_;
};

Error store_error(ErrorKind kind, Action action);

}  // namespace penstock::sim
