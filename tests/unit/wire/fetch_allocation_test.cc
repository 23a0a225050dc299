// In steady state a Fetch costs no allocation: neither its request into a used buffer nor the walk over its
// response, nor the decoding of its records, compressed or not. operator new of this whole test program is
// counted.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/wire/golden.h"
#include "unit/wire/golden_messages.h"
#include "unit/wire/hex.h"
#include "wire/fetch.h"
#include "wire/records_cursor.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Not inlined: the compiler would take malloc and free for mismatched.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}

[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace penstock::wire {
namespace {

TEST(FetchAllocation, none_from_the_second_round_on) {
  std::vector<FetchPartition> partitions;
  for (int i = 0; i < 1000; ++i) {
    partitions.push_back({i < 500 ? "orders" : "events", Partition{i}, Position{i}, 1, 131'072});
  }
  const auto golden =
      std::ranges::find_if(k_fetch_responses, [](const auto& each) { return each.version == 11; });
  const Buffer body = from_hex(golden->hex);
  Buffer request;
  std::vector<AbortedTransaction> aborted;
  std::size_t walked = 0;
  std::uint64_t before = 0;
  for (int round = 0; round < 10; ++round) {
    if (round == 1) {
      before = allocations.load();
    }
    request.clear();
    encode_fetch(request, 11, {.wait_ms_max = 500, .bytes_max = 1 << 20, .partitions = partitions});
    aborted.clear();
    FetchResponseReader reader(body, 11);
    while (reader.next(aborted)) {
      ++walked;
    }
  }
  EXPECT_GT(before, 0u);
  EXPECT_EQ(allocations.load(), before);
  EXPECT_EQ(walked, 30u);
}

TEST(RecordsCursorAllocation, none_from_the_second_response_on) {
  std::vector<GoldenBatches> goldens;
  for (const std::string& name : golden_names()) {
    goldens.push_back(load_golden(name));
  }
  codec::Decompressor decompressor(std::size_t{16} << 20);
  RecordsCursor cursor(decompressor);
  std::vector<RecordView> views;
  std::uint64_t before = 0;
  std::size_t records = 0;
  for (int round = 0; round < 3; ++round) {
    if (round == 1) {
      before = allocations.load();
    }
    for (const GoldenBatches& golden : goldens) {
      cursor.begin(as_bytes(golden.records), golden.asked, golden.aborted, RecordHeaders::wanted);
      for (;;) {
        const auto step = cursor.next(views, 1000);
        if (!step.ok() || step->kind == RecordsCursor::Step::end) {
          break;
        }
        records += views.size();
      }
    }
  }
  EXPECT_EQ(allocations.load(), before);
  EXPECT_GT(records, 1000U);
}

}  // namespace
}  // namespace penstock::wire
