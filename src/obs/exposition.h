// The text of a /metrics page: Prometheus text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
//   # HELP penstock_records_received_total Records taken from the source.
//   # TYPE penstock_records_received_total counter
//   penstock_records_received_total{worker="0"} 1234
//
// A family is begun, then its samples follow. A family without samples leaves no trace. Names are ours, so a
// bad one is a bug and CHECKed: what promtool calls bad style, too (a counter ends in _total, nothing else
// does, every family has help). Values of labels may come from outside and are escaped.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "obs/metrics.h"

namespace penstock::obs {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct Label {
  std::string_view name;
  std::string_view value;
};

class Exposition {
 public:
  // `help` is one sentence. A family is begun once.
  void family(std::string_view name, std::string_view help, MetricType type);

  // A sample of the family begun last, a counter or a gauge. The labels tell it from the family's other
  // samples.
  void sample(std::initializer_list<Label> labels, std::uint64_t value);
  void sample(std::initializer_list<Label> labels, std::int64_t value);
  void sample(std::initializer_list<Label> labels, double value);

  // All samples of one histogram: cumulative buckets, sum and count. The count is that of the buckets, so
  // that a page taken between two additions of the writer does not contradict itself.
  void histogram(std::initializer_list<Label> labels, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void write_header();
  void write_series(std::string_view suffix, std::span<const Label> labels, std::string_view bound = {});

  std::set<std::string, std::less<>> begun_;
  std::string name_;
  std::string help_;
  MetricType type_ = MetricType::counter;
  bool header_written_ = false;
  std::string text_;
};

}  // namespace penstock::obs
