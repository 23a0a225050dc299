// capture-avro from records to the bytes of a file: rows into a raw slab, in spans as BatchWriter has them,
// and the slab as a block into chunks. Each record has a key and a header, and they are a millisecond apart.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/record_view.h"
#include "base/types.h"
#include "format/capture_reader.h"
#include "format/record_format.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_raw_slab_bytes = std::size_t{1} << 20;
constexpr std::size_t k_capture_span_records = 256;

struct CaptureSample {
  explicit CaptureSample(std::size_t value_bytes)
      : values(sample_records(k_raw_slab_bytes / (value_bytes + 256), value_bytes)),
        header{.key = "traceparent",
               .value = as_bytes("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")} {
    for (const std::string& value : values) {
      const auto index = static_cast<std::int64_t>(records.size());
      records.push_back({.offset = Offset{154'619'760'976 + index},
                         .timestamp_ms = 1'764'432'000'000 + index,
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

std::size_t frame_capture_sample(const CaptureSample& sample, MutableBytes slab) {
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < sample.records.size(); at += k_capture_span_records) {
    const std::size_t count = std::min(k_capture_span_records, sample.records.size() - at);
    bytes += format::frame({.rows = format::RowFormat::capture}, std::span(sample.records).subspan(at, count),
                           slab.subspan(bytes))
                 .bytes;
  }
  return bytes;
}

void capture(benchmark::State& state, codec::Compression compression) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  const CaptureSample sample(value_bytes);
  std::vector<std::byte> raw(k_raw_slab_bytes);
  std::vector<std::byte> file(2 * k_raw_slab_bytes);
  const auto encoder = format::make_encoder({format::RowFormat::capture, compression});
  format::Encoder::Step step;
  for (auto _ : state) {
    const std::size_t bytes = frame_capture_sample(sample, raw);
    encoder->begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false});
    encoder->begin_unit(sample.records.size(), bytes);
    step = encoder->encode(Bytes(raw).first(bytes), file, format::Encoder::End::part);
    benchmark::ClobberMemory();
  }
  format::CaptureReader reader;
  if (!step.ended || !reader.feed(Bytes(file).first(step.produced)).ok() || !reader.end().ok() ||
      reader.rows() != sample.records.size()) {
    state.SkipWithError("the file is not whole");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(sample.records.size() * value_bytes) *
                          state.iterations());
}

void capture_avro(benchmark::State& state) {
  capture(state, codec::Compression::none);
}
void capture_avro_deflate(benchmark::State& state) {
  capture(state, codec::Compression::deflate);
}

// What `verify --deep` does with such a file.
void capture_avro_read(benchmark::State& state) {
  const auto value_bytes = static_cast<std::size_t>(state.range(0));
  const CaptureSample sample(value_bytes);
  std::vector<std::byte> raw(k_raw_slab_bytes);
  std::vector<std::byte> file(2 * k_raw_slab_bytes);
  const std::size_t bytes = frame_capture_sample(sample, raw);
  const auto encoder = format::make_encoder({.rows = format::RowFormat::capture});
  encoder->begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false});
  encoder->begin_unit(sample.records.size(), bytes);
  file.resize(encoder->encode(Bytes(raw).first(bytes), file, format::Encoder::End::part).produced);
  bool good = true;
  for (auto _ : state) {
    format::CaptureReader reader;
    good = reader.feed(file).ok() && reader.end().ok() && reader.rows() == sample.records.size() && good;
  }
  if (!good) {
    state.SkipWithError("the file is not whole");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(sample.records.size() * value_bytes) *
                          state.iterations());
}

BENCHMARK(capture_avro)->Arg(300)->Arg(1024)->Arg(100'000);
BENCHMARK(capture_avro_deflate)->Arg(300)->Arg(1024);
BENCHMARK(capture_avro_read)->Arg(300)->Arg(1024);

}  // namespace
}  // namespace penstock::bench
