// Asks the store what became of a claimed name, on behalf of whoever owns its partition now (PROTOCOL.md, Assign 4):
// puts a tombstone there, and if something is there already, reads what it is. Repeats until there is an answer.
//
// A name that has only uncommitted blocks is free, and still a store may answer Put Blob that it exists (Azurite does).
// Then the tombstone goes the way of those blocks: a block of its own, and a list of that one, with the same condition.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "obs/worker_metrics.h"
#include "pipeline/retry_policy.h"

namespace penstock::pipeline {

// What stands at a claimed name.
struct NamedBlob {
  enum class Kind : std::uint8_t { absent, tombstone, data };
  Kind kind = Kind::absent;
  std::string topic;   // data
  std::string ranges;  // data: "p:first-next,...", as the metadata have it
};

// The range that metadata of blob_metadata()'s form give a partition; none: they do not name it, or cannot be read.
std::optional<Range> range_of(std::string_view ranges, Partition partition);

class ClaimedNames {
 public:
  struct Options {
    RetryOptions retry;
    std::string group;
    std::function<std::uint64_t()> random;
  };
  ClaimedNames(Options options, lake::BlobStore& store, io::Loop& loop, obs::WorkerMetrics& metrics);

  // True: a tombstone was created by this. False: there is a blob of this name.
  void put_tombstone(const std::string& blob, std::function<void(bool created)> done);

  void read(const std::string& blob, std::function<void(const NamedBlob&)> done);

  // No `done` of what is under way runs any more.
  void forget() { alive_ = std::make_shared<char>(); }

  // Why the last call failed; none once one succeeds.
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  struct Closing;  // a tombstone on its way

  void put_whole(const std::shared_ptr<Closing>& closing);
  void ask_whether_taken(const std::shared_ptr<Closing>& closing);
  void put_block(const std::shared_ptr<Closing>& closing);
  void commit_block(const std::shared_ptr<Closing>& closing);
  void close_again(const std::shared_ptr<Closing>& closing, const Error& error);
  void closed(const std::shared_ptr<Closing>& closing, bool created);
  lake::Done unless_forgotten(std::function<void(const Result<void>&)> done);
  void try_read(const std::string& blob, std::uint32_t attempt, std::function<void(const NamedBlob&)> done);
  void again(const Error& error, std::uint32_t attempt, std::function<void()> retry);

  const Options options_;
  lake::BlobStore& store_;
  io::Loop& loop_;
  obs::WorkerMetrics& metrics_;
  std::optional<Error> trouble_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock::pipeline
