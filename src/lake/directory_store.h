// A lake in a local directory: for the demo, for tests, and for mounted file systems.
//
//   <dir>/<name>                     a blob, whole and durable from the moment it can be seen
//   <dir>/.../.<file>.meta           its metadata
//   <dir>/.penstock/<id>.part        blocks not yet committed, locked by whoever writes them
//   <dir>/.penstock/<inode>.meta     metadata of the file with this inode, until it is at its place
//
// How a blob appears: its bytes lie in a part file, and its metadata in a file named by the part's inode;
// both are synced. link(2) then gives the part the blob's name, which fails if the name is taken, so two
// writers never mix their bytes or their metadata. Only the winner then renames the metadata to its place,
// and syncs the directory. A crash in between leaves a blob whose metadata is found by the inode.
//
// Bulk data moves through the loop. Opening, linking and making directories are done in the caller's frame:
// they are few per blob, touch no data, and io_uring runs them on kernel workers in any case. Listings and
// properties are read so too: they serve `verify` and a restart, not the path of a record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "lake/blob_store.h"

namespace penstock::lake {

// What the file systems of Linux hold: NAME_MAX for each part of a path, of which ".<file>.meta" is one.
inline constexpr std::size_t k_directory_part_bytes_max = 255;
inline constexpr std::size_t k_directory_file_bytes_max = k_directory_part_bytes_max - 6;

// Of the lake's own path: PATH_MAX (4,096 with the zero at its end) less a '/', the longest name of a blob
// (codec::k_blob_name_bytes_max, 900) and what its metadata adds.
inline constexpr std::size_t k_directory_bytes_max = 4096 - 1 - 1 - 900 - 6;

class DirectoryBlobStore : public BlobStore {
 public:
  // Makes `dir` and its parents. What killed processes have left in .penstock is removed, now and every hour.
  // The loop outlives the store. Error: the directory cannot be made or written.
  static Result<std::unique_ptr<DirectoryBlobStore>> create(std::string dir, io::Loop& loop);

  // To look only: makes nothing and removes nothing, so that permission to read is enough. Writes then
  // fail. Error not_found: there is no such directory.
  static Result<std::unique_ptr<DirectoryBlobStore>> open_to_read(std::string dir, io::Loop& loop);
  ~DirectoryBlobStore() override;

  // After any error of commit_blocks the blocks are gone: what a failed sync left cannot be trusted. The next
  // commit answers invalid_block_list, and the blocks must be put again.
  void put_block(const std::string& name, const BlockRef& block, Body body, Done done) override;
  void commit_blocks(const std::string& name, std::span<const BlockRef> blocks, const Metadata& metadata,
                     Done done) override;
  void put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) override;
  void get_properties(const std::string& name, std::function<void(Result<BlobProperties>)> done) override;
  void list(const std::string& prefix, const std::string& marker,
            std::function<void(Result<BlobPage>)> done) override;
  void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
            std::function<void(Result<std::string>)> done) override;
  void probe(Done done) override;
  void discard(const std::string& name) override;

  // "file:///srv/lake"
  const std::string& description() const override { return description_; }

 private:
  struct Part;

  DirectoryBlobStore(std::string dir, io::Loop& loop);
  template <class Value>
  void answer(std::function<void(Result<Value>)> done, Result<Value> result);
  Result<std::shared_ptr<Part>> make_part();
  void write(std::shared_ptr<Part> part, Body body, std::uint64_t offset, Done done);
  Done while_alive(Done done) const;
  Result<BlobProperties> properties(const std::string& name) const;
  void look_for_leftovers(Duration next);

  std::string dir_;
  std::string description_;
  io::Loop& loop_;

  // A random number of this store, so that its part files have names of their own.
  std::uint64_t incarnation_;
  std::uint64_t parts_made_ = 0;

  // By the blob's name; one for each batch with blocks that are not committed.
  std::map<std::string, std::shared_ptr<Part>> parts_;
  io::TimerId leftovers_timer_ = io::TimerId::none;
  Alive alive_;  // held weakly by answers
};

}  // namespace penstock::lake
