// The bytes of many blobs against their metadata, several at a time: on a store that answers in tens of
// milliseconds, one after the other would take days for what takes hours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include <penstock/result.h>

#include "io/loop.h"
#include "lake/blob_store.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"

namespace penstock::verify {

class ContentReader {
 public:
  // Of each a piece of 4 MiB at most is in memory (lake::k_read_bytes_max): 32 MiB.
  static constexpr std::size_t k_blobs_max = 8;

  struct Events {
    std::function<void(Finding)> found;
    std::function<void(std::uint64_t bytes)> read;
  };

  // All outlive it.
  ContentReader(lake::BlobStore& store, io::Loop& loop, Events events);
  ~ContentReader();
  ContentReader(const ContentReader&) = delete;
  ContentReader& operator=(const ContentReader&) = delete;

  // Begins to read the blob. Blocks while k_blobs_max others are being read. A blob that is gone by then is
  // none. Error: the store did not answer for this one or one before; nothing more is read.
  Result<void> add(BlobFacts facts);

  // Blocks until all are read.
  Result<void> finish();

 private:
  struct Reading;

  void go_on(const std::shared_ptr<Reading>& reading);
  void read_end(const std::shared_ptr<Reading>& reading, std::uint64_t from);
  static bool take_end(const std::shared_ptr<Reading>& reading, const std::string& piece);
  void answered(const std::shared_ptr<Reading>& reading, std::uint64_t wanted, Result<std::string> piece);
  void end(const std::shared_ptr<Reading>& reading);
  Result<void> wait_for_fewer_than(std::size_t count);

  lake::BlobStore& store_;
  io::Loop& loop_;
  Events events_;
  std::set<std::shared_ptr<Reading>> readings_;
  std::optional<Error> error_;
  // What answers late finds that nobody waits any more.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace penstock::verify
