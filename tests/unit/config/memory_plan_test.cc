#include "config/memory_plan.h"

#include <cstddef>
#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::config {
namespace {

using testing::HasSubstr;
using testing::Not;

std::uint64_t total(const MemoryPlan& plan, std::uint32_t workers, std::uint32_t connections) {
  return k_base_bytes + workers * (k_client_bytes + k_backlog_bytes + connections * k_connection_bytes +
                                   plan.slabs_per_worker * plan.slab_bytes);
}

TEST(MemoryPlan, the_defaults_have_room_for_two_workers) {
  // 192 - 24 = 168 MiB; a worker: 28 + 8 + 4 = 40 MiB fixed and 26 slabs.
  const Result<MemoryPlan> one = plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 1);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->slab_bytes, 1 * k_mib);
  EXPECT_EQ(one->slabs_per_worker, 128U);

  const Result<MemoryPlan> two = plan_memory(192 * k_mib, 2, 8 * k_mib, 4, 1);
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two->slabs_per_worker, 44U);
  EXPECT_EQ(workers_that_fit(192 * k_mib, 8 * k_mib, 4, 1), 2U);
}

TEST(MemoryPlan, many_or_unknown_topics_take_small_slabs) {
  EXPECT_EQ(plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 16)->slab_bytes, 1 * k_mib);
  EXPECT_EQ(plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 17)->slab_bytes, 256 * k_kib);
  EXPECT_EQ(plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 0)->slab_bytes, 256 * k_kib);
}

TEST(MemoryPlan, encoders_of_parquet_leave_less_to_the_slabs) {
  const auto slabs = [](const EncoderMemory& encoders) {
    return plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 1, encoders)->slabs_per_worker;
  };
  EXPECT_EQ(slabs(k_parquet_memory), slabs({}) - 28);
  EXPECT_EQ(workers_that_fit(192 * k_mib, 8 * k_mib, 4, 1, k_parquet_memory), 1U);
  EXPECT_THAT(plan_memory(192 * k_mib, 2, 8 * k_mib, 4, 1, k_parquet_memory).error().message,
              HasSubstr("write at least 212MiB"));
}

TEST(MemoryPlan, values_that_become_columns_need_many_small_slabs) {
  const Result<MemoryPlan> plan = plan_memory(192 * k_mib, 1, 8 * k_mib, 4, 1, k_parquet_tables_memory);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->slab_bytes, 256 * k_kib);
  const auto least = [](const EncoderMemory& encoders) {
    std::uint64_t memory = 64 * k_mib;
    while (!plan_memory(memory, 1, 8 * k_mib, 4, 0, encoders).ok()) {
      memory += k_mib;
    }
    return memory;
  };
  EXPECT_EQ(least(k_parquet_tables_memory), least(k_parquet_memory) + 48 * k_mib);
}

TEST(MemoryPlan, never_takes_more_than_it_was_given_and_holds_two_blocks) {
  for (const std::uint64_t memory : {96 * k_mib, 100 * k_mib + 1, 192 * k_mib, 1 * k_gib, 64 * k_gib}) {
    for (const std::uint32_t workers : {1U, 2U, 3U, 8U, 64U}) {
      for (const std::uint64_t block : {64 * k_kib, 4 * k_mib, 8 * k_mib, 100 * k_mib, 4000 * k_mib}) {
        for (const std::size_t topics : {0U, 1U}) {
          const Result<MemoryPlan> plan = plan_memory(memory, workers, block, 4, topics);
          const bool fits = workers_that_fit(memory, block, 4, topics) >= workers;
          EXPECT_EQ(plan.ok(), fits) << memory << " " << workers << " " << block;
          if (plan) {
            EXPECT_LE(total(*plan, workers, 4), memory);
            EXPECT_GE((plan->slabs_per_worker - 8) * (plan->slab_bytes - k_slab_header_bytes), 2 * block);
          }
        }
      }
    }
  }
}

TEST(MemoryPlan, says_what_to_change_and_to_what) {
  // 3 workers: 24 + 3 x (40 + 26) = 222 MiB. Each has (192 - 24) / 3 - 40 = 16 slabs:
  // four slabs a block, of 1,040,384 bytes each.
  const Result<MemoryPlan> plan = plan_memory(192 * k_mib, 3, 8 * k_mib, 4, 1);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(
      plan.error().message,
      "is too little for 3 workers with blocks of 8MiB; write at least 222MiB, or lower sink.block_bytes to "
      "3MiB, or lower runtime.workers to 2");
}

TEST(MemoryPlan, its_own_advice_works) {
  EXPECT_TRUE(plan_memory(222 * k_mib, 3, 8 * k_mib, 4, 1).ok());
  EXPECT_FALSE(plan_memory(221 * k_mib, 3, 8 * k_mib, 4, 1).ok());
  EXPECT_TRUE(plan_memory(192 * k_mib, 3, 3 * k_mib, 4, 1).ok());
  EXPECT_FALSE(plan_memory(192 * k_mib, 3, 4 * k_mib, 4, 1).ok());
  EXPECT_TRUE(plan_memory(192 * k_mib, 2, 8 * k_mib, 4, 1).ok());
  EXPECT_FALSE(plan_memory(192 * k_mib, 3, 8 * k_mib, 4, 1).ok());
}

TEST(MemoryPlan, gives_no_advice_that_cannot_help) {
  const Result<MemoryPlan> plan = plan_memory(20 * k_mib, 1, 8 * k_mib, 4, 1);
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().message, HasSubstr("write at least 90MiB"));
  EXPECT_THAT(plan.error().message, Not(HasSubstr("or lower")));
  EXPECT_EQ(workers_that_fit(20 * k_mib, 8 * k_mib, 4, 1), 0U);
}

TEST(MemoryPlan, the_stage_has_two_segments_and_four_blocks_a_worker) {
  EXPECT_EQ(stage_bytes_min(1, 8 * k_mib), 128 * k_mib);
  EXPECT_EQ(stage_bytes_min(3, 8 * k_mib), 384 * k_mib);
  EXPECT_EQ(stage_bytes_min(2, 100 * k_mib), 800 * k_mib);
}

}  // namespace
}  // namespace penstock::config
