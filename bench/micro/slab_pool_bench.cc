// A slab lent and given back.
#include <vector>

#include <benchmark/benchmark.h>

#include "mem/slab_pool.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_pool_slab_bytes = std::size_t{256} << 10;

// range(0): how many are lent at once.
void slab_pool(benchmark::State& state) {
  const auto lent_count = static_cast<std::size_t>(state.range(0));
  auto pool = mem::SlabPool::create(lent_count, k_pool_slab_bytes);
  if (!pool.ok()) {
    state.SkipWithError(pool.error().message.c_str());
    return;
  }
  std::vector<mem::Slab> lent(lent_count);
  bool all_there = true;
  for (auto _ : state) {
    for (mem::Slab& slab : lent) {
      slab = (*pool)->acquire();
      all_there = all_there && static_cast<bool>(slab);
    }
    for (mem::Slab& slab : lent) {
      slab.reset();
    }
  }
  if (!all_there || (*pool)->free_count() != lent_count) {
    state.SkipWithError("a slab was not lent, or did not come back");
    return;
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}

BENCHMARK(slab_pool)->Arg(1)->Arg(32);

}  // namespace
}  // namespace penstock::bench
