// How it works
//
// Each partition is judged alone, by one question after another. The worked case is "orders 0":
//
//   the log                  [0, 200)
//   blobs                    [50, 100) [120, 160)
//   committed before, after  140, 150; the entry of after claims [150, 160) for a blob
//
//   1. look_at_begin(): [0, 50) is in the log and before the first blob. With source.start: earliest that is
//      a fault, and else a note. Had the blob of [50, 100) said that nothing of [0, 50) makes a line
//      (`before` in its metadata), it would be neither.
//   2. look_at_committed(): of [50, 140) the part [100, 120) is in no blob. That is a fault. The end is the
//      position of before, as a blob that was published during the listing may not have been listed.
//   3. look_at_claim(): the blob is there, and says that it holds exactly [150, 160). So the position will
//      move to 160, and claimed_to_ notes that.
//   4. look_beyond(): nothing is in a blob at 160 or above. Without the claim the limit would be 150, and the
//      next start would land [150, 160) again.
//   5. look_at_log(): 160 lies within the log, so nothing was lost and the log was not cut.
//
// Without any blob, the entry decides. One that says "reading began here" (`s` of claim_text.h) is right. Of
// any other, what lies before its offset was in blobs, and they are gone.
//
// Had the topic been made anew, blobs of its former id might hold [0, 300) too. look_at_other() notes them,
// and 1 to 5 do not see them.
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

// The topic id that an entry's metadata name; empty: they name none.
std::string topic_id_in(const GroupEntry& entry) {
  const auto text = ledger::parse_metadata(entry.metadata);
  if (const auto* claim = std::get_if<ledger::Claim>(&text)) {
    return claim->topic_id;
  }
  const auto* no_claim = std::get_if<ledger::NoClaim>(&text);
  return no_claim != nullptr ? no_claim->topic_id : std::string();
}

// What the entry says of the positions before its offset; none: nothing, so they are in blobs.
std::optional<ledger::Bare> bare_in(const GroupEntry& entry) {
  const auto text = ledger::parse_metadata(entry.metadata);
  const auto* claim = std::get_if<ledger::Claim>(&text);
  const auto* no_claim = std::get_if<ledger::NoClaim>(&text);
  const auto bare = claim != nullptr      ? claim->bare
                    : no_claim != nullptr ? no_claim->bare
                                          : std::optional<ledger::Bare>();
  return bare && bare->from <= entry.position ? bare : std::nullopt;
}

// One partition's judgement.
class Judge {
 public:
  Judge(const TopicPartition& id, const Tiling& tiling, PartitionView view, const ClaimedBlobs& claimed,
        const JudgeOptions& options, Findings& findings)
      : id_(id),
        tiling_(tiling),
        topic_id_(tiling.current(id)),
        tiles_(tiling.find(id) == nullptr ? none_ : *tiling.find(id)),
        view_(std::move(view)),
        claimed_(claimed),
        options_(options),
        findings_(findings),
        bare_(tiles_.bare) {
    if (view_.before && !topic_id_in(*view_.before).empty() && topic_id_in(*view_.before) != topic_id_) {
      view_.before.reset();  // the topic was made anew meanwhile
    }
    if (view_.before) {
      const auto bare = bare_in(*view_.before);
      began_at_ = bare && bare->is_start ? std::optional(bare->from) : std::nullopt;
      bare_.add({bare ? bare->from : view_.before->position, view_.before->position});
    }
  }

  void run() {
    if (topic_id_ != tiling_.newest(id_.topic)) {
      view_.log.reset();  // that of another topic
      say(Severity::note, FindingKind::anew, std::nullopt,
          concat("was made anew: the group's position belongs to the topic with the id ", topic_id_,
                 ", and blobs or other positions to that with the id ", tiling_.newest(id_.topic)));
    }
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
    const Position begin = !tiles_.held.empty() ? first_known()
                           : began_at_          ? *began_at_
                                                : view_.log->first;  // look_at_gone() asks
    const Range left{std::max(view_.log->first, since()), begin};
    if (left.first >= left.next) {
      return;
    }
    if (options_.from_earliest) {
      say(Severity::fault, FindingKind::gap, left,
          "are in no blob, and were to be read: source.start is earliest, or they begin a replay's range (or "
          "the group's position was set by hand, or by another product)");
    } else {
      say(Severity::note, FindingKind::gap, left,
          "are in the log and before the first blob: source.start, or the group's position, left them out");
    }
  }

  void look_at_committed() {
    if (!view_.before) {
      return;
    }
    if (tiles_.held.empty()) {
      look_at_gone();
      return;
    }
    const Range wanted{std::max(first_known(), since()), view_.before->position};
    for (const Range& gap :
         wanted.first < wanted.next ? tiles_.held.missing(wanted, bare_) : std::vector<Range>()) {
      say(Severity::fault, FindingKind::gap, gap, "are committed, and in no blob");
    }
  }

  void look_at_gone() {
    const Position position = view_.before->position;
    if (began_at_ || position <= since()) {
      return;
    }
    if (view_.log && view_.log->first == Position{0}) {  // then the log has all that there ever was
      say(Severity::fault, FindingKind::gap, Range{since(), position},
          "are committed, and no blob of the partition is there");
    } else {
      say(Severity::fault, FindingKind::gone, std::nullopt,
          concat("is committed up to ", position.value,
                 ", and no blob of it is there: its blobs were deleted, or the position was set by hand or "
                 "by an "
                 "early version, and nothing was landed since"));
    }
  }

  // Where what blobs tell of begins; not without a blob.
  Position first_known() const {
    return bare_.empty() ? tiles_.held.first() : std::min(tiles_.held.first(), bare_.first());
  }
  Position since() const { return view_.since.value_or(Position{0}); }

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
                      tiling_.incarnation_of(id_.topic, blob.metadata.topic_id) == topic_id_ &&
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
          "are in blobs, and the group has no position: it expired (brokers forget a group that was away for "
          "7 days), or it or the topic was deleted. A start reads from source.start, so if the topic is the "
          "same it lands them again: set the group's position by hand before");
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

  const Tiles none_;
  const TopicPartition& id_;
  const Tiling& tiling_;
  const std::string& topic_id_;
  const Tiles& tiles_;
  PartitionView view_;
  const ClaimedBlobs& claimed_;
  const JudgeOptions& options_;
  Findings& findings_;
  IntervalSet bare_;                    // before the committed position, said to have no lines
  std::optional<Position> began_at_{};  // of a group that has no blob yet
  Position claimed_to_{0};              // the end of a pending claim whose blob is there
};

// Of a topic that the cluster does not name: not of this configuration, or deleted. Its tiles are all that
// can be looked at.
void look_at_unnamed(const TopicPartition& id, const Tiles& tiles, Findings& findings) {
  if (tiles.held.empty()) {
    return;
  }
  for (const Range& gap : tiles.held.missing({tiles.held.first(), tiles.held.next()}, tiles.bare)) {
    findings.add({.severity = Severity::fault,
                  .kind = FindingKind::gap,
                  .id = id,
                  .range = gap,
                  .blobs = {},
                  .text = "are in no blob, though blobs hold what is before and behind"});
  }
}

// Of another topic of the same name, which is no more; or blobs that do not say of which they are.
void look_at_other(const TopicPartition& id, const std::string& topic_id, const Tiles& tiles,
                   Findings& findings) {
  if (tiles.held.empty()) {
    return;
  }
  const std::uint64_t blobs = tiles.blob_count;
  findings.add(
      {.severity = Severity::note,
       .kind = FindingKind::anew,
       .id = id,
       .range = Range{tiles.held.first(), tiles.held.next()},
       .blobs = {},
       .text = topic_id.empty()
                   ? concat("are in ", blobs, " blobs that do not say of which topic they are, and the ",
                            "topic was made anew: held against nothing but each other")
                   : concat("are in ", blobs, " blobs of another topic of this name, with the id ", topic_id,
                            ": the topic was made anew")});
  for (const Range& gap : tiles.held.missing({tiles.held.first(), tiles.held.next()}, tiles.bare)) {
    findings.add({.severity = Severity::note,
                  .kind = FindingKind::gap,
                  .id = id,
                  .range = gap,
                  .blobs = {},
                  .text = "are in none of these blobs, and the log that could tell why is no more"});
  }
}

}  // namespace

std::map<TopicPartition, std::string> topic_ids(const ClusterView& cluster) {
  std::map<TopicPartition, std::string> ids;
  for (const auto& [id, view] : cluster) {
    if (view.after && !topic_id_in(*view.after).empty()) {
      ids.emplace(id, topic_id_in(*view.after));
    }
  }
  return ids;
}

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
  for (const auto& [id, view] : cluster) {
    Judge(id, tiling, view, claimed, options, findings).run();
  }
  for (const auto& [topic, partitions] : tiling.topics()) {
    for (const auto& [partition, incarnations] : partitions) {
      const TopicPartition id{topic, partition};
      for (const auto& [topic_id, tiles] : incarnations) {
        if (topic_id != tiling.current(id)) {
          look_at_other(id, topic_id, tiles, findings);
        } else if (!cluster.contains(id)) {
          look_at_unnamed(id, tiles, findings);
        }
      }
    }
  }
}

void report_overlaps(Overlaps overlaps, const JudgeOptions& options, Findings& findings) {
  for (Overlaps::Overlap& overlap : std::move(overlaps).take()) {
    const bool is_fault = options.exactly_once && !overlap.maybe_two_topics;
    findings.add({.severity = is_fault ? Severity::fault : Severity::note,
                  .kind = FindingKind::overlap,
                  .id = std::move(overlap.id),
                  .range = overlap.range,
                  .blobs = std::move(overlap.names),
                  .text = concat("are in ", overlap.blob_count, " blobs")});
  }
}

}  // namespace penstock::verify
