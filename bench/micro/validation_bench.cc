// batch.validate: json on the records of an API gateway (app/gateway_traffic.h), in spans as BatchWriter has
// them: each run is judged and then framed as lines. The ratio of two rows of one run says what judging
// costs.
#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "app/gateway_traffic.h"
#include "base/record_view.h"
#include "base/types.h"
#include "codec/json_check.h"
#include "format/quarantine.h"
#include "format/record_format.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_gateway_bytes = std::size_t{8} << 20;
// One in so many is cut off before its last byte.
constexpr std::size_t k_junk_every = 100;

enum class Junk : std::uint8_t { none, some };

std::vector<std::string> gateway_values(Junk junk) {
  app::GatewayTraffic traffic(7);
  std::vector<std::string> values;
  for (std::size_t bytes = 0; bytes < k_gateway_bytes; bytes += values.back().size()) {
    values.push_back(traffic.next(values.size(), WallTime(std::chrono::seconds(1'764'432'000))));
    if (junk == Junk::some && values.size() % k_junk_every == 0) {
      values.back().pop_back();
    }
  }
  return values;
}

std::vector<RecordView> views_of(const std::vector<std::string>& values) {
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                       .timestamp_ms = 1'764'432'000'000,
                       .key = {},
                       .value = as_bytes(value),
                       .headers = {},
                       .null_value = false});
  }
  return records;
}

void judge_and_frame(benchmark::State& state, const format::RecordRules& rules, Junk junk) {
  const std::vector<std::string> values = gateway_values(junk);
  const std::vector<RecordView> records = views_of(values);
  std::size_t value_bytes = 0;
  for (const std::string& value : values) {
    value_bytes += value.size();
  }
  std::vector<std::byte> slab(value_bytes + values.size());
  codec::JsonCheck json;
  std::size_t lines = 0;
  std::size_t bad = 0;
  for (auto _ : state) {
    lines = bad = 0;
    std::size_t bytes = 0;
    for (std::span<const RecordView> rest = records; !rest.empty();) {
      format::JudgedRun run{.records = std::min(rest.size(), format::k_judged_records_max), .fault = {}};
      if (rules.any()) {
        run = format::judge_front(rules, rest, json);
      }
      if (run.fault) {
        bad += run.records;
      } else {
        const format::Framed framed =
            format::frame(format::RowContext(), rest.first(run.records), MutableBytes(slab).subspan(bytes));
        bytes += framed.bytes;
        lines += framed.rows;
      }
      rest = rest.subspan(run.records);
    }
    benchmark::ClobberMemory();
  }
  if (lines + bad != records.size() || bad != (junk == Junk::some ? records.size() / k_junk_every : 0)) {
    state.SkipWithError("a record is neither a line nor judged as it is");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(value_bytes) * state.iterations());
}

void gateway_lines(benchmark::State& state) {
  judge_and_frame(state, {}, Junk::none);
}

void gateway_lines_validated(benchmark::State& state) {
  judge_and_frame(state, {.json = true}, Junk::none);
}

void gateway_lines_validated_with_junk(benchmark::State& state) {
  judge_and_frame(state, {.json = true}, Junk::some);
}

void gateway_lines_limited(benchmark::State& state) {
  judge_and_frame(state, {.value_bytes_max = std::uint64_t{1} << 20}, Junk::none);
}

BENCHMARK(gateway_lines);
BENCHMARK(gateway_lines_validated);
BENCHMARK(gateway_lines_validated_with_junk);
BENCHMARK(gateway_lines_limited);

}  // namespace
}  // namespace penstock::bench
