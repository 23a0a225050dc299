// How it works
//
// Each partition is judged alone, by one question after another. The worked case is "orders 0":
//
//   the log                  [0, 200)
//   blobs                    [50, 100) [120, 160)
//   committed before, after  140, 150; the entry of after claims [150, 160) for a blob
//
//   1. look_at_begin(): [0, 50) is in the log and before the first blob. With source.start: earliest that is
//      a fault, and else a note.
//   2. look_at_committed(): of [50, 140) the part [100, 120) is in no blob. That is a fault. The end is the
//      position of before, as a blob that was published during the listing may not have been listed.
//   3. look_at_claim(): the blob is there, and says that it holds exactly [150, 160). So the position will
//      move to 160, and claimed_to_ notes that.
//   4. look_beyond(): nothing is in a blob at 160 or above. Without the claim the limit would be 150, and the
//      next start would land [150, 160) again.
//   5. look_at_log(): 160 lies within the log, so nothing was lost and the log was not cut.
//
// A partition that has blobs and is not in the cluster's view is asked for gaps between its blobs only.
#include "verify/judge.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/partition_range.h"

namespace penstock::verify {
namespace {

constexpr Position k_end_of_time{INT64_MAX};

// One partition's judgement.
class Judge {
 public:
  Judge(const TopicPartition& id, const Tiles& tiles, const PartitionView& view, const ClaimedBlobs& claimed,
        const JudgeOptions& options, Findings& findings)
      : id_(id), tiles_(tiles), view_(view), claimed_(claimed), options_(options), findings_(findings) {}

  void run() {
    for (const Range& lost : tiles_.lost.intervals()) {
      say(Severity::note, FindingKind::lost, lost,
          "had left the log before they were read: lost, and said so (source.on_data_loss: continue)");
    }
    look_at_begin();
    look_at_committed();
    look_at_claim();
    look_beyond();
    look_at_log();
  }

 private:
  void say(Severity severity, FindingKind kind, std::optional<Range> range, std::string text,
           std::vector<std::string> blobs = {}) {
    findings_.add({.severity = severity,
                   .kind = kind,
                   .id = id_,
                   .range = range,
                   .blobs = std::move(blobs),
                   .text = std::move(text)});
  }

  // Where the partition's blobs begin: nothing but the log can tell whether something was before.
  void look_at_begin() {
    if (!view_.log) {
      return;
    }
    const Position begin = !tiles_.held.empty() ? tiles_.held.first()
                           : view_.before       ? view_.before->position
                                                : view_.log->first;
    if (begin <= view_.log->first) {
      return;
    }
    const Range left{view_.log->first, begin};
    if (options_.from_earliest) {
      say(Severity::fault, FindingKind::gap, left,
          "are in no blob, and the log still has them: source.start is earliest, so they were to be read (or "
          "the group's "
          "position was set by hand, or by another product)");
    } else {
      say(Severity::note, FindingKind::gap, left,
          "are in the log and before the first blob: source.start, or the group's position, left them out");
    }
  }

  void look_at_committed() {
    if (!view_.before || tiles_.held.empty()) {
      return;
    }
    const Range wanted{tiles_.held.first(), view_.before->position};
    for (const Range& gap : wanted.first < wanted.next ? tiles_.held.missing(wanted) : std::vector<Range>()) {
      say(Severity::fault, FindingKind::gap, gap, "are committed, and in no blob");
    }
  }

  void look_at_claim() {
    const auto text = view_.after ? ledger::parse_metadata(view_.after->metadata) : ledger::NoClaim{};
    if (std::holds_alternative<ledger::UnknownVersion>(text)) {
      say(Severity::fault, FindingKind::claim, std::nullopt,
          "has a claim of a version that this penstock does not know: finish with the one that made it");
      return;
    }
    const auto* claim = std::get_if<ledger::Claim>(&text);
    if (claim == nullptr) {
      return;
    }
    const Range range{view_.after->position, claim->next};
    if (claim->sink != options_.sink) {
      say(Severity::fault, FindingKind::claim, range,
          "are claimed for a blob of another sink: finish with the former sink.url, or set the group's entry "
          "by hand",
          {claim->blob});
      return;
    }
    const auto found = claimed_.find(claim->blob);
    if (found == claimed_.end() || !found->second) {
      say(Severity::note, FindingKind::claim, range,
          "are claimed for a blob that is not there: it is being published, or the next start closes its "
          "name and "
          "reads them again",
          {claim->blob});
      return;
    }
    look_at_claimed(*claim, range, *found->second);
  }

  void look_at_claimed(const ledger::Claim& claim, Range range, const BlobFacts& blob) {
    const std::vector<PartitionRange>& held = blob.metadata.ranges;
    const bool ours = blob.kind == BlobFacts::Kind::data && blob.metadata.topic == id_.topic &&
                      std::find(held.begin(), held.end(), PartitionRange{id_.partition, range}) != held.end();
    if (blob.kind == BlobFacts::Kind::tombstone) {
      say(Severity::note, FindingKind::claim, range,
          "are claimed for a name that a successor has closed: they are read again", {claim.blob});
    } else if (ours) {
      claimed_to_ = range.next;
      say(Severity::note, FindingKind::claim, range,
          "are claimed for a blob that is there: published, and the next commit will say so", {claim.blob});
    } else {
      say(Severity::fault, FindingKind::claim, range,
          "are claimed for a blob that holds something else: the partition will not start", {claim.blob});
    }
  }

  void look_beyond() {
    if (tiles_.held.empty()) {
      return;
    }
    if (!view_.after) {
      say(options_.exactly_once ? Severity::fault : Severity::note, FindingKind::beyond,
          Range{tiles_.held.first(), tiles_.held.next()},
          "are in blobs, and the group has no position: it expired or was deleted, and a start would land "
          "them again");
      return;
    }
    const Position limit = std::max(view_.after->position, claimed_to_);
    for (const Range& range :
         limit < tiles_.held.next() ? tiles_.held.present({limit, k_end_of_time}) : std::vector<Range>()) {
      say(options_.exactly_once ? Severity::fault : Severity::note, FindingKind::beyond, range,
          concat("are in blobs beyond the committed position ", view_.after->position.value,
                 ": the next start lands them again"));
    }
  }

  void look_at_log() {
    if (!view_.log || !view_.after) {
      return;
    }
    const Position position = std::max(view_.after->position, claimed_to_);
    if (position < view_.log->first) {
      say(Severity::fault, FindingKind::log, Range{position, view_.log->first},
          "have left the log before they were landed: lost, see source.on_data_loss");
    } else if (position > view_.log->next) {
      say(Severity::fault, FindingKind::log, Range{view_.log->next, position},
          "are committed and above the log's end: was the topic made anew, or its log cut?");
    }
    if (!tiles_.held.empty() && tiles_.held.next() > std::max(view_.log->next, position)) {
      say(Severity::fault, FindingKind::log, Range{view_.log->next, tiles_.held.next()},
          "are in blobs and above the log's end: was the topic made anew, or its log cut?");
    }
  }

  const TopicPartition& id_;
  const Tiles& tiles_;
  const PartitionView& view_;
  const ClaimedBlobs& claimed_;
  const JudgeOptions& options_;
  Findings& findings_;
  Position claimed_to_{0};  // the end of a pending claim whose blob is there
};

}  // namespace

std::vector<std::string> claimed_names(const ClusterView& cluster, const JudgeOptions& options) {
  std::vector<std::string> names;
  for (const auto& [id, view] : cluster) {
    const auto text = view.after ? ledger::parse_metadata(view.after->metadata) : ledger::NoClaim{};
    if (const auto* claim = std::get_if<ledger::Claim>(&text);
        claim != nullptr && claim->sink == options.sink) {
      names.push_back(claim->blob);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void judge(const Tiling& tiling, const ClusterView& cluster, const ClaimedBlobs& claimed,
           const JudgeOptions& options, Findings& findings) {
  const Tiles none;
  for (const auto& [id, view] : cluster) {
    const Tiles* tiles = tiling.find(id);
    Judge(id, tiles == nullptr ? none : *tiles, view, claimed, options, findings).run();
  }
  for (const auto& [topic, partitions] : tiling.topics()) {
    for (const auto& [partition, tiles] : partitions) {
      const TopicPartition id{topic, partition};
      if (cluster.contains(id)) {
        continue;
      }
      // Not of this configuration, or deleted: its tiles are all that can be looked at.
      for (const Range& gap : tiles.held.missing({tiles.held.first(), tiles.held.next()})) {
        findings.add({.severity = Severity::fault,
                      .kind = FindingKind::gap,
                      .id = id,
                      .range = gap,
                      .blobs = {},
                      .text = "are in no blob, though blobs hold what is before and behind"});
      }
    }
  }
}

void report_overlaps(Overlaps overlaps, const JudgeOptions& options, Findings& findings) {
  for (Overlaps::Overlap& overlap : std::move(overlaps).take()) {
    findings.add({.severity = options.exactly_once ? Severity::fault : Severity::note,
                  .kind = FindingKind::overlap,
                  .id = std::move(overlap.id),
                  .range = overlap.range,
                  .blobs = std::move(overlap.names),
                  .text = concat("are in ", overlap.blob_count, " blobs")});
  }
}

}  // namespace penstock::verify
