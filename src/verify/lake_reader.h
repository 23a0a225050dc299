// A store, asked question after question by somebody who has nothing else to do: blocking, and with repeats,
// since an answer that fails once in a million must not end the look at a million blobs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "verify/blob_facts.h"
#include "verify/findings.h"

namespace penstock::verify {

// The longest that a turn of the loop waits.
inline constexpr Duration k_loop_turn = std::chrono::milliseconds(100);

// What may be mended by waiting is tried five times, with 1, 2, 4 and 8 s between, or as long as the store
// asks for.
class Repeats {
 public:
  // How long to wait before the next try; none: there is none.
  std::optional<Duration> pause_after(const Error& error);

 private:
  int tries_ = 0;
  std::chrono::milliseconds wait_{1000};
};

class LakeReader {
 public:
  // Both outlive it.
  LakeReader(lake::BlobStore& store, io::Loop& loop, const Clock& clock);

  // Every blob whose name begins with `prefix`, but the markers of `penstock landed`, in the order of the
  // names. `look` may end it with an Error.
  Result<void> each(const std::function<Result<void>(BlobFacts)>& look, std::string_view prefix = {});

  // None: no blob has this name.
  Result<std::optional<BlobFacts>> find(const std::string& name);

  // As lake::BlobStore::read().
  Result<std::string> read(const std::string& name, std::uint64_t offset, std::uint64_t bytes);

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
