// Looks at a whole lake. The module `verify` judges; what it is asked, and in which order, is decided here.
//
//   entries, log starts ─► every blob ─► entries, log ends ─► names of blobs that overlap ─► claimed names
//                                                                              judgement ◄──────────┘
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "verify/findings.h"
#include "verify/judge.h"
#include "verify/tiling.h"

namespace penstock::appliance {

// metadata: what the blobs say of themselves. content: their bytes too, which are read and counted.
enum class Depth : std::uint8_t { metadata, content };

struct VerifyOptions {
  Depth depth = Depth::metadata;
  // Of those of the configuration. Empty: all of them.
  std::vector<std::string> topics = {};
  // Only what was produced since then is judged, and only blobs that hold some of it are read.
  std::optional<WallTime> since = {};
  // Depth::content: lists once more before, so that VerifyProgress has totals.
  bool counts_before = false;
};

struct VerifyProgress {
  std::uint64_t blobs = 0;
  // 0 with Depth::metadata.
  std::uint64_t bytes_read = 0;
  // Bytes that are to be read. 0: not known.
  std::uint64_t bytes = 0;
  // They are being counted.
  bool counting = false;
  // In a second look, for the names of blobs that overlap, or have a gap between them.
  bool naming = false;
  // At the end: gaps that the log was asked about.
  std::uint64_t gaps_asked = 0;
};

struct VerifyReport {
  // Blobs of this group that hold data, and those that close a name.
  std::uint64_t blobs = 0;
  std::uint64_t tombstones = 0;
  // Files that tell of a silent partition (batch.empty_files).
  std::uint64_t empty_files = 0;
  // Files that penstock did not write.
  std::uint64_t foreign = 0;
  // Blobs of another source.group, which were not looked at.
  std::uint64_t other_groups = 0;
  // Blobs of other topics, or from before VerifyOptions::since, which were not looked at.
  std::uint64_t left_out = 0;
  // As the metadata of `blobs` say; bytes before compression.
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  std::uint64_t holes = 0;
  // Records of these blobs that are in the quarantine files beside them, and how many such files there are.
  std::uint64_t quarantined = 0;
  std::uint64_t quarantine_files = 0;
  std::uint64_t bytes = 0;
  // 0 with Depth::metadata.
  std::uint64_t bytes_read = 0;
  verify::Tiling tiling;
  verify::ClusterView cluster;
  verify::Findings findings;
};

// Blocks until all has been looked at; `progress` is called on this thread, per blob and per piece of one
// that is read. Changes nothing. What is wrong with the lake is a finding. Error: brokers, group or store did
// not answer, or did not let us look. Nothing is known then.
Result<VerifyReport> verify_lake(const config::Settings& settings, const VerifyOptions& options,
                                 const std::function<void(const VerifyProgress&)>& progress);

}  // namespace penstock::appliance
