// A store, asked question after question by somebody who has nothing else to do: blocking, and with repeats,
// since an answer that fails once in a million must not end the look at a million blobs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"

namespace penstock::verify {

class LakeReader {
 public:
  // What may be mended by waiting is tried so often, with 1, 2, 4 and 8 s between, or as long as the store
  // asks for.
  static constexpr int k_tries_max = 5;

  // Both outlive it.
  LakeReader(lake::BlobStore& store, io::Loop& loop, const Clock& clock);

  // Every blob, in the order of the names. `look` may end it with an Error.
  Result<void> each(const std::function<Result<void>(BlobFacts)>& look);

  // None: no blob has this name.
  Result<std::optional<BlobFacts>> find(const std::string& name);

  // Reads the blob through. None: it holds what its metadata say, or is gone by now. `read` hears of every
  // piece.
  Result<std::optional<Finding>> check_content(const BlobFacts& facts,
                                               const std::function<void(std::uint64_t bytes)>& read);

 private:
  template <class Value>
  Result<Value> ask(const std::function<void(std::function<void(Result<Value>)>)>& question);
  template <class Value>
  Result<Value> ask_once(const std::function<void(std::function<void(Result<Value>)>)>& question);
  void pause(Duration wait);

  lake::BlobStore& store_;
  io::Loop& loop_;
  const Clock& clock_;
};

}  // namespace penstock::verify
