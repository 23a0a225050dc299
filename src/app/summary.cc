#include "app/summary.h"

#include <cstdio>

#include "base/concat.h"
#include "base/json_string.h"

namespace penstock::app {
namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string summary_line(const Summary& summary) {
  const Counters& c = summary.counters;
  return concat(
      "landed ", grouped(c.records), " records (", fixed(static_cast<double>(c.record_bytes) / 1e6, 1),
      " MB) in ", grouped(c.blobs), " files in ", fixed(summary.seconds, 1), " s; ",
      fixed(summary.cpu_seconds, 2), " s of CPU, ", summary.peak_rss_bytes >> 20, " MiB at most",
      c.records_skipped > 0 ? concat("; skipped ", grouped(c.records_skipped), " records without a value")
                            : "",
      c.records_quarantined > 0 ? concat("; ", grouped(c.records_quarantined), " records in quarantine")
                                : "");
}

std::string summary_json(const Summary& summary) {
  const Counters& c = summary.counters;
  std::string topics;
  for (const TopicCounters& topic : c.topics) {
    topics +=
        concat(topics.empty() ? "" : ",", "{\"topic\":", json_string(topic.topic),
               ",\"records\":", topic.records, ",\"bytes\":", topic.bytes, ",\"blobs\":", topic.blobs, "}");
  }
  return concat("{\"records\":", c.records, ",\"skipped_records\":", c.records_skipped,
                ",\"quarantined_records\":", c.records_quarantined, ",\"bytes\":", c.record_bytes,
                ",\"blobs\":", c.blobs, ",\"blob_bytes\":", c.blob_bytes, ",\"retries\":", c.retries,
                ",\"seconds\":", fixed(summary.seconds, 3),
                ",\"cpu_seconds\":", fixed(summary.cpu_seconds, 3),
                ",\"peak_rss_bytes\":", summary.peak_rss_bytes, ",\"topics\":[", topics, "]}");
}

}  // namespace penstock::app
