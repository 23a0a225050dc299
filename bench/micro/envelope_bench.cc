// Envelopes beside plain lines: the same JSON values, with a key and a header each, in spans as BatchWriter
// has them. The ratio of two rows of one run says what the check of each value and the fields around it cost.
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/json_check.h"
#include "format/record_format.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_values_bytes = std::size_t{1} << 20;
constexpr std::size_t k_envelope_span_records = 256;

// Sample records are no whole JSON: what fills them up becomes the value of a last member.
std::vector<std::string> sample_json(std::size_t count, std::size_t bytes) {
  std::vector<std::string> values = sample_records(count, bytes);
  for (std::string& value : values) {
    value.resize(value.rfind(',') + 1);
    value += R"("p":")";
    value.resize(bytes - 3, 'x');
    value += "\"}}";
  }
  return values;
}

struct Sample {
  explicit Sample(std::size_t value_bytes)
      : values(sample_json(k_values_bytes / value_bytes, value_bytes)),
        header{.key = "traceparent",
               .value = as_bytes("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")} {
    for (const std::string& value : values) {
      records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                         .timestamp_ms = 1'764'432'000'000,
                         .key = as_bytes("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
                         .value = as_bytes(value),
                         .headers = {&header, 1},
                         .null_key = false,
                         .null_value = false});
    }
  }

  std::vector<std::string> values;
  HeaderView header;
  std::vector<RecordView> records;
};

// Bytes are those of the values in either.
void frame_sample(benchmark::State& state, const format::RowContext& context, std::string_view in_each_row) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  const Sample sample(value_bytes);
  std::vector<std::byte> slab(2 * k_values_bytes + sample.records.size() * 512);
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for (std::size_t at = 0; at < sample.records.size(); at += k_envelope_span_records) {
      const std::size_t count = std::min(k_envelope_span_records, sample.records.size() - at);
      bytes += format::frame(context, std::span(sample.records).subspan(at, count),
                             MutableBytes(slab).subspan(bytes))
                   .bytes;
    }
    benchmark::ClobberMemory();
  }
  std::size_t rows = 0;
  std::string_view text = as_text(Bytes(slab).first(bytes));
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
    rows += text.substr(0, end).find(in_each_row) != std::string_view::npos ? 1 : 0;
  }
  if (rows != sample.records.size()) {
    state.SkipWithError("a record is not framed, or its value is not embedded");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(sample.records.size() * value_bytes) *
                          state.iterations());
}

void envelopes(benchmark::State& state) {
  codec::JsonCheck json;
  frame_sample(state,
               {.rows = format::RowFormat::envelope,
                .topic = "orders",
                .partition = Partition{3},
                .fields = EnvelopeFields::all(),
                .json = &json},
               R"("value":{"time")");
}

void envelopes_beside_lines(benchmark::State& state) {
  frame_sample(state, {}, R"({"time")");
}

// The check alone, of values that lie there with their padding.
void json_check(benchmark::State& state) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  const std::vector<std::string> values = sample_json(k_values_bytes / value_bytes, value_bytes);
  std::string text;
  for (const std::string& value : values) {
    text += value;
  }
  text.append(codec::JsonCheck::k_padding, ' ');
  codec::JsonCheck check;
  std::size_t good = 0;
  for (auto _ : state) {
    good = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      good += check.is_json_padded(as_bytes(text).subspan(i * value_bytes, value_bytes)) ? 1 : 0;
    }
  }
  if (good != values.size()) {
    state.SkipWithError("a value is not taken for JSON");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(values.size() * value_bytes) * state.iterations());
}

BENCHMARK(envelopes)->Arg(300)->Arg(1024)->Arg(100'000);
BENCHMARK(envelopes_beside_lines)->Arg(300)->Arg(1024)->Arg(100'000);
BENCHMARK(json_check)->Arg(300)->Arg(1024)->Arg(100'000);

}  // namespace
}  // namespace penstock::bench
