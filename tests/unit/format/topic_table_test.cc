#include "format/topic_table.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::format {
namespace {

TEST(TopicTable, what_was_taken_stays_as_it_is) {
  TopicTable table;
  const auto empty = table.now();
  const auto one = table.grow({.fields = {{.name = "a"}}});
  EXPECT_EQ(table.grow({.fields = {{.name = "a"}}}), one) << "nothing came";
  const auto two = table.grow({.fields = {{.name = "b"}, {.name = "a"}}});
  EXPECT_TRUE(empty->fields.empty());
  EXPECT_EQ(one->fields.size(), 1U);
  ASSERT_EQ(two->fields.size(), 2U);
  EXPECT_EQ(two->fields[0].name, "a");
  EXPECT_EQ(table.now(), two);
}

TEST(TopicTable, workers_have_one_table_for_a_topic) {
  TopicTables tables;
  constexpr int k_workers = 4;
  constexpr int k_columns = 50;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < k_workers; ++worker) {
    workers.emplace_back([&tables, worker] {
      for (int i = 0; i < k_columns; ++i) {
        const std::string name = "c" + std::to_string((i * 7 + worker * 13) % k_columns);
        const auto grown = tables.of("orders")->grow({.fields = {{.name = name}}});
        EXPECT_EQ(grown->fields.empty(), false);
        EXPECT_GE(tables.of("orders")->now()->fields.size(), grown->fields.size());
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  EXPECT_EQ(tables.of("orders")->now()->fields.size(), std::size_t{k_columns});
  EXPECT_TRUE(tables.of("payments")->now()->fields.empty());
}

}  // namespace
}  // namespace penstock::format
