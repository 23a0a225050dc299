// A value into a slab, line breaks made spaces on the way: the one copy that penstock makes of a payload
// byte.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/record_view.h"
#include "base/types.h"
#include "format/lines.h"
#include "format/record_format.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_text_bytes = std::size_t{1} << 20;
constexpr std::size_t k_span_records = 256;

std::size_t line_breaks(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }));
}

// `frame(from, to)` copies one value and returns how many line breaks it replaced.
template <class Frame>
void run(benchmark::State& state, bool with_breaks, bool replaces, Frame frame) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  std::vector<std::string> values = sample_records(k_text_bytes / value_bytes, value_bytes);
  std::size_t breaks = 0;
  for (std::string& value : values) {
    if (with_breaks) {
      for (std::size_t at = 40; at < value.size(); at += 100) {
        value[at] = '\n';
      }
    }
    breaks += line_breaks(value);
  }
  std::vector<std::byte> slab(k_text_bytes + values.size());
  std::size_t replaced = 0;
  for (auto _ : state) {
    replaced = 0;
    std::byte* to = slab.data();
    for (const std::string& value : values) {
      replaced += frame(as_bytes(value), to);
      to += value.size();
      *to++ = std::byte{'\n'};
    }
    benchmark::ClobberMemory();
  }
  const std::size_t framed = values.size() * (value_bytes + 1);
  const std::size_t left = line_breaks(as_text(Bytes(slab).first(framed)));
  if (replaces && (replaced != breaks || left != values.size())) {
    state.SkipWithError("a line break is left inside a value, or was miscounted");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(framed) * state.iterations());
}

void framing(benchmark::State& state) {
  run(state, false, true, format::copy_flat);
}

void framing_of_pretty_printed(benchmark::State& state) {
  run(state, true, true, format::copy_flat);
}

// What it is measured against: a copy that looks at nothing.
void framing_by_memcpy(benchmark::State& state) {
  run(state, false, false, [](Bytes from, std::byte* to) {
    std::memcpy(to, from.data(), from.size());
    return std::size_t{0};
  });
}

// As BatchWriter does it: spans of 256 records, each with one choice of the framer.
void framing_of_spans(benchmark::State& state) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  const std::vector<std::string> values = sample_records(k_text_bytes / value_bytes, value_bytes);
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                       .timestamp_ms = 1,
                       .key = {},
                       .value = as_bytes(value),
                       .headers = {}});
  }
  std::vector<std::byte> slab(k_text_bytes + values.size());
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for (std::size_t at = 0; at < records.size(); at += k_span_records) {
      const std::size_t count = std::min(k_span_records, records.size() - at);
      bytes += format::frame(format::RowContext(), std::span(records).subspan(at, count),
                             MutableBytes(slab).subspan(bytes))
                   .bytes;
    }
    benchmark::ClobberMemory();
  }
  if (bytes != values.size() * (value_bytes + 1) ||
      line_breaks(as_text(Bytes(slab).first(bytes))) != values.size()) {
    state.SkipWithError("a record is not framed, or a line break is left inside a value");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

BENCHMARK(framing_of_spans)->Arg(300)->Arg(1000)->Arg(100'000);
BENCHMARK(framing)->Arg(300)->Arg(1000)->Arg(100'000);
BENCHMARK(framing_of_pretty_printed)->Arg(1000);
BENCHMARK(framing_by_memcpy)->Arg(300)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace penstock::bench
