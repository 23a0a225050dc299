#include "verify/gap_neighbours.h"

#include <optional>
#include <tuple>

#include "base/concat.h"
#include "base/partition_range.h"

namespace penstock::verify {
namespace {

bool is_gap(const Finding& finding) {
  return finding.severity == Severity::fault && finding.kind == FindingKind::gap && finding.id &&
         finding.range;
}

}  // namespace

GapNeighbours::GapNeighbours(const Tiling& tiling, const Findings& findings) : tiling_(tiling) {
  for (const Finding& finding : findings.all()) {
    if (is_gap(finding)) {
      const auto& [first, next] = *finding.range;
      gaps_[*finding.id].emplace(first, std::pair(*finding.range, Neighbours()));
      begins_[*finding.id].emplace(next, first);
    }
  }
}

void GapNeighbours::look(const BlobFacts& facts) {
  const format::BlobMetadata& said = facts.metadata;
  for (const PartitionRange& part : said.ranges) {
    const TopicPartition id{said.topic, part.partition};
    const auto gaps = gaps_.find(id);
    if (gaps == gaps_.end() || tiling_.incarnation_of(said.topic, said.topic_id) != tiling_.current(id)) {
      continue;
    }
    if (const auto at = gaps->second.find(part.range.next); at != gaps->second.end()) {
      at->second.second.before = facts.name;
    }
    const auto& begins = begins_.at(id);
    if (const auto begin = begins.find(part.range.first); begin != begins.end()) {
      gaps->second.at(begin->second).second.behind = facts.name;
    }
  }
}

void GapNeighbours::merge(Findings& findings) const {
  std::map<std::tuple<std::string, Neighbours>, Finding*> first_of;
  findings.review_and_drop([&](Finding& finding) {
    if (!is_gap(finding)) {
      return Findings::Review::keep;
    }
    const Neighbours& beside = gaps_.at(*finding.id).at(finding.range->first).second;
    if (beside.before.empty() && beside.behind.empty()) {
      return Findings::Review::keep;
    }
    const auto [known, is_new] = first_of.try_emplace({finding.id->topic, beside}, &finding);
    if (!is_new) {
      known->second->parts.push_back({finding.id->partition, *finding.range});
      return Findings::Review::drop;
    }
    finding.parts = {{finding.id->partition, *finding.range}};
    finding.text += beside.before.empty() ? concat("; the blob behind them is ", beside.behind)
                    : beside.behind.empty()
                        ? concat("; the blob before them is ", beside.before)
                        : concat("; they lie between ", beside.before, " and ", beside.behind);
    return Findings::Review::keep;
  });
}

}  // namespace penstock::verify
