// One step on a batch's way to the store, as it waits, runs or sleeps in the Uploader.
#pragma once

#include <cstdint>

#include <penstock/result.h>

#include "base/clock.h"
#include "pipeline/batch.h"

namespace penstock::pipeline {

struct UploadTask {
  enum class Step : std::uint8_t {
    put_block,
    put_blob,  // the whole blob: its only block
    commit_blocks,
    ask_who,      // the name exists, or its blocks are gone: whose blob is it?
    blocks_gone,  // and the name is nobody's: whether they may be put again is to be asked
  };

  BatchPtr batch;
  Step step{};
  std::uint32_t block = 0;
  std::uint32_t attempt = 1;
  Step asked_after = Step::commit_blocks;  // ask_who: the call that raised the question
  Error question = {};                     // and its answer
  bool is_last = false;                    // ask_who: an absent blob is never put any more
  bool is_probe = false;                   // the one of its topic that RefusedTopics lets through
  MonoTime sent{};                         // while the call is under way
};

}  // namespace penstock::pipeline
