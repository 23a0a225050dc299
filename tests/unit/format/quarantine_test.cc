#include "format/quarantine.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json_check.h"

namespace penstock::format {
namespace {

using Reason = std::optional<QuarantineReason>;

// Of each value its record; it must outlive it. None: a tombstone.
RecordView record_with(const std::optional<std::string>& value) {
  return {.offset = Offset{41},
          .key = {},
          .value = value ? as_bytes(*value) : Bytes(),
          .headers = {},
          .null_value = !value};
}

TEST(QuarantineTest, what_is_not_exactly_one_json_value_is_told) {
  codec::JsonCheck json;
  const RecordRules rules{.json = true};
  const std::string deep = std::string(600, '[') + std::string(600, ']');
  const std::string half(200'000, '[');
  const struct {
    std::optional<std::string> value;
    Reason fault;
  } cases[] = {
      {"{}", {}},
      {" [1, 2]\n", {}},
      {"null", {}},
      {"1e999", {}},
      {"{\"a\":\r\n1}", {}},
      {std::nullopt, {}},
      {"", QuarantineReason::not_json},
      {" ", QuarantineReason::not_json},
      {"{", QuarantineReason::not_json},
      {"{} {}", QuarantineReason::not_json},
      {"{}\n{}", QuarantineReason::not_json},
      {"plain text", QuarantineReason::not_json},
      {"NaN", QuarantineReason::not_json},
      {"{\"a\":\"\n\"}", QuarantineReason::not_json},
      {"\xef\xbb\xbf{}", QuarantineReason::not_json},
      {"\"\xff\"", QuarantineReason::not_json},
      {std::string("{}\0", 3), QuarantineReason::not_json},
      {deep, QuarantineReason::not_json},
      {half, QuarantineReason::not_json},
  };
  for (const auto& [value, fault] : cases) {
    EXPECT_EQ(fault_of(rules, record_with(value), json), fault) << value.value_or("(none)").substr(0, 40);
  }
}

TEST(QuarantineTest, a_value_is_too_large_from_the_first_byte_over_the_limit) {
  codec::JsonCheck json;
  const RecordRules rules{.json = true, .value_bytes_max = 4};
  const std::optional<std::string> at_limit = "1234";
  const std::optional<std::string> over = "12345";
  const std::optional<std::string> over_and_junk = "{{{{{";
  EXPECT_EQ(fault_of(rules, record_with(at_limit), json), Reason());
  EXPECT_EQ(fault_of(rules, record_with(over), json), QuarantineReason::too_large);
  EXPECT_EQ(fault_of(rules, record_with(over_and_junk), json), QuarantineReason::too_large)
      << "what is too large is not parsed";
  EXPECT_EQ(fault_of({.value_bytes_max = 5}, record_with(over_and_junk), json), Reason())
      << "no word of JSON";
}

TEST(QuarantineTest, a_run_is_judged_alike_and_has_an_end) {
  codec::JsonCheck json;
  const RecordRules rules{.json = true, .value_bytes_max = 10};
  const std::vector<std::optional<std::string>> values{"{}", "[]", "x", "y", std::string(11, '1'), "1"};
  std::vector<RecordView> records;
  for (const auto& value : values) {
    records.push_back(record_with(value));
  }
  std::string runs;
  for (std::span<const RecordView> rest = records; !rest.empty();) {
    const JudgedRun run = judge_front(rules, rest, json);
    runs += std::to_string(run.records) + (run.fault ? std::string(to_string(*run.fault)) : "good") + " ";
    rest = rest.subspan(run.records);
  }
  EXPECT_EQ(runs, "2good 2not-json 1too-large 1good ");
  const std::optional<std::string> good = "{}";
  const std::vector<RecordView> many(1000, record_with(good));
  EXPECT_EQ(judge_front(rules, many, json).records, k_judged_records_max);
}

TEST(QuarantineTest, the_name_of_a_quarantine_file_and_of_its_file_follow_from_each_other) {
  const std::string name = quarantine_name("orders/2026/orders-7-42.txt.gz");
  EXPECT_EQ(name, "_quarantine/orders/2026/orders-7-42.txt.gz.json");
  EXPECT_EQ(file_beside(name), "orders/2026/orders-7-42.txt.gz");
  EXPECT_EQ(format_of(name), k_quarantine_format);
  for (const char* other : {"orders/a.json", "_quarantine/a.txt", "_quarantine/.json", "_quarantine/", ""}) {
    EXPECT_EQ(file_beside(other), "") << other;
  }
}

TEST(QuarantineTest, a_row_has_its_reason_in_front_of_all_fields) {
  codec::JsonCheck json;
  const std::optional<std::string> junk = "{} ...";
  const RecordView record = record_with(junk);
  const RowContext context{.rows = RowFormat::envelope,
                           .topic = "orders",
                           .partition = Partition{3},
                           .json = &json,
                           .reason = to_string(QuarantineReason::not_json)};
  std::string room(row_bytes_max(context, record), '#');
  const Framed framed = frame(context, {&record, 1}, std::as_writable_bytes(std::span(room)));
  ASSERT_EQ(framed.rows, 1U);
  const std::string row = room.substr(0, framed.bytes);
  EXPECT_EQ(row,
            "{\"reason\":\"not-json\",\"topic\":\"orders\",\"partition\":3,\"offset\":41,\"timestamp\":-1,"
            "\"timestamp_type\":null,\"key\":null,\"headers\":[],\"value_base64\":\"e30gLi4u\"}\n");
}

}  // namespace
}  // namespace penstock::format
