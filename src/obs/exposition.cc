// How it works. family() only remembers the name, help and type. The two header lines are written with the
// family's first sample, so that a family without samples leaves no trace on the page. A histogram is kept
// by buckets that each count for themselves, and is written as Prometheus wants it, cumulative:
//
//   counted    0.001: 2                0.005: 1                ...   +Inf: 1
//   written    _bucket{le="0.001"} 2   _bucket{le="0.005"} 3   ...   _bucket{le="+Inf"} 4   _sum   _count 4
//
// The count is the sum of the buckets just read, and not the counter beside them, which the worker may have
// added to since.
#include "obs/exposition.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <functional>

#include "base/check.h"

namespace penstock::obs {
namespace {

const char* name_of(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "untyped";
}

// [a-z_][a-z0-9_]*: narrower than the format allows, as its own style guide asks for.
bool is_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) {
    return false;
  }
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

// "le" and what begins with two underscores have meanings of their own.
bool is_label_name(std::string_view name) {
  return is_name(name) && name != "le" && !name.starts_with("__");
}

template <class Number>
void append_decimal(std::string& out, Number number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_double(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number > 0 ? "+Inf" : "-Inf";
  } else {
    append_decimal(out, number);
  }
}

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quoted) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view help, MetricType type) {
  CHECK(is_name(name));
  CHECK(!help.empty());
  CHECK(name.ends_with("_total") == (type == MetricType::counter));
  const bool new_here = begun_.emplace(name).second;
  CHECK(new_here);
  name_ = name;
  help_ = help;
  type_ = type;
  header_written_ = false;
}

void Exposition::write_header() {
  CHECK(!name_.empty());
  if (header_written_) {
    return;
  }
  header_written_ = true;
  text_ += "# HELP " + name_ + ' ';
  append_escaped(text_, help_, false);
  text_ += "\n# TYPE " + name_ + ' ' + name_of(type_) + '\n';
}

// name{label="value",le="bound"} and a space; what follows is the value and a newline.
void Exposition::write_series(std::string_view suffix, std::span<const Label> labels,
                              std::string_view bound) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  const auto write_label = [&](std::string_view name, std::string_view value) {
    text_ += separator;
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, value, true);
    text_ += '"';
    separator = ',';
  };
  for (const Label& label : labels) {
    CHECK(is_label_name(label.name));
    write_label(label.name, label.value);
  }
  if (!bound.empty()) {
    write_label("le", bound);
  }
  text_ += separator == ',' ? "} " : " ";
}

void Exposition::sample(std::initializer_list<Label> labels, std::uint64_t value) {
  CHECK(type_ != MetricType::histogram);
  write_header();
  write_series("", labels);
  append_decimal(text_, value);
  text_ += '\n';
}

void Exposition::sample(std::initializer_list<Label> labels, std::int64_t value) {
  CHECK(type_ == MetricType::gauge);
  write_header();
  write_series("", labels);
  append_decimal(text_, value);
  text_ += '\n';
}

void Exposition::sample(std::initializer_list<Label> labels, double value) {
  CHECK(type_ != MetricType::histogram);
  write_header();
  write_series("", labels);
  append_double(text_, value);
  text_ += '\n';
}

void Exposition::histogram(std::initializer_list<Label> labels, const Histogram& histogram) {
  CHECK(type_ == MetricType::histogram);
  write_header();
  constexpr std::size_t k_bounds = Histogram::k_upper_bounds_s.size();
  std::uint64_t up_to_here = 0;
  for (std::size_t bucket = 0; bucket <= k_bounds; ++bucket) {
    std::string bound = "+Inf";
    if (bucket < k_bounds) {
      bound.clear();
      append_double(bound, Histogram::k_upper_bounds_s[bucket]);
    }
    up_to_here += histogram.bucket_count(bucket);
    write_series("_bucket", labels, bound);
    append_decimal(text_, up_to_here);
    text_ += '\n';
  }
  write_series("_sum", labels);
  append_double(text_, histogram.sum_seconds());
  text_ += '\n';
  write_series("_count", labels);
  append_decimal(text_, up_to_here);
  text_ += '\n';
}

}  // namespace penstock::obs
