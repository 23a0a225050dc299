// A block compressed as the pipeline does it: a slab's worth at a time into slabs, one member or frame.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/types.h"
#include "codec/compressor.h"
#include "micro/sample_records.h"

namespace penstock::bench {
namespace {

using codec::Compression;
using codec::Compressor;

constexpr std::size_t k_block_bytes = std::size_t{8} << 20;
constexpr std::size_t k_slab_bytes = std::size_t{1} << 20;

// Returns the bytes written to `out`, which is large enough.
std::size_t compress_block(Compressor& compressor, Bytes block, MutableBytes out) {
  std::size_t produced = 0;
  bool ended = false;
  while (!ended) {
    Bytes slab = block.first(std::min(block.size(), k_slab_bytes));
    block = block.subspan(slab.size());
    const auto end = block.empty() ? Compressor::End::member : Compressor::End::more;
    do {
      const Compressor::Step step = compressor.compress(slab, out.subspan(produced), end);
      slab = slab.subspan(step.consumed);
      produced += step.produced;
      ended = step.member_ended;
    } while (end == Compressor::End::member ? !ended : !slab.empty());
  }
  return produced;
}

std::string gunzipped(Bytes member, std::size_t bytes) {
  std::string text(bytes, '\0');
  auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;  // the trailer is checked too
  state->next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(member.data()));
  state->avail_in = static_cast<std::uint32_t>(member.size());
  state->next_out = reinterpret_cast<std::uint8_t*>(text.data());
  state->avail_out = static_cast<std::uint32_t>(text.size());
  const bool whole = isal_inflate(state.get()) == ISAL_DECOMP_OK && state->block_state == ISAL_BLOCK_FINISH;
  return whole ? text : std::string();
}

std::string unzstd(Bytes frame, std::size_t bytes) {
  std::string text(bytes, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), frame.data(), frame.size());
  return got == bytes ? text : std::string();
}

void run(benchmark::State& state, Compression compression) {
  const std::string text = sample_text(k_block_bytes);
  std::vector<std::byte> out(2 * k_block_bytes);
  const std::unique_ptr<Compressor> compressor = codec::make_compressor(compression);
  std::size_t produced = 0;
  for (auto _ : state) {
    produced = compress_block(*compressor, as_bytes(text), out);
    benchmark::ClobberMemory();
  }
  const Bytes written = Bytes(out).first(produced);
  const std::string back =
      compression == Compression::gzip ? gunzipped(written, text.size()) : unzstd(written, text.size());
  if (back != text) {
    state.SkipWithError("what was compressed does not come back");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
  state.counters["ratio"] = static_cast<double>(text.size()) / static_cast<double>(produced);
}

void gzip_block(benchmark::State& state) {
  run(state, Compression::gzip);
}

void zstd_block(benchmark::State& state) {
  run(state, Compression::zstd);
}

BENCHMARK(gzip_block)->Unit(benchmark::kMillisecond);
BENCHMARK(zstd_block)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::bench
