// A lake for benches that counts and forgets: every write succeeds, nothing can be read again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/alive.h"
#include "io/loop.h"
#include "lake/blob_store.h"

namespace penstock::lake {

class NullBlobStore : public BlobStore {
 public:
  // Answers from the loop, at its next round. The loop outlives the store.
  explicit NullBlobStore(io::Loop& loop) : loop_(loop) {}

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
  void discard(const std::string& /*name*/) override {}
  const std::string& description() const override { return description_; }

  // Blobs and bytes that have been published.
  std::uint64_t blob_count() const { return blob_count_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  template <class Value>
  void answer(std::function<void(Result<Value>)> done, Result<Value> result);

  io::Loop& loop_;
  const std::string description_ = "null:";
  std::uint64_t blob_count_ = 0;
  std::uint64_t bytes_ = 0;
  Alive alive_;  // held weakly by answers
};

}  // namespace penstock::lake
