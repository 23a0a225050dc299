// The cursor against what a real broker sent and what another client read of it; then the same bytes cut and
// damaged in every place, which must never do more than give an error.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/wire/batch_builder.h"
#include "unit/wire/golden.h"
#include "wire/records_cursor.h"

namespace penstock::wire {
namespace {

struct Read {
  std::vector<std::int64_t> offsets;
  std::vector<GoldenRecord> records;
  Position next;
  bool failed = false;
};

class Goldens : public testing::TestWithParam<std::string> {
 protected:
  enum class Keep : std::uint8_t { offsets, records };

  Read read(const std::string& bytes, std::size_t records_max, RecordHeaders headers,
            Keep keep = Keep::records) {
    const auto copy =
        std::make_unique<std::byte[]>(bytes.size());  // no slack, so that the sanitizer sees an overrun
    std::copy_n(as_bytes(bytes).begin(), bytes.size(), copy.get());
    cursor.begin(Bytes(copy.get(), bytes.size()), golden.asked, golden.aborted, headers);
    Read out;
    for (;;) {
      const auto step = cursor.next(views, records_max);
      if (!step.ok()) {
        out.failed = true;
        return out;
      }
      EXPECT_GE(step->next, out.next);
      out.next = step->next;
      for (const RecordView& view : views) {
        EXPECT_LT(view.offset.value, step->next.value);
        out.offsets.push_back(view.offset.value);
        if (keep == Keep::records) {
          out.records.push_back(as_golden(view));
        }
      }
      if (step->kind == RecordsCursor::Step::end) {
        return out;
      }
    }
  }

  const GoldenBatches golden = load_golden(GetParam());
  codec::Decompressor decompressor{std::size_t{2} << 20};
  RecordsCursor cursor{decompressor};
  std::vector<RecordView> views;
};

INSTANTIATE_TEST_SUITE_P(All, Goldens, testing::ValuesIn(golden_names()),
                         [](const auto& test) { return test.param; });

TEST_P(Goldens, are_read_as_another_client_read_them) {
  ASSERT_FALSE(golden.expected.empty());
  for (const std::size_t records_max : {1, 3, 1000}) {
    const Read all = read(golden.records, records_max, RecordHeaders::wanted);
    EXPECT_FALSE(all.failed);
    EXPECT_THAT(all.records, testing::ElementsAreArray(golden.expected));
    EXPECT_EQ(all.next, golden.next);
  }
}

TEST_P(Goldens, are_read_without_headers_where_nobody_wants_them) {
  std::vector<GoldenRecord> bare = golden.expected;
  for (GoldenRecord& record : bare) {
    record.headers.clear();
  }
  const Read all = read(golden.records, 1000, RecordHeaders::skipped);
  EXPECT_FALSE(all.failed);
  EXPECT_THAT(all.records, testing::ElementsAreArray(bare));
}

TEST_P(Goldens, cut_anywhere_give_the_records_of_the_whole_batches) {
  for (std::size_t length = 0; length < golden.records.size(); ++length) {
    const Read cut = read(golden.records.substr(0, length), 1000, RecordHeaders::wanted);
    ASSERT_FALSE(cut.failed) << "at " << length;
    ASSERT_LE(cut.records.size(), golden.expected.size());
    ASSERT_TRUE(std::equal(cut.records.begin(), cut.records.end(), golden.expected.begin()))
        << "at " << length;
    ASSERT_LE(cut.next, golden.next);
  }
}

// A flipped bit behind a checksum that was made right again: whatever it gives, the sanitizers have nothing
// to say, and the offsets rise.
TEST_P(Goldens, damaged_anywhere_end_in_an_error_or_in_records) {
  for (std::size_t at = 0; at < golden.records.size(); ++at) {
    for (const int mask : {0x01, 0x40, 0x80}) {
      std::string damaged = golden.records;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      fix_checksum(damaged);
      const Read out =
          read(damaged, 7, at % 2 == 0 ? RecordHeaders::wanted : RecordHeaders::skipped, Keep::offsets);
      ASSERT_TRUE(std::is_sorted(out.offsets.begin(), out.offsets.end()));
    }
  }
}

TEST_P(Goldens, damaged_anywhere_under_the_checksum_are_an_error) {
  const auto first = batch_bytes(as_bytes(golden.records));
  ASSERT_TRUE(first.ok());
  for (std::size_t at = 17; at < std::min(*first, golden.records.size()); ++at) {
    std::string damaged = golden.records;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    ASSERT_TRUE(read(damaged, 1000, RecordHeaders::skipped).failed) << "at " << at;
  }
}

}  // namespace
}  // namespace penstock::wire
