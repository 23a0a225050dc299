// Parquet from records to the bytes of a file, beside zstd alone on the same values and beside lines: rows
// into a raw slab, in spans as BatchWriter has them, and the slab as a page. A file has one slab here and
// then its end.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/compressor.h"
#include "format/parquet_encoder.h"
#include "format/record_format.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_parquet_slab_bytes = std::size_t{1} << 20;
constexpr std::size_t k_parquet_span_records = 256;
constexpr std::size_t k_parquet_slabs = 16;  // of a file

struct ParquetSample {
  explicit ParquetSample(std::size_t value_bytes)
      : values(sample_records(k_parquet_slab_bytes / (value_bytes + 256), value_bytes)) {
    for (const std::string& value : values) {
      const auto index = static_cast<std::int64_t>(records.size());
      records.push_back({.offset = Offset{154'619'760'976 + index},
                         .timestamp_ms = 1'764'432'000'000 + index,
                         .key = as_bytes("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
                         .value = as_bytes(value),
                         .headers = {},
                         .null_key = false,
                         .null_value = false,
                         .timestamp_type = TimestampType::created});
    }
  }

  std::vector<std::string> values;
  std::vector<RecordView> records;
};

std::size_t frame_parquet_sample(const ParquetSample& sample, format::RowFormat rows, MutableBytes slab) {
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < sample.records.size(); at += k_parquet_span_records) {
    const std::size_t count = std::min(k_parquet_span_records, sample.records.size() - at);
    bytes += format::frame({.rows = rows, .topic = "orders"}, std::span(sample.records).subspan(at, count),
                           slab.subspan(bytes))
                 .bytes;
  }
  return bytes;
}

void count_values(benchmark::State& state, const ParquetSample& sample, std::size_t slabs) {
  std::size_t bytes = 0;
  for (const std::string& value : sample.values) {
    bytes += value.size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(slabs * bytes) * state.iterations());
}

void parquet(benchmark::State& state, codec::Compression compression) {
  const ParquetSample sample(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> raw(k_parquet_slab_bytes);
  std::vector<std::byte> file(2 * k_parquet_slab_bytes);
  format::ParquetShared shared;
  bool ended = true;
  for (auto _ : state) {
    const auto encoder = format::make_parquet_encoder(compression, shared);
    encoder->begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false, .topic = "orders"});
    for (std::size_t i = 0; i < k_parquet_slabs; ++i) {
      const std::size_t bytes = frame_parquet_sample(sample, format::RowFormat::parquet, raw);
      encoder->begin_unit(sample.records.size(), bytes);
      const format::Encoder::Step step =
          encoder->encode(Bytes(raw).first(bytes), file, format::Encoder::End::more);
      ended = ended && step.consumed == bytes;
    }
    ended = encoder->encode({}, file, format::Encoder::End::file).ended && ended;
    benchmark::ClobberMemory();
  }
  if (!ended) {
    state.SkipWithError("the file is not whole");
    return;
  }
  count_values(state, sample, k_parquet_slabs);
}

void parquet_none(benchmark::State& state) {
  parquet(state, codec::Compression::none);
}
void parquet_snappy(benchmark::State& state) {
  parquet(state, codec::Compression::snappy);
}
void parquet_zstd(benchmark::State& state) {
  parquet(state, codec::Compression::zstd);
}

void parquet_beside_lines(benchmark::State& state) {
  const ParquetSample sample(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> raw(k_parquet_slab_bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame_parquet_sample(sample, format::RowFormat::lines, raw));
    benchmark::ClobberMemory();
  }
  count_values(state, sample, 1);
}

// The values as lines, framed before, as one zstd frame: the compression alone.
void parquet_beside_zstd(benchmark::State& state) {
  const ParquetSample sample(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> raw(k_parquet_slab_bytes);
  const std::size_t bytes = frame_parquet_sample(sample, format::RowFormat::lines, raw);
  codec::parquet::PageCompressor compressor(codec::parquet::Codec::zstd);
  for (auto _ : state) {
    benchmark::DoNotOptimize(compressor.compress(Bytes(raw).first(bytes)).data());
    benchmark::ClobberMemory();
  }
  count_values(state, sample, 1);
}

BENCHMARK(parquet_none)->Arg(300)->Arg(1024);
BENCHMARK(parquet_snappy)->Arg(300)->Arg(1024);
BENCHMARK(parquet_zstd)->Arg(300)->Arg(1024);
BENCHMARK(parquet_beside_lines)->Arg(300)->Arg(1024);
BENCHMARK(parquet_beside_zstd)->Arg(300)->Arg(1024);

}  // namespace
}  // namespace penstock::bench
