// The ledger's share of a record: one extend() each, and a batch's publication and commit after all of them.
#include <vector>

#include <benchmark/benchmark.h>

#include "ledger/ledger.h"

namespace penstock::bench {
namespace {

constexpr std::int64_t k_records_per_batch = 10'000;

// range(0): partitions, read in turn.
void ledger_extend(benchmark::State& state) {
  const auto partitions = static_cast<std::uint32_t>(state.range(0));
  ledger::Ledger ledger;
  ledger.begin_epoch(std::vector<Position>(partitions, Position{0}));
  std::vector<Position> next(partitions, Position{0});
  std::uint64_t batch = 0;
  std::int64_t done = 0;
  for (auto _ : state) {
    const ledger::BatchKey key{++batch};
    for (std::int64_t record = 0; record < k_records_per_batch; ++record) {
      const auto slot = static_cast<std::uint32_t>(record % partitions);
      ++next[slot].value;
      ledger.extend(key, PartitionSlot{slot}, next[slot]);
    }
    ledger.published(key);
    ledger.committed_now(ledger.uncommitted());
    done += k_records_per_batch;
  }
  std::int64_t committed = 0;
  for (std::uint32_t slot = 0; slot < partitions; ++slot) {
    committed += ledger.committed(PartitionSlot{slot}).value;
  }
  if (committed != done || !ledger.settled()) {
    state.SkipWithError("the committed positions are not those that were read");
    return;
  }
  state.SetItemsProcessed(done);
}

BENCHMARK(ledger_extend)->Arg(1)->Arg(150);

}  // namespace
}  // namespace penstock::bench
