// The BlobStore seam: where batches land. Azure, a local directory, a null store for benches, or the
// simulator.
//
// Every write is conditional: a name that has a blob keeps it (error already_exists). Calls are made and
// answered on the owner's thread; `done` never runs inside the call. Nothing is retried here: an Error's
// action and retry_after say what the caller may do, and the caller's policy does it. After an error that
// leaves the outcome of a write unknown (unavailable, timed_out) the write may or may not have taken effect,
// now or later.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "base/metadata.h"
#include "base/types.h"

namespace penstock::lake {

// Pieces of memory that follow each other in the blob. The pieces stay valid until `done` has run; the span
// itself only during the call.
using Body = std::span<const Bytes>;

std::uint64_t size_of(Body body);

// A block of one blob: index from 0, without holes. The name is its writer's alone, so the index identifies
// it.
struct BlockRef {
  std::uint32_t index = 0;
  std::uint64_t offset = 0;  // where its bytes begin in the blob
  std::uint64_t bytes = 0;
};

struct BlobProperties {
  std::uint64_t bytes = 0;
  Metadata metadata;
};

struct BlobEntry {
  std::string name;  // relative to the sink's prefix
  BlobProperties properties;
};

struct BlobPage {
  std::vector<BlobEntry> blobs;  // in the order of their names
  std::string next_marker;       // empty: this was the last page
};

using Done = std::function<void(Result<void>)>;

// The most that one read() answers; an answer is held in memory.
inline constexpr std::uint64_t k_read_bytes_max = std::uint64_t{4} * 1024 * 1024;

class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Names are relative to the sink's prefix:
  // "api/2026/01/31/api-20260131T000000Z-<incarnation>-<counter>.txt". Stores a block that stays invisible
  // until commit_blocks lists it; a repeat replaces it.
  virtual void put_block(const std::string& name, const BlockRef& block, Body body, Done done) = 0;

  // Makes the blob of these blocks visible, all or nothing, if the name is free.
  virtual void commit_blocks(const std::string& name, std::span<const BlockRef> blocks,
                             const Metadata& metadata, Done done) = 0;

  // A whole blob in one call, if the name is free. `body` may be empty.
  virtual void put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) = 0;

  // Error not_found: no blob has this name.
  virtual void get_properties(const std::string& name, std::function<void(Result<BlobProperties>)> done) = 0;

  // Blobs whose names begin with `prefix`, a page at a time, metadata included.
  virtual void list(const std::string& prefix, const std::string& marker,
                    std::function<void(Result<BlobPage>)> done) = 0;

  // The blob's bytes from `offset` on: as many as asked, fewer only at its end. `bytes` is from 1 to k_read_bytes_max.
  virtual void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
                    std::function<void(Result<std::string>)> done) = 0;

  // Whether writing would be allowed, without leaving a visible blob: container or directory there,
  // credential good, permission to write.
  virtual void probe(Done done) = 0;

  // Forgets the invisible blocks of a blob that will never be committed, where they cost something (a
  // directory).
  virtual void discard(const std::string& name) = 0;

  // "https://contoso.blob.core.windows.net/lake/raw": for messages; holds no secret.
  virtual const std::string& description() const = 0;
};

}  // namespace penstock::lake
