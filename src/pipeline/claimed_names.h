// Asks the store what became of a claimed name, on behalf of whoever owns its partition now (PROTOCOL.md,
// Assign 4): puts a tombstone there, and if something is there already, reads what it is. Repeats until there
// is an answer.
//
// A name that has only uncommitted blocks is free, and still a store may answer Put Blob that it exists
// (Azurite does). Then the tombstone goes the way of those blocks: a block of its own, and a list of that
// one, with the same condition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "format/blob_metadata.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "obs/worker_metrics.h"
#include "pipeline/retry_policy.h"

namespace penstock::pipeline {

// What stands at a claimed name.
struct NamedBlob {
  enum class Kind : std::uint8_t {
    absent,
    tombstone,
    data,
    unreadable,  // somebody else's, or its metadata are damaged
  };
  Kind kind = Kind::absent;
  format::BlobMetadata metadata;  // tombstone and data
};

class ClaimedNames {
 public:
  struct Options {
    RetryOptions retry;
    std::string group;
    std::function<std::uint64_t()> random;
    // The store has asked to slow down. May be empty.
    std::function<void(const Error&)> throttled = {};
  };
  ClaimedNames(Options options, lake::BlobStore& store, io::Loop& loop, obs::WorkerMetrics& metrics);

  // `created`: this made a tombstone. Otherwise there is a blob of this name. `file`: what it is put with, a
  // valid one without records.
  void put_tombstone(const std::string& blob, std::vector<std::byte> file,
                     std::function<void(bool created)> done);

  // What is there now.
  void read(const std::string& blob, std::function<void(const NamedBlob&)> done);

  // No `done` of what is under way runs any more.
  void forget() {
    alive_.renew();
    troubles_.clear();
  }

  // Why the last call for a blob failed; none once one for it succeeds. Of several blobs, one's.
  std::optional<Error> trouble() const {
    return troubles_.empty() ? std::nullopt : std::optional(troubles_.begin()->second);
  }

 private:
  struct Tombstone;  // on its way
  using TombstonePtr = std::shared_ptr<Tombstone>;

  void put_in_one_call(const TombstonePtr& tombstone);
  void ask_whether_name_is_taken(const TombstonePtr& tombstone);
  void put_as_block(const TombstonePtr& tombstone);
  void commit_its_block(const TombstonePtr& tombstone);
  void put_tombstone_again(const TombstonePtr& tombstone, const Error& error);
  void finish_tombstone(const TombstonePtr& tombstone, bool created);
  lake::Done unless_forgotten(std::function<void(const Result<void>&)> done);
  void try_read(const std::string& blob, std::uint32_t attempt, std::function<void(const NamedBlob&)> done);
  void again(const std::string& blob, const Error& error, std::uint32_t attempt, std::function<void()> retry);

  const Options options_;
  lake::BlobStore& store_;
  io::Loop& loop_;
  obs::WorkerMetrics& metrics_;
  std::map<std::string, Error> troubles_;  // by blob
  Alive alive_;
};

}  // namespace penstock::pipeline
