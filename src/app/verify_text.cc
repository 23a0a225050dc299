// How it works
//
// The text is a table with a row per partition, and then the findings. A row tells the ends of what the blobs
// hold, whatever lies between. The findings tell what lies between. The JSON is built from the same rows and
// findings. All ranges are half open: "12-15" is the positions 12, 13 and 14.
//
// For example, blobs hold the positions 0 to 11 and 15 to 19 of partition 3 of "orders". The group has
// committed 20, and the log still has everything from 5 to 24:
//
//   topic   partition      blobs                   in blobs     committed                 in the log
//   orders          3          2                       0-20            20                       5-25
//
//   FAULT  gap      topic orders, partition 3: 12-15 are committed, and in no blob
//
// 1. row_of() takes "0-20" from the ends of what blobs hold. The hole does not show there.
// 2. finding_text() puts the partition and the range before the finding's own text. The names of its blobs
//    follow that text. A finding without a partition is about a file, whose name then comes first.
// 3. A partition that no blob has, or that the cluster did not tell of, has "-" for what is not known.
#include "app/verify_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <vector>

#include "app/summary.h"
#include "base/concat.h"
#include "base/json_string.h"

namespace penstock::app {
namespace {

using appliance::VerifyReport;

std::string range_text(const Range& range) {
  return concat(range.first.value, "-", range.next.value);
}

// Every partition that the cluster or a blob knows.
std::set<TopicPartition> partitions_of(const VerifyReport& report) {
  std::set<TopicPartition> all;
  for (const auto& [id, view] : report.cluster) {
    all.insert(id);
  }
  for (const auto& [topic, partitions] : report.tiling.topics()) {
    for (const auto& [partition, tiles] : partitions) {
      all.insert({topic, partition});
    }
  }
  return all;
}

struct Row {
  std::optional<Range> held;
  std::optional<Position> committed;
  std::optional<Range> log;
  std::uint64_t blobs = 0;
};

Row row_of(const VerifyReport& report, const TopicPartition& id) {
  Row row;
  if (const verify::Tiles* tiles = report.tiling.find(id); tiles != nullptr && !tiles->held.empty()) {
    row.held = Range{tiles->held.first(), tiles->held.next()};
    row.blobs = tiles->blob_count;
  }
  if (const auto view = report.cluster.find(id); view != report.cluster.end()) {
    row.log = view->second.log;
    if (view->second.after) {
      row.committed = view->second.after->position;
    }
  }
  return row;
}

std::string or_dash(const std::optional<Range>& range) {
  return range ? range_text(*range) : "-";
}

std::string json_range(const std::optional<Range>& range) {
  return range ? concat("{\"first\":", range->first.value, ",\"next\":", range->next.value, "}") : "null";
}

std::string json_finding(const verify::Finding& finding) {
  std::string parts;
  for (const PartitionRange& part : finding.parts) {
    parts += concat(parts.empty() ? "" : ",", "{\"partition\":", part.partition.value,
                    ",\"range\":", json_range(part.range), "}");
  }
  std::string blobs;
  for (const std::string& blob : finding.blobs) {
    blobs += concat(blobs.empty() ? "" : ",", json_string(blob));
  }
  return concat("{\"fault\":", finding.severity == verify::Severity::fault ? "true" : "false", ",\"kind\":\"",
                to_string(finding.kind),
                "\",\"topic\":", finding.id ? json_string(finding.id->topic) : "null",
                ",\"partition\":", finding.id ? std::to_string(finding.id->partition.value) : "null",
                ",\"range\":", json_range(finding.range), ",\"parts\":[", parts, "],\"blobs\":[", blobs,
                "],\"text\":", json_string(finding.text), "}");
}

}  // namespace

std::string finding_text(const verify::Finding& finding) {
  std::string text;
  if (finding.parts.size() > 1) {
    text = concat("topic ", finding.id->topic, ", partitions");
    for (const PartitionRange& part : finding.parts) {
      text += concat(" ", part.partition.value, ":", range_text(part.range));
    }
    text += concat(" ", finding.text);
  } else if (finding.id) {
    text = concat("topic ", finding.id->topic, ", partition ", finding.id->partition.value);
    text += finding.range ? concat(": ", range_text(*finding.range), " ", finding.text)
                          : concat(" ", finding.text);
  } else {
    text = concat(finding.blobs.empty() ? "" : finding.blobs.front() + ": ", finding.text);
  }
  if (finding.id && !finding.blobs.empty()) {
    text += ':';
    for (const std::string& blob : finding.blobs) {
      text += concat(" ", blob);
    }
  }
  return text;
}

std::string partition_table(const VerifyReport& report) {
  std::string text;
  std::size_t width = 5;
  for (const TopicPartition& id : partitions_of(report)) {
    width = std::max(width, id.topic.size());
  }
  const auto line = [&](const std::string& topic, const std::string& partition, const std::string& blobs,
                        const std::string& held, const std::string& committed, const std::string& log) {
    std::array<char, 160> rest{};
    std::snprintf(rest.data(), rest.size(), "  %9s  %9s  %25s  %12s  %25s\n", partition.c_str(),
                  blobs.c_str(), held.c_str(), committed.c_str(), log.c_str());
    text += topic + std::string(width - std::min(width, topic.size()), ' ') + rest.data();
  };
  line("topic", "partition", "blobs", "in blobs", "committed", "in the log");
  for (const TopicPartition& id : partitions_of(report)) {
    const Row row = row_of(report, id);
    line(id.topic, std::to_string(id.partition.value), grouped(row.blobs), or_dash(row.held),
         row.committed ? std::to_string(row.committed->value) : "-", or_dash(row.log));
  }
  return text;
}

std::string verify_summary(const VerifyReport& report) {
  std::string text = concat(grouped(report.blobs), " blobs, ", grouped(report.records), " records, ",
                            grouped(partitions_of(report).size()), " partitions");
  if (report.quarantine_files > 0) {
    text += concat(", ", grouped(report.quarantined), " more records in ", grouped(report.quarantine_files),
                   " quarantine files");
  }
  if (report.empty_files > 0) {
    text += concat(", ", grouped(report.empty_files), " empty files of silent partitions");
  }
  if (report.tombstones > 0) {
    text += concat(", ", grouped(report.tombstones), " closed names (tombstones)");
  }
  if (report.other_groups > 0) {
    text += concat(", ", grouped(report.other_groups), " blobs of other groups not looked at");
  }
  if (report.left_out > 0) {
    text += concat(", ", grouped(report.left_out), " blobs left out as asked");
  }
  const std::uint64_t faults = report.findings.fault_count();
  if (faults > 0) {
    return text + concat(": ", grouped(faults), faults == 1 ? " FAULT" : " FAULTS");
  }
  return text + (report.blobs == 0 ? ": nothing has landed, and no position says that something had"
                                   : ": every record once, up to the committed positions");
}

std::string verify_json(const VerifyReport& report) {
  std::string partitions;
  for (const TopicPartition& id : partitions_of(report)) {
    const Row row = row_of(report, id);
    partitions += concat(partitions.empty() ? "" : ",", "{\"topic\":", json_string(id.topic),
                         ",\"partition\":", id.partition.value, ",\"blobs\":", row.blobs,
                         ",\"in_blobs\":", json_range(row.held),
                         ",\"committed\":", row.committed ? std::to_string(row.committed->value) : "null",
                         ",\"log\":", json_range(row.log), "}");
  }
  std::string findings;
  for (const verify::Finding& finding : report.findings.all()) {
    findings += concat(findings.empty() ? "" : ",", json_finding(finding));
  }
  return concat("{\"ok\":", report.findings.fault_count() == 0 ? "true" : "false",
                ",\"faults\":", report.findings.fault_count(), ",\"blobs\":", report.blobs,
                ",\"tombstones\":", report.tombstones, ",\"empty_files\":", report.empty_files,
                ",\"foreign\":", report.foreign, ",\"other_groups\":", report.other_groups,
                ",\"left_out\":", report.left_out, ",\"records\":", report.records,
                ",\"skipped\":", report.skipped, ",\"holes\":", report.holes,
                ",\"quarantined\":", report.quarantined, ",\"quarantine_files\":", report.quarantine_files,
                ",\"bytes\":", report.bytes, ",\"bytes_read\":", report.bytes_read, ",\"partitions\":[",
                partitions, "],\"findings\":[", findings,
                "],\"findings_left_out\":", report.findings.left_out_count(), "}");
}

}  // namespace penstock::app
