// The BlobStore seam: where batches land. Azure, a local directory, a null store for benches, or the
// simulator.
//
// Every write that makes a blob visible is conditional: a name that has a blob keeps it (error
// already_exists). Calls are made and answered on the owner's thread.
//
// Nothing is retried here. An Error's action and retry_after say what the caller may do, and the caller's
// policy does it. After the errors unavailable, timed_out and throttled the outcome of a write is unknown: it
// may have taken effect, or not, or may still do so later.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/metadata.h"
#include "base/types.h"

namespace penstock::lake {

// Pieces of memory that follow each other in the blob. The bytes stay valid and unchanged until `done` has
// run; the span of pieces only during the call.
using Body = std::span<const Bytes>;

std::uint64_t size_of(Body body);

// A block of one blob. One writer alone uses the blob's name, so the index is enough to tell its blocks
// apart.
struct BlockRef {
  // From 0, without holes.
  std::uint32_t index = 0;

  // Where its bytes begin in the blob.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// Of one blob that is visible.
struct BlobProperties {
  std::uint64_t bytes = 0;
  Metadata metadata;
};

struct BlobEntry {
  // Relative to the sink's prefix.
  std::string name;
  BlobProperties properties;
};

struct BlobPage {
  // In the order of their names.
  std::vector<BlobEntry> blobs;

  // What the next call of list() takes to go on. Empty: this was the last page.
  std::string next_marker;
};

// Takes the outcome of a call, once, on the owner's thread and never inside the call.
using Done = std::function<void(Result<void>)>;

// The most that one read() answers, as the answer is held in memory.
inline constexpr std::uint64_t k_read_bytes_max = std::uint64_t{4} * 1024 * 1024;

// A store destroyed while calls are in flight answers none of them any more.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Names are relative to the sink's prefix, with '/' between their parts:
  // "api/2026/01/31/api-20260131T000000Z-<incarnation>-<counter>.txt".

  // Stores a block that stays invisible until commit_blocks() lists it. A repeat replaces the block. Error
  // corrupt, action retry: other bytes have arrived, and nothing uses them.
  virtual void put_block(const std::string& name, const BlockRef& block, Body body, Done done) = 0;

  // Makes the blob of these blocks visible, all of it or nothing, if the name is free. Error
  // already_exists: it is not. Error invalid_block_list: not all blocks are there, so they must be put
  // again.
  virtual void commit_blocks(const std::string& name, std::span<const BlockRef> blocks,
                             const Metadata& metadata, Done done) = 0;

  // Makes a whole blob visible in one call, if the name is free. Error already_exists: it is not. `body`
  // may be empty.
  virtual void put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) = 0;

  // Error not_found: no blob has this name.
  virtual void get_properties(const std::string& name, std::function<void(Result<BlobProperties>)> done) = 0;

  // One page of the blobs whose names begin with `prefix`, metadata included. `marker` is empty for the first
  // page, then the former page's next_marker.
  virtual void list(const std::string& prefix, const std::string& marker,
                    std::function<void(Result<BlobPage>)> done) = 0;

  // The blob's bytes from `offset` on: as many as asked, fewer only at its end. `bytes` is from 1 to
  // k_read_bytes_max. Error not_found: no blob has this name.
  virtual void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
                    std::function<void(Result<std::string>)> done) = 0;

  // Whether writing would be allowed, without leaving a visible blob: the container or directory is there,
  // the credential is good, and it permits writing.
  virtual void probe(Done done) = 0;

  // Forgets the invisible blocks of a blob that will never be committed, where they cost something (in a
  // directory). No block of this name is in flight.
  virtual void discard(const std::string& name) = 0;

  // "https://contoso.blob.core.windows.net/lake/raw", for messages. Holds no secret.
  virtual const std::string& description() const = 0;
};

}  // namespace penstock::lake
