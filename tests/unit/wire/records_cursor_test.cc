#include "wire/records_cursor.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/wire/batch_builder.h"

namespace penstock::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a caller sees of one response, read to its end in steps of records_max.
struct Seen {
  std::vector<std::int64_t> offsets;
  std::vector<std::string> values;
  std::vector<std::int64_t> times;
  std::vector<TimestampType> types;
  std::vector<std::int64_t> positions;  // a step each
  std::int64_t next = -1;               // at the end
  std::size_t bytes_needed = 0;
  std::optional<Error> error;
};

class RecordsCursorTest : public testing::Test {
 protected:
  Seen read(const std::string& bytes, std::int64_t asked = 0,
            const std::vector<AbortedTransaction>& aborted = {}, std::size_t records_max = 1000,
            RecordHeaders headers = RecordHeaders::wanted) {
    // A block of exactly this size, so that the sanitizer sees a read beyond it.
    const auto copy = std::make_unique<std::byte[]>(bytes.size());
    std::copy_n(as_bytes(bytes).begin(), bytes.size(), copy.get());
    cursor.begin(Bytes(copy.get(), bytes.size()), Position{asked}, aborted, headers);
    Seen seen;
    for (;;) {
      const auto step = cursor.next(views, records_max);
      if (!step.ok()) {
        EXPECT_THAT(views, IsEmpty());
        seen.error = step.error();
        break;
      }
      seen.next = step->next.value;
      if (step->kind == RecordsCursor::Step::end) {
        EXPECT_THAT(views, IsEmpty());
        break;
      }
      EXPECT_LE(views.size(), records_max);
      seen.positions.push_back(step->next.value);
      for (const RecordView& view : views) {
        seen.offsets.push_back(view.offset.value);
        seen.values.emplace_back(as_text(view.value));
        seen.times.push_back(view.timestamp_ms);
        seen.types.push_back(view.timestamp_type);
      }
    }
    seen.bytes_needed = cursor.bytes_needed();
    return seen;
  }

  codec::Decompressor decompressor{std::size_t{4} << 20};
  RecordsCursor cursor{decompressor};
  std::vector<RecordView> views;
};

std::string plain_batch(std::int64_t base_offset, int count) {
  BatchBuilder builder{.base_offset = base_offset};
  for (int i = 0; i < count; ++i) {
    builder.records.push_back(record_bytes(i, "k", "v" + std::to_string(base_offset + i), i));
  }
  return builder.build();
}

std::string transactional(std::int64_t offset, std::int64_t producer) {
  return BatchBuilder{.base_offset = offset,
                      .attributes = k_transactional,
                      .producer_id = producer,
                      .records = {record_bytes(0, std::nullopt, "t" + std::to_string(offset))}}
      .build();
}

std::string marker(std::int64_t offset, std::int64_t producer, MarkerType type) {
  return BatchBuilder{.base_offset = offset,
                      .attributes = k_transactional | k_control,
                      .producer_id = producer,
                      .records = {record_bytes(0, marker_key(type), "\0\0\0\0\0\0")}}
      .build();
}

TEST_F(RecordsCursorTest, gives_the_fields_of_each_record) {
  const std::string headers = zig_zag(2) + field("a") + field("1") + field("b") + field(std::nullopt);
  const std::string bytes =
      BatchBuilder{.base_offset = 100,
                   .records = {record_bytes(0, "key", "value", 5, headers),
                               record_bytes(1, std::nullopt, std::nullopt, -7),
                               record_bytes(2, "", "", 0, zig_zag(1) + field("") + field(""))}}
          .build();
  cursor.begin(as_bytes(bytes), Position{100}, {}, RecordHeaders::wanted);
  const auto step = cursor.next(views, 10);
  ASSERT_TRUE(step.ok()) << step.error().message;
  EXPECT_EQ(step->next, Position{103});
  ASSERT_EQ(views.size(), 3U);
  EXPECT_EQ(views[0].offset, Offset{100});
  EXPECT_EQ(views[0].timestamp_ms, 1005);
  EXPECT_EQ(as_text(views[0].key), "key");
  EXPECT_EQ(as_text(views[0].value), "value");
  ASSERT_EQ(views[0].headers.size(), 2U);
  EXPECT_EQ(views[0].headers[0].key, "a");
  EXPECT_EQ(as_text(views[0].headers[0].value), "1");
  EXPECT_FALSE(views[0].headers[0].null_value);
  EXPECT_EQ(views[0].headers[1].key, "b");
  EXPECT_TRUE(views[0].headers[1].null_value);
  EXPECT_TRUE(views[1].null_key && views[1].null_value);
  EXPECT_EQ(views[1].timestamp_ms, 993);
  EXPECT_THAT(views[1].headers, IsEmpty());
  EXPECT_FALSE(views[2].null_key || views[2].null_value);
  EXPECT_EQ(views[2].headers.size(), 1U);
  // Values are where they came: nothing is copied.
  EXPECT_GE(as_text(views[0].value).data(), bytes.data());
  EXPECT_LT(as_text(views[0].value).data(), bytes.data() + bytes.size());
}

TEST_F(RecordsCursorTest, headers_that_nobody_wants_are_not_even_read) {
  const std::string bytes =
      BatchBuilder{.records = {record_bytes(0, "k", "v", 0, "\xff\xff not headers")}}.build();
  EXPECT_THAT(read(bytes, 0, {}, 1000, RecordHeaders::skipped).values, ElementsAre("v"));
  EXPECT_TRUE(read(bytes, 0, {}, 1000, RecordHeaders::wanted).error.has_value());
}

TEST_F(RecordsCursorTest, a_batch_may_take_several_steps) {
  const Seen seen = read(plain_batch(0, 5) + plain_batch(5, 2), 0, {}, 2);
  EXPECT_THAT(seen.offsets, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(seen.positions, ElementsAre(2, 4, 5, 7));
  EXPECT_EQ(seen.next, 7);
}

TEST_F(RecordsCursorTest, far_too_many_headers_are_refused_before_they_take_memory) {
  const auto with_headers = [&](int count, std::size_t value_bytes) {
    std::string headers = zig_zag(count);
    for (int i = 0; i < count; ++i) {
      headers += field("") + field(std::string(value_bytes, 'x'));
    }
    const std::string bytes = BatchBuilder{.records = {record_bytes(0, "k", "v", 0, headers)}}.build();
    return read(bytes, 0);
  };
  EXPECT_FALSE(with_headers(16'384, 0).error.has_value());
  const auto refused = with_headers(16'385, 0).error;
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->kind, ErrorKind::unsupported);
  EXPECT_EQ(refused->action, Action::give_up);
  EXPECT_THAT(refused->message, HasSubstr("offset 0 has far more headers"));
  EXPECT_FALSE(with_headers(20'000, 40).error.has_value()) << "headers of some size are taken in any number";
}

TEST_F(RecordsCursorTest, a_step_ends_early_where_headers_would_take_much_memory) {
  std::string headers = zig_zag(10'000);
  for (int i = 0; i < 10'000; ++i) {
    headers += field("") + field(std::nullopt);
  }
  BatchBuilder builder;
  for (int i = 0; i < 5; ++i) {
    builder.records.push_back(record_bytes(i, "k", "v", 0, headers));
  }
  EXPECT_THAT(read(builder.build()).positions, ElementsAre(2, 4, 5));
  EXPECT_THAT(read(builder.build(), 0, {}, 1000, RecordHeaders::skipped).positions, ElementsAre(5));
}

TEST_F(RecordsCursorTest, records_below_the_asked_position_are_left_out) {
  EXPECT_THAT(read(plain_batch(10, 5), 13).offsets, ElementsAre(13, 14));
  EXPECT_THAT(read(plain_batch(10, 5) + plain_batch(15, 1), 15).offsets, ElementsAre(15));
  const Seen all_below = read(plain_batch(10, 5), 20);
  EXPECT_THAT(all_below.offsets, IsEmpty());
  EXPECT_EQ(all_below.next, 20);
  EXPECT_THAT(all_below.positions, IsEmpty());
}

TEST_F(RecordsCursorTest, the_position_moves_over_what_compaction_took_away) {
  const std::string holes = BatchBuilder{.base_offset = 10,
                                         .last_offset_delta = 9,
                                         .records = {record_bytes(2, "k", "12"), record_bytes(5, "k", "15")}}
                                .build();
  const std::string emptied = BatchBuilder{.base_offset = 30, .last_offset_delta = 4}.build();
  const Seen seen = read(holes + emptied, 10, {}, 1);
  EXPECT_THAT(seen.offsets, ElementsAre(12, 15));
  EXPECT_THAT(seen.positions, ElementsAre(13, 20, 35));  // the last of them a step without records
  EXPECT_EQ(seen.next, 35);
  // Asked behind the last record that is left: nothing but the position.
  EXPECT_THAT(read(holes, 17).positions, ElementsAre(20));
}

TEST_F(RecordsCursorTest, control_batches_are_left_out_without_any_aborted_transaction) {
  const Seen seen = read(transactional(0, 7) + marker(1, 7, MarkerType::commit) + plain_batch(2, 1) +
                         marker(3, 8, MarkerType::abort));
  EXPECT_THAT(seen.values, ElementsAre("t0", "v2"));
  EXPECT_EQ(seen.next, 4);
}

TEST_F(RecordsCursorTest, aborted_transactions_are_left_out_between_first_offset_and_marker) {
  // Producer 7 commits, aborts, commits. 8 is in between all the time, and commits. 9 aborts across all of
  // it.
  const std::string bytes = transactional(0, 7) + marker(1, 7, MarkerType::commit) + transactional(2, 9) +
                            transactional(3, 7) + transactional(4, 8) + transactional(5, 7) +
                            plain_batch(6, 1) + marker(7, 7, MarkerType::abort) + transactional(8, 7) +
                            marker(9, 8, MarkerType::commit) + marker(10, 7, MarkerType::commit) +
                            transactional(11, 9) + marker(12, 9, MarkerType::abort) + transactional(13, 9);
  // As the broker lists them, and in another order.
  for (const auto& aborted : {std::vector<AbortedTransaction>{{9, 2}, {7, 3}}, {{7, 3}, {9, 2}}}) {
    const Seen seen = read(bytes, 0, aborted);
    EXPECT_FALSE(seen.error.has_value());
    EXPECT_THAT(seen.values, ElementsAre("t0", "t4", "v6", "t8", "t13"));
    EXPECT_EQ(seen.next, 14);
  }
  // A second time, with nothing left over from the first.
  EXPECT_EQ(read(bytes).values.size(), 9U);
}

TEST_F(RecordsCursorTest, batches_that_are_not_transactional_survive_their_producer_s_abort) {
  const std::string idempotent =
      BatchBuilder{.base_offset = 1, .producer_id = 7, .records = {record_bytes(0, "k", "kept")}}.build();
  EXPECT_THAT(read(transactional(0, 7) + idempotent, 0, {{7, 0}}).values, ElementsAre("kept"));
}

TEST_F(RecordsCursorTest, the_time_of_the_append_is_the_same_for_all) {
  BatchBuilder builder{.records = {record_bytes(0, "k", "v", 5), record_bytes(1, "k", "v", -70)}};
  EXPECT_THAT(read(builder.build()).times, ElementsAre(1005, 930));
  builder.attributes = k_append_time;
  EXPECT_THAT(read(builder.build()).times, ElementsAre(9000, 9000));
  EXPECT_THAT(read(builder.build()).types, ElementsAre(TimestampType::appended, TimestampType::appended));
  builder.attributes = 0;
  EXPECT_THAT(read(builder.build()).types, ElementsAre(TimestampType::created, TimestampType::created));
}

TEST_F(RecordsCursorTest, times_that_overflow_wrap) {
  const BatchBuilder builder{.base_timestamp = INT64_MAX, .records = {record_bytes(0, "k", "v", INT64_MAX)}};
  EXPECT_THAT(read(builder.build()).times, ElementsAre(-2));
}

TEST_F(RecordsCursorTest, a_cut_batch_is_the_end_and_a_cut_first_one_says_what_it_needs) {
  const std::string first = plain_batch(0, 3);
  const std::string second = plain_batch(3, 3);
  const Seen none = read("");
  EXPECT_EQ(none.next, 0);
  EXPECT_EQ(none.bytes_needed, 0U);
  for (std::size_t length = 1; length < first.size(); ++length) {
    const Seen seen = read(first.substr(0, length));
    EXPECT_FALSE(seen.error.has_value());
    EXPECT_THAT(seen.offsets, IsEmpty());
    EXPECT_EQ(seen.next, 0);
    EXPECT_EQ(seen.bytes_needed, length < 12 ? k_batch_header_bytes : first.size());
  }
  for (std::size_t length = 0; length < second.size(); ++length) {
    const Seen seen = read(first + second.substr(0, length));
    EXPECT_FALSE(seen.error.has_value());
    EXPECT_THAT(seen.offsets, ElementsAre(0, 1, 2));
    EXPECT_EQ(seen.next, 3);
    EXPECT_EQ(seen.bytes_needed, 0U);
  }
}

TEST_F(RecordsCursorTest, a_checksum_that_does_not_match_may_be_fetched_again) {
  const std::string good = plain_batch(0, 2);
  for (std::size_t at = 17; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const Seen seen = read(bytes);
    ASSERT_TRUE(seen.error.has_value()) << at;
    EXPECT_EQ(seen.error->kind, ErrorKind::corrupt);
    EXPECT_EQ(seen.error->action, Action::retry);
    EXPECT_THAT(seen.error->message, HasSubstr("at offset 0 does not match its checksum"));
  }
}

TEST_F(RecordsCursorTest, what_was_given_before_a_bad_batch_stays_and_the_end_is_final) {
  std::string bad = plain_batch(2, 2);
  bad.back() = 'x';
  const Seen seen = read(plain_batch(0, 2) + bad + plain_batch(4, 1));
  EXPECT_THAT(seen.offsets, ElementsAre(0, 1));
  EXPECT_TRUE(seen.error.has_value());
  EXPECT_EQ(seen.next, 2);
  const auto again = cursor.next(views, 10);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->kind, RecordsCursor::Step::end);
  EXPECT_EQ(again->next, Position{2});
}

TEST_F(RecordsCursorTest, older_formats_say_what_to_do) {
  for (const std::int8_t magic : {std::int8_t{0}, std::int8_t{1}}) {
    BatchBuilder builder{.base_offset = 42, .magic = magic, .records = {record_bytes(0, "k", "v")}};
    const Seen seen = read(builder.build());
    ASSERT_TRUE(seen.error.has_value());
    EXPECT_EQ(seen.error->kind, ErrorKind::unsupported);
    EXPECT_EQ(seen.error->action, Action::give_up);
    EXPECT_THAT(seen.error->message, HasSubstr("offset 42"));
    EXPECT_THAT(seen.error->message, HasSubstr("source.fetch: librdkafka and guarantee: at_least_once"));
  }
}

TEST_F(RecordsCursorTest, compressed_beyond_the_limit_names_the_batch_and_the_key) {
  codec::Decompressor small(10);
  RecordsCursor limited(small);
  const BatchBuilder builder{.base_offset = 42,
                             .attributes = 2,
                             .records = {record_bytes(0, "k", "v")},
                             .payload = std::string("\x10\x1c", 2) + record_bytes(0, "k", "v")};
  const std::string bytes = builder.build();
  limited.begin(as_bytes(bytes), Position{0}, {}, RecordHeaders::skipped);
  const auto step = limited.next(views, 10);
  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(step.error().message, HasSubstr("offset 42"));
  EXPECT_THAT(step.error().message, HasSubstr("source.max_batch_bytes"));
}

struct BadBatch {
  const char* name;
  std::string bytes;
  const char* says;
};

TEST_F(RecordsCursorTest, what_cannot_be_is_an_error_and_never_a_record) {
  const std::string good = record_bytes(0, "k", "v");
  const std::string wide = "\xff\xff\xff\xff\x7f";  // a varint of 35 bits
  const auto body = [](const std::string& inner) {
    return zig_zag(static_cast<std::int64_t>(inner.size())) + inner;
  };
  const std::string start = std::string("\0\0\0", 3);
  const BadBatch cases[] = {
      {"magic from the future", BatchBuilder{.magic = 3, .records = {good}}.build(), "magic 3"},
      {"negative count", BatchBuilder{.records_count = -1, .records = {good}}.build(), "counts -1"},
      {"count beyond the bytes", BatchBuilder{.records_count = INT32_MAX, .records = {good}}.build(),
       "counts 2147483647"},
      {"a record less than counted",
       BatchBuilder{.records_count = 3, .records = {good, record_bytes(1, "k", "0123456789")}}.build(),
       "malformed"},
      {"a record more than counted", BatchBuilder{.records_count = 1, .records = {good, good}}.build(),
       "malformed"},
      {"negative base offset", BatchBuilder{.base_offset = -5, .records = {good}}.build(),
       "impossible offsets"},
      {"negative last delta", BatchBuilder{.last_offset_delta = -1, .records = {good}}.build(),
       "impossible offsets"},
      {"offsets that overflow",
       BatchBuilder{.base_offset = INT64_MAX - 1, .last_offset_delta = 5, .records = {good}}.build(),
       "impossible offsets"},
      {"offset beyond the batch",
       BatchBuilder{.last_offset_delta = 0, .records = {record_bytes(1, "k", "v")}}.build(), "malformed"},
      {"offset beyond all offsets",
       BatchBuilder{.base_offset = INT64_MAX - 1, .records = {record_bytes(100, "k", "v")}}.build(),
       "malformed"},
      {"negative offset", BatchBuilder{.records = {record_bytes(-1, "k", "v")}}.build(), "malformed"},
      {"offsets that do not rise", BatchBuilder{.records = {good, good}}.build(), "malformed"},
      {"batches that go back", plain_batch(5, 2) + plain_batch(6, 1),
       "comes behind one that ends at offset 6"},
      {"unknown codec", BatchBuilder{.attributes = 5, .records = {good}}.build(),
       "codec that is not known here (5)"},
      {"gzip that is none", BatchBuilder{.attributes = 1, .records = {good}}.build(), "should be gzip"},
      {"snappy that is none", BatchBuilder{.attributes = 2, .records = {good}}.build(), "should be snappy"},
      {"lz4 that is none", BatchBuilder{.attributes = 3, .records = {good}}.build(), "should be lz4"},
      {"zstd that is none", BatchBuilder{.attributes = 4, .records = {good}}.build(), "should be zstd"},
      {"negative length of a record", BatchBuilder{.records = {zig_zag(-1) + "12345678"}}.build(),
       "malformed"},
      {"empty record", BatchBuilder{.records = {zig_zag(0) + "12345678"}}.build(), "malformed"},
      {"record longer than the batch", BatchBuilder{.records = {zig_zag(100) + "12345678"}}.build(),
       "malformed"},
      {"record of endless length", BatchBuilder{.records = {wide + "12345678"}}.build(), "malformed"},
      {"key of length -2",
       BatchBuilder{.records = {body(start + zig_zag(-2) + field("v") + zig_zag(0))}}.build(), "malformed"},
      {"key beyond the record", BatchBuilder{.records = {body(start + zig_zag(50) + "kvvvvv")}}.build(),
       "malformed"},
      {"value beyond the record",
       BatchBuilder{.records = {body(start + field("k") + zig_zag(50) + "vvvv")}}.build(), "malformed"},
      {"no value", BatchBuilder{.records = {body(start + field("kkkkk"))}}.build(), "malformed"},
      {"no count of headers", BatchBuilder{.records = {record_bytes(0, "k", "v", 0, "")}}.build(),
       "malformed"},
      {"negative headers", BatchBuilder{.records = {record_bytes(0, "k", "v", 0, zig_zag(-1))}}.build(),
       "malformed"},
      {"headers beyond the record",
       BatchBuilder{.records = {record_bytes(0, "k", "v", 0, zig_zag(1'000'000))}}.build(), "malformed"},
      {"header without a name",
       BatchBuilder{.records = {record_bytes(0, "k", "v", 0, zig_zag(1) + field(std::nullopt) + field("x"))}}
           .build(),
       "malformed"},
      {"bytes behind the headers",
       BatchBuilder{.records = {record_bytes(0, "k", "v", 0, zig_zag(0) + "x")}}.build(), "malformed"},
  };
  for (const BadBatch& each : cases) {
    const Seen seen = read(each.bytes);
    ASSERT_TRUE(seen.error.has_value()) << each.name;
    EXPECT_THAT(seen.error->message, HasSubstr(each.says)) << each.name;
    EXPECT_THAT(seen.error->message, HasSubstr("the record batch at offset ")) << each.name;
    EXPECT_TRUE(seen.error->kind == ErrorKind::corrupt || seen.error->kind == ErrorKind::unsupported)
        << each.name;
  }
}

TEST_F(RecordsCursorTest, lengths_of_batches_are_not_believed) {
  for (const std::int32_t length : {-1, 0, 48, INT32_MIN}) {
    Buffer buffer;
    ByteWriter writer(buffer);
    writer.int64(3);
    writer.int32(length);
    writer.int32(0);
    writer.int8(2);
    const Seen seen = read(std::string(as_text(buffer)) + std::string(100, '\0'));
    ASSERT_TRUE(seen.error.has_value()) << length;
    EXPECT_EQ(seen.error->action, Action::retry);
    EXPECT_THAT(seen.error->message, HasSubstr("less than its header"));
  }
}

TEST_F(RecordsCursorTest, a_malformed_marker_of_an_aborting_producer_is_an_error) {
  const auto control = [](const std::string& record) {
    return BatchBuilder{.attributes = k_transactional | k_control, .producer_id = 7, .records = {record}}
        .build();
  };
  EXPECT_TRUE(read(control(record_bytes(0, "\1", "v")), 0, {{7, 0}}).error.has_value());
  EXPECT_TRUE(read(control(record_bytes(0, std::nullopt, "v")), 0, {{7, 0}}).error.has_value());
  EXPECT_TRUE(read(control("12345678"), 0, {{7, 0}}).error.has_value());
  // A marker that compaction emptied ends nothing.
  const std::string emptied = BatchBuilder{.base_offset = 0,
                                           .attributes = k_transactional | k_control,
                                           .last_offset_delta = 0,
                                           .producer_id = 7}
                                  .build();
  EXPECT_THAT(read(emptied + transactional(1, 7), 0, {{7, 0}}).values, IsEmpty());
}

}  // namespace
}  // namespace penstock::wire
