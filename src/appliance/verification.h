// Looks at a whole lake: the order of the questions that `verify` (the module) gives its answers from.
//
//   entries, log starts ─► every blob ─► entries, log ends ─► the blobs that overlap, once more ─► claimed names ─► judgement
#pragma once

#include <cstdint>
#include <functional>

#include <penstock/result.h>

#include "config/settings.h"
#include "verify/findings.h"
#include "verify/judge.h"
#include "verify/tiling.h"

namespace penstock::appliance {

enum class Depth : std::uint8_t { metadata, content };

struct VerifyProgress {
  std::uint64_t blobs = 0;
  std::uint64_t bytes_read = 0;  // with Depth::content
  bool naming = false;           // the second look, for the names of blobs that overlap
};

struct VerifyReport {
  std::uint64_t blobs = 0;  // of data, of this group
  std::uint64_t tombstones = 0;
  std::uint64_t foreign = 0;       // files that are not ours
  std::uint64_t other_groups = 0;  // blobs of penstocks with another source.group, which were not looked at
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // uncompressed
  std::uint64_t bytes_read = 0;
  verify::Tiling tiling;
  verify::ClusterView cluster;
  verify::Findings findings;
};

// Blocking. Error: brokers, group or store did not answer, or did not let us look; nothing is known then.
Result<VerifyReport> verify_lake(const config::Settings& settings, Depth depth,
                                 const std::function<void(const VerifyProgress&)>& progress);

}  // namespace penstock::appliance
