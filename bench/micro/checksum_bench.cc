// CRC-32C of a chunk: what the stage adds to every payload byte. CRC-64/NVME: what the upload adds.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "base/types.h"
#include "codec/checksum.h"
#include "codec/crc64_nvme.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

void checksum(benchmark::State& state) {
  if (codec::crc32c(as_bytes("123456789")) != 0xE3069283) {
    state.SkipWithError("this is not CRC-32C");
    return;
  }
  const std::string text = sample_text(static_cast<std::size_t>(state.range(0)));
  const Bytes whole = as_bytes(text);
  const std::uint32_t in_two = codec::crc32c(whole.subspan(100), codec::crc32c(whole.first(100)));
  std::uint32_t sum = in_two;
  for (auto _ : state) {
    sum = codec::crc32c(whole);
    benchmark::DoNotOptimize(sum);
  }
  if (sum != in_two) {
    state.SkipWithError("the checksum in two parts differs from that of the whole");
    return;
  }
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

// What a chunk costs more: the checksum of its file is made of those of its chunks.
void checksum_joined(benchmark::State& state) {
  const std::string text = sample_text(static_cast<std::size_t>(state.range(0)));
  const Bytes whole = as_bytes(text);
  const std::uint32_t front = codec::crc32c(whole.first(100));
  const std::uint32_t back = codec::crc32c(whole.subspan(100));
  std::uint32_t sum = 0;
  for (auto _ : state) {
    sum = codec::crc32c_joined(front, back, whole.size() - 100);
    benchmark::DoNotOptimize(sum);
  }
  if (sum != codec::crc32c(whole)) {
    state.SkipWithError("the checksum of two pieces differs from that of the whole");
    return;
  }
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

// The name of a way, or the fastest.
void checksum64(benchmark::State& state, std::string_view name) {
  codec::Crc64Way way = codec::crc64_nvme_ways().back();
  for (const codec::Crc64Way& known : codec::crc64_nvme_ways()) {
    way = known.name == name ? known : way;
  }
  state.SetLabel(std::string(way.name));
  const auto sum_of = [&way](Bytes bytes, std::uint64_t before) { return ~way.sum(bytes, ~before); };
  if (sum_of(as_bytes("123456789"), 0) != 0xAE8B14860A799888) {
    state.SkipWithError("this is not CRC-64/NVME");
    return;
  }
  const std::string text = sample_text(static_cast<std::size_t>(state.range(0)));
  const Bytes whole = as_bytes(text);
  const std::uint64_t in_two = sum_of(whole.subspan(100), sum_of(whole.first(100), 0));
  std::uint64_t sum = in_two;
  for (auto _ : state) {
    sum = sum_of(whole, 0);
    benchmark::DoNotOptimize(sum);
  }
  if (sum != in_two) {
    state.SkipWithError("the checksum in two parts differs from that of the whole");
    return;
  }
  state.SetBytesProcessed(state.range(0) * state.iterations());
}

BENCHMARK(checksum)->Arg(4096)->Arg(256 << 10)->Arg(1 << 20);
BENCHMARK(checksum_joined)->Arg(1 << 20);
BENCHMARK_CAPTURE(checksum64, fastest, "")->Arg(4096)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(checksum64, table, "table")->Arg(64 << 10);

}  // namespace
}  // namespace penstock::bench
