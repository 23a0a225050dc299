// How it works
//
// A lake may be in use while it is looked at, and listing a million blobs takes minutes. So the cluster is
// asked twice:
//
//   before: entries, starts of the logs ──► every blob is listed ──► after: entries, ends of the logs
//
// What was committed before the listing must be in a blob. What is in a blob must be committed, or claimed,
// after it.
//
// For example, partition 3 of a topic whose log holds everything from offset 0:
// 1. Before, the group's entry is at 500. Every blob with a record below 500 is visible by now.
// 2. While blobs are listed, one with 500 to 549 appears. Whether the list has it depends on its name.
// 3. After, the entry is at 600, as the service went on.
// 4. A position below 500 that is in no blob is a fault. Positions from 500 to 599 may be in the list or not.
//    A blob with position 600 or more is a fault, unless a pending claim names it.
//
// Blobs are not kept, only the positions that they hold, as intervals (verify/tiling.h). The names of two
// blobs that hold the same position are therefore found by listing once more. A gap is asked of the log last:
// empty values and transaction markers take offsets, and no blob has them.
#include "appliance/verification.h"

#include <chrono>
#include <memory>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/clock.h"
#include "base/concat.h"
#include "io/loop.h"
#include "ledger/claim_text.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/value_probe.h"
#include "verify/content.h"
#include "verify/lake_reader.h"

namespace penstock::appliance {
namespace {

using verify::BlobFacts;
using verify::Finding;
using verify::FindingKind;
using verify::Severity;

constexpr std::chrono::milliseconds k_broker_patience{10'000};

// Gaps that the log is asked about: each costs a connection, and some tenths of a second.
constexpr int k_gaps_asked_max = 50;

std::optional<GroupEntry> entry_of(const rdkafka::ProbeReport& report, const TopicPartition& id) {
  const auto found = report.committed.find(id);
  return found == report.committed.end() ? std::nullopt : std::optional(found->second);
}

// A partition that was added meanwhile is not looked at.
verify::ClusterView joined(const rdkafka::ProbeReport& before, const rdkafka::ProbeReport& after) {
  verify::ClusterView view;
  for (const auto& [id, log] : before.logs) {
    verify::PartitionView& partition = view[id];
    partition.before = entry_of(before, id);
    partition.after = entry_of(after, id);
    if (const auto later = after.logs.find(id); later != after.logs.end()) {
      partition.log = Range{log.start, later->second.end};
    }
  }
  return view;
}

class Verification {
 public:
  Verification(const config::Settings& settings, Depth depth,
               const std::function<void(const VerifyProgress&)>& progress, verify::LakeReader& lake)
      : settings_(settings), depth_(depth), progress_(progress), lake_(lake) {}

  Result<VerifyReport> run() {
    const Result<rdkafka::ProbeReport> before = ask_cluster(settings_, Question::group, k_broker_patience);
    if (!before.ok()) {
      return before.error();
    }
    if (Result<void> seen = lake_.each([this](BlobFacts facts) { return look(facts); }); !seen.ok()) {
      return std::move(seen).error();
    }
    const Result<rdkafka::ProbeReport> after = ask_cluster(settings_, Question::group, k_broker_patience);
    if (!after.ok()) {
      return after.error();
    }
    report_.cluster = joined(*before, *after);
    report_.bytes_read = told_.bytes_read;
    const verify::JudgeOptions options{.exactly_once = settings_.guarantee == ledger::Guarantee::exactly_once,
                                       .from_earliest = settings_.source.start == source::StartAt::earliest,
                                       .sink = sink_identity(settings_)};
    if (Result<void> named = name_overlaps(options); !named.ok()) {
      return std::move(named).error();
    }
    Result<verify::ClaimedBlobs> claimed = look_at_claimed(options);
    if (!claimed.ok()) {
      return std::move(claimed).error();
    }
    verify::judge(report_.tiling, report_.cluster, *claimed, options, report_.findings);
    ask_the_log_about_gaps();
    return std::move(report_);
  }

 private:
  bool is_ours(const BlobFacts& facts) const { return facts.metadata.group == settings_.source.group; }

  Result<void> look(const BlobFacts& facts) {
    ++told_.blobs;
    progress_(told_);
    if (facts.kind == BlobFacts::Kind::foreign) {
      ++report_.foreign;
      report_.findings.add({.severity = Severity::fault,
                            .kind = FindingKind::foreign,
                            .id = std::nullopt,
                            .range = std::nullopt,
                            .blobs = {facts.name},
                            .text = facts.fault});
      return {};
    }
    if (!is_ours(facts)) {
      ++report_.other_groups;
      return {};
    }
    if (facts.kind == BlobFacts::Kind::tombstone) {
      ++report_.tombstones;
    } else {
      ++report_.blobs;
      report_.records += facts.metadata.records;
      report_.bytes += facts.metadata.bytes;
      report_.tiling.add(facts);
    }
    return look_inside(facts);
  }

  Result<void> look_inside(const BlobFacts& facts) {
    std::optional<Finding> wrong = verify::check_size(facts);
    if (depth_ == Depth::content && !wrong) {
      Result<std::optional<Finding>> read = lake_.check_content(facts, [this](std::uint64_t bytes) {
        told_.bytes_read += bytes;
        progress_(told_);
      });
      if (!read.ok()) {
        return std::move(read).error();
      }
      wrong = std::move(read).value();
    }
    if (wrong) {
      report_.findings.add(*std::move(wrong));
    }
    return {};
  }

  // Names are not kept at the first look, as a million of them would be, and what overlaps is known only at
  // its end.
  Result<void> name_overlaps(const verify::JudgeOptions& options) {
    if (!report_.tiling.any_twice()) {
      return {};
    }
    verify::Overlaps overlaps(report_.tiling);
    told_ = {.blobs = 0, .bytes_read = told_.bytes_read, .naming = true};
    Result<void> seen = lake_.each([&](const BlobFacts& facts) {
      ++told_.blobs;
      progress_(told_);
      if (facts.kind == BlobFacts::Kind::data && is_ours(facts)) {
        overlaps.look(facts);
      }
      return Result<void>();
    });
    if (seen.ok()) {
      verify::report_overlaps(std::move(overlaps), options, report_.findings);
    }
    return seen;
  }

  Result<verify::ClaimedBlobs> look_at_claimed(const verify::JudgeOptions& options) {
    verify::ClaimedBlobs claimed;
    for (const std::string& name : verify::claimed_names(report_.cluster, options)) {
      Result<std::optional<BlobFacts>> found = lake_.find(name);
      if (!found.ok()) {
        return std::move(found).error();
      }
      claimed.emplace(name, std::move(found).value());
    }
    return claimed;
  }

  // Empty values and transaction markers take offsets and make no blob: where the log still has a gap, it
  // tells.
  void ask_the_log_about_gaps() {
    int asked = 0;
    report_.findings.review([&](Finding& finding) {
      if (finding.kind != FindingKind::gap || finding.severity != Severity::fault || !finding.id) {
        return;
      }
      const auto view = report_.cluster.find(*finding.id);
      const bool in_log = view != report_.cluster.end() && view->second.log &&
                          finding.range->first >= view->second.log->first;
      if (!in_log || ++asked > k_gaps_asked_max) {
        return;
      }
      const auto value =
          rdkafka::first_value(kafka_options(settings_, 0), *finding.id, *finding.range, k_broker_patience);
      if (value.ok() && !value->has_value()) {
        finding.severity = Severity::note;
        finding.text =
            "are in no blob, and the log has no values there: empty ones, transaction markers, or compacted";
      } else if (value.ok()) {
        finding.text += concat("; the log still has them, from offset ", (*value)->value, " on");
      }
    });
  }

  const config::Settings& settings_;
  const Depth depth_;
  const std::function<void(const VerifyProgress&)>& progress_;
  verify::LakeReader& lake_;
  VerifyProgress told_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify_lake(const config::Settings& settings, Depth depth,
                                 const std::function<void(const VerifyProgress&)>& progress) {
  Result<std::unique_ptr<io::Loop>> loop =
      io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  Result<std::unique_ptr<lake::BlobStore>> store = open_store_to_read(settings, **loop, system_clock());
  if (!store.ok()) {
    return std::move(store).error();
  }
  verify::LakeReader lake(**store, **loop, system_clock());
  return Verification(settings, depth, progress, lake).run();
}

}  // namespace penstock::appliance
