// `penstock verify` over a lake of many blobs, from the listing on: pages come from memory, made when they
// are asked for, as Azure's would come over the line. range(0): blobs. Two writers take turns, and their
// names do not sort as their ranges do.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/concat.h"
#include "format/blob_metadata.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "verify/content.h"
#include "verify/judge.h"
#include "verify/lake_reader.h"
#include "verify/tiling.h"

namespace penstock::bench {
namespace {

constexpr std::int64_t k_page_blobs = 5000;  // Azure's
constexpr std::int32_t k_partitions = 16;
constexpr std::int64_t k_positions = 100;  // of a partition in a blob
constexpr std::uint64_t k_memory_max = std::uint64_t{256} << 20;

// Listing alone; nothing else is asked.
class ListedLake final : public lake::BlobStore {
 public:
  ListedLake(io::Loop& loop, std::int64_t blobs) : loop_(loop), blobs_(blobs) {}

  void list(const std::string&, const std::string& marker,
            std::function<void(Result<lake::BlobPage>)> done) override {
    const std::int64_t first = marker.empty() ? 0 : std::stoll(marker);
    const std::int64_t next = std::min(first + k_page_blobs, blobs_);
    auto page = std::make_shared<lake::BlobPage>();
    for (std::int64_t at = first; at < next; ++at) {
      page->blobs.push_back(blob(at));
    }
    page->next_marker = next < blobs_ ? std::to_string(next) : std::string();
    loop_.defer([page, done = std::move(done)] { done(std::move(*page)); });
  }
  void put_block(const std::string&, const lake::BlockRef&, lake::Body, lake::Done) override { CHECK(false); }
  void commit_blocks(const std::string&, std::span<const lake::BlockRef>, const Metadata&,
                     lake::Done) override {
    CHECK(false);
  }
  void put_blob(const std::string&, lake::Body, const Metadata&, lake::Done) override { CHECK(false); }
  void get_properties(const std::string&, std::function<void(Result<lake::BlobProperties>)>) override {
    CHECK(false);
  }
  void read(const std::string&, std::uint64_t, std::uint64_t,
            std::function<void(Result<std::string>)>) override {
    CHECK(false);
  }
  void probe(lake::Done) override { CHECK(false); }
  void discard(const std::string&) override {}
  const std::string& description() const override { return description_; }

 private:
  // Within an hour of 120 blobs the second writer's come behind the first's.
  lake::BlobEntry blob(std::int64_t at) const {
    const std::int64_t hour = at / 120;
    const std::int64_t in_hour = at % 120;
    const std::int64_t batch = hour * 120 + (in_hour < 60 ? 2 * in_hour : 2 * (in_hour - 60) + 1);
    format::BlobMetadata metadata{.group = "lake-writers",
                                  .topic = "orders",
                                  .topic_id = "6c1f0a8be0a94c2f9d3b7a51c2e4d680",
                                  .ranges = {},
                                  .lost = {},
                                  .before = {},
                                  .records = k_partitions * k_positions,
                                  .skipped = 0,
                                  .holes = 0,
                                  .bytes = 1'000'000,
                                  .checksum = 0x00c0ffee,
                                  .attempt = "9f86d081884c7d659a2feaa0c55ad015"};
    for (std::int32_t partition = 0; partition < k_partitions; ++partition) {
      metadata.ranges.push_back(
          {Partition{partition}, {Position{batch * k_positions}, Position{(batch + 1) * k_positions}}});
    }
    return {.name = concat("orders/", 100'000 + hour, "/orders-20260131T000000Z-0123456789abcdef-",
                           1'000'000'000 + at, ".txt"),
            .properties = {.bytes = 1'000'000, .metadata = format::to_metadata(metadata)}};
  }

  io::Loop& loop_;
  const std::int64_t blobs_;
  const std::string description_ = "a lake";
};

// The most that this process had in memory since the last call.
std::uint64_t peak_bytes() {
  std::uint64_t kib = 0;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      status >> kib;
    }
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return kib << 10;
}

void verify_a_lake(benchmark::State& state) {
  const std::int64_t blobs = state.range(0);
  const auto loop = io::make_loop({.choice = io::Choice::portable}, system_clock());
  ListedLake store(**loop, blobs);
  peak_bytes();
  const std::uint64_t before = peak_bytes();  // what other benchmarks of this process have left, and the lake
  for (auto _ : state) {
    verify::LakeReader lake(store, **loop, system_clock());
    verify::Tiling tiling;
    verify::Findings findings;
    const Result<void> seen = lake.each([&](const verify::BlobFacts& facts) {
      if (auto wrong = verify::check_listed(facts)) {
        findings.add(*std::move(wrong));
      }
      tiling.add(facts);
      return Result<void>();
    });
    verify::ClusterView cluster;
    for (std::int32_t partition = 0; partition < k_partitions; ++partition) {
      const GroupEntry entry{Position{blobs * k_positions}, ""};
      cluster[{"orders", Partition{partition}}] = {.before = entry, .after = entry, .log = std::nullopt};
    }
    tiling.settle(verify::topic_ids(cluster));
    verify::judge(tiling, cluster, {}, {.from_earliest = true, .sink = "0123abcd"}, findings);
    if (!seen.ok() || !findings.all().empty() || tiling.any_twice()) {
      state.SkipWithError("a lake that is well is not found well");
      return;
    }
  }
  const std::uint64_t peak = peak_bytes();
  if (peak > before + k_memory_max) {
    state.SkipWithError("it takes more than 256 MiB");
    return;
  }
  state.counters["peak_MiB"] = static_cast<double>(peak >> 20);
  state.SetItemsProcessed(state.iterations() * blobs);
}

// A multiple of 120 each, so that the last hour is whole.
BENCHMARK(verify_a_lake)->Arg(12'000)->Arg(1'000'080)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::bench
