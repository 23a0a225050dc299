// CRC-32C of a chunk: what the stage adds to every payload byte.
#include <benchmark/benchmark.h>

#include "base/types.h"
#include "codec/checksum.h"
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

BENCHMARK(checksum)->Arg(4096)->Arg(256 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace penstock::bench
