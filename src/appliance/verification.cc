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
// early versions made no blob of empty values and transaction markers alone, and no blob tells of them.
#include "appliance/verification.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "appliance/cluster_answers.h"
#include "appliance/tokens.h"
#include "appliance/wiring_source.h"
#include "appliance/wiring_store.h"
#include "base/clock.h"
#include "base/concat.h"
#include "ledger/claim_text.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/value_probe.h"
#include "verify/content.h"
#include "verify/content_reader.h"
#include "verify/gap_neighbours.h"
#include "verify/lake_reader.h"
#include "verify/quarantines.h"

namespace penstock::appliance {
namespace {

using verify::BlobFacts;
using verify::Finding;
using verify::FindingKind;
using Judged = verify::Quarantines::Judged;
using verify::Severity;

constexpr std::chrono::milliseconds k_broker_patience{10'000};

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
  Verification(const config::Settings& settings, const VerifyOptions& options,
               const std::function<void(const VerifyProgress&)>& progress, verify::LakeReader& lake,
               verify::ContentReader& contents)
      : settings_(settings), options_(options), progress_(progress), lake_(lake), contents_(contents) {}

  void found(Finding finding) { report_.findings.add(std::move(finding)); }
  void read(std::uint64_t bytes) {
    told_.bytes_read += bytes;
    progress_(told_);
  }

  Result<VerifyReport> run() {
    const Result<rdkafka::ProbeReport> before = ask_cluster(settings_, Question::group, k_broker_patience);
    if (!before.ok()) {
      return before.error();
    }
    if (Result<void> known = find_since(*before); !known.ok()) {
      return std::move(known).error();
    }
    Result<void> seen = options_.counts_before ? count_before() : Result<void>();
    if (seen.ok()) {
      seen = lake_.each([this](BlobFacts facts) { return look(std::move(facts)); });
    }
    if (seen.ok()) {
      seen = contents_.finish();
    }
    if (!seen.ok()) {
      return std::move(seen).error();
    }
    const Result<rdkafka::ProbeReport> after = ask_cluster(settings_, Question::group, k_broker_patience);
    if (!after.ok()) {
      return after.error();
    }
    report_.cluster = joined(*before, *after);
    for (auto& [id, view] : report_.cluster) {
      view.since = since(id);
    }
    judge_ranges_only();
    note_early_blobs();
    report_.tiling.settle(verify::topic_ids(report_.cluster));
    report_.bytes_read = told_.bytes_read;
    const verify::JudgeOptions options{.exactly_once = settings_.guarantee == ledger::Guarantee::exactly_once,
                                       .from_earliest = settings_.source.start == source::StartAt::earliest ||
                                                        settings_.source.ranges.has_value(),
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
    if (Result<void> paired = pair_quarantines(); !paired.ok()) {
      return std::move(paired).error();
    }
    if (Result<void> merged = merge_gaps(); !merged.ok()) {
      return std::move(merged).error();
    }
    return std::move(report_);
  }

 private:
  bool is_ours(const BlobFacts& facts) const { return facts.metadata.group == settings_.source.group; }

  Result<void> find_since(const rdkafka::ProbeReport& before) {
    if (!options_.since) {
      return {};
    }
    auto found = rdkafka::positions_at_time(kafka_options(settings_, 0), before.logs, *options_.since,
                                            k_broker_patience);
    if (!found.ok()) {
      return std::move(found).error();
    }
    since_ = std::move(found).value();
    return {};
  }

  // Of a replay: its ranges take the place of the logs. What retention has taken is asked for only where it
  // was not landed before.
  void judge_ranges_only() {
    if (!settings_.source.ranges) {
      return;
    }
    std::erase_if(report_.cluster,
                  [&](const auto& row) { return !settings_.source.ranges->contains(row.first); });
    for (auto& [id, view] : report_.cluster) {
      const Range range = settings_.source.ranges->at(id);
      const Position landed =
          view.before ? std::clamp(view.before->position, range.first, range.next) : range.first;
      const Position log_start = view.log ? view.log->first : range.first;
      const bool is_whole = landed == range.next;
      view.log = Range{is_whole ? range.first : std::clamp(log_start, range.first, range.next), range.next};
      if (!is_whole) {
        report_.findings.add({.severity = Severity::fault,
                              .kind = FindingKind::log,
                              .id = id,
                              .range = Range{landed, range.next},
                              .blobs = {},
                              .text = "are not landed yet: the replay has not ended; run it again"});
      }
    }
  }

  std::optional<Position> since(const TopicPartition& id) const {
    const auto found = since_.find(id);
    return found == since_.end() ? std::nullopt : std::optional(found->second);
  }

  // A partition that the cluster does not name is not of the topics that are asked for, or is of no log.
  bool is_asked_for(const BlobFacts& facts) const {
    const format::BlobMetadata& said = facts.metadata;
    const bool of_topic = options_.topics.empty() || facts.kind == BlobFacts::Kind::tombstone ||
                          std::ranges::find(options_.topics, said.topic) != options_.topics.end();
    return of_topic && (!options_.since || facts.kind == BlobFacts::Kind::quarantine ||
                        std::ranges::any_of(said.ranges, [&](const PartitionRange& part) {
                          const auto from = since({said.topic, part.partition});
                          return from && part.range.next > *from;
                        }));
  }

  // For the progress alone.
  Result<void> count_before() {
    told_.counting = true;
    std::uint64_t bytes = 0;
    Result<void> seen = lake_.each([&](const BlobFacts& facts) {
      ++told_.blobs;
      progress_(told_);
      const bool is_read = facts.kind == BlobFacts::Kind::data && is_ours(facts) && is_asked_for(facts);
      bytes += is_read ? facts.stored_bytes : 0;
      return Result<void>();
    });
    told_ = {.bytes = bytes};
    return seen;
  }

  Result<void> look(BlobFacts facts) {
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
    const bool asked_for = is_asked_for(facts);
    if (facts.kind == BlobFacts::Kind::data) {
      quarantines_.add_file(facts, asked_for ? Judged::yes : Judged::left_out);
    }
    if (!asked_for) {
      ++report_.left_out;
      return {};
    }
    if (facts.kind == BlobFacts::Kind::tombstone) {
      ++report_.tombstones;
    } else if (facts.kind == BlobFacts::Kind::quarantine) {
      quarantines_.add_quarantine(facts);
    } else if (facts.kind == BlobFacts::Kind::empty) {
      ++report_.empty_files;
    } else {
      count(facts.metadata);
      report_.tiling.add(facts);
    }
    return look_inside(std::move(facts));
  }

  void count(const format::BlobMetadata& said) {
    ++report_.blobs;
    report_.records += said.records;
    report_.skipped += said.skipped.value_or(0);
    report_.holes += said.holes.value_or(0);
    report_.bytes += said.bytes;
    if (!said.skipped || !said.holes) {
      ++early_blobs_;
      early_positions_ += said.position_count() - std::min(said.position_count(), said.records);
    }
  }

  void note_early_blobs() {
    if (early_blobs_ > 0) {
      report_.findings.add({.severity = Severity::note,
                            .kind = FindingKind::content,
                            .id = std::nullopt,
                            .range = std::nullopt,
                            .blobs = {},
                            .text = concat(early_blobs_, " blobs of early versions have ", early_positions_,
                                           " positions without a line, and do not say why")});
    }
  }

  Result<void> look_inside(BlobFacts facts) {
    if (std::optional<Finding> wrong = verify::check_listed(facts)) {
      report_.findings.add(*std::move(wrong));
      return {};
    }
    return options_.depth == Depth::content ? contents_.add(std::move(facts)) : Result<void>();
  }

  // Names are not kept at the first look, as a million of them would be, and what overlaps is known only at
  // its end.
  Result<void> name_overlaps(const verify::JudgeOptions& options) {
    if (!report_.tiling.any_twice()) {
      return {};
    }
    verify::Overlaps overlaps(report_.tiling);
    Result<void> seen = look_again([&](const BlobFacts& facts) { overlaps.look(facts); });
    if (seen.ok()) {
      verify::report_overlaps(std::move(overlaps), options, report_.findings);
    }
    return seen;
  }

  Result<void> pair_quarantines() {
    Result<void> paired =
        quarantines_.settle([this](const std::string& name) { return lake_.find(name); }, report_.findings);
    report_.quarantined = quarantines_.records();
    report_.quarantine_files = quarantines_.files();
    return paired;
  }

  // A missing blob of many partitions is one finding.
  Result<void> merge_gaps() {
    verify::GapNeighbours gaps(report_.tiling, report_.findings);
    if (gaps.empty()) {
      return {};
    }
    Result<void> seen = look_again([&](const BlobFacts& facts) { gaps.look(facts); });
    if (seen.ok()) {
      gaps.merge(report_.findings);
    }
    return seen;
  }

  Result<void> look_again(const std::function<void(const BlobFacts&)>& at) {
    told_ = {.bytes_read = told_.bytes_read, .naming = true};
    return lake_.each([&](const BlobFacts& facts) {
      ++told_.blobs;
      progress_(told_);
      if (facts.kind == BlobFacts::Kind::data && is_ours(facts) && is_asked_for(facts)) {
        at(facts);
      }
      return Result<void>();
    });
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

  // Where the log still has a gap, it tells. Each question costs a connection, and some tenths of a second.
  void ask_the_log_about_gaps() {
    report_.findings.review([&](Finding& finding) {
      if (finding.kind != FindingKind::gap || finding.severity != Severity::fault || !finding.id) {
        return;
      }
      const auto view = report_.cluster.find(*finding.id);
      const bool in_log = view != report_.cluster.end() && view->second.log &&
                          finding.range->first >= view->second.log->first;
      if (!in_log) {
        return;
      }
      ++told_.gaps_asked;
      progress_(told_);
      const auto value =
          rdkafka::first_value(kafka_options(settings_, 0), *finding.id, *finding.range, k_broker_patience);
      if (value.ok() && !value->has_value()) {
        finding.severity = Severity::note;
        finding.text =
            "are in no blob, and the log has no values there: empty ones, transaction markers, or compacted";
      } else if (value.ok()) {
        finding.text += concat("; the first value that the log has of them is at offset ", (*value)->value);
      }
    });
  }

  const config::Settings& settings_;
  const VerifyOptions& options_;
  const std::function<void(const VerifyProgress&)>& progress_;
  verify::LakeReader& lake_;
  verify::ContentReader& contents_;
  std::map<TopicPartition, Position> since_;
  std::uint64_t early_blobs_ = 0;  // of releases that did not tell of positions without a line
  std::uint64_t early_positions_ = 0;
  VerifyProgress told_;
  verify::Quarantines quarantines_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify_lake(const config::Settings& all_topics, const VerifyOptions& options,
                                 const std::function<void(const VerifyProgress&)>& progress) {
  config::Settings settings = all_topics;
  if (!options.topics.empty()) {
    settings.source.topics = options.topics;
    settings.source.topics_regex.clear();
  }
  const Result<Tokens> tokens = Tokens::open_and_await(settings);
  if (!tokens.ok()) {
    return tokens.error();
  }
  const Result<LoneStore> sink = make_lone_store(settings, StoreUse::read);
  if (!sink.ok()) {
    return sink.error();
  }
  verify::LakeReader lake(*sink->store, *sink->loop, system_clock());
  std::optional<Verification> verification;
  verify::ContentReader contents(*sink->store, *sink->loop,
                                 {.found = [&](Finding finding) { verification->found(std::move(finding)); },
                                  .read = [&](std::uint64_t bytes) { verification->read(bytes); }});
  return verification.emplace(settings, options, progress, lake, contents).run();
}

}  // namespace penstock::appliance
