#include "pipeline/batch_writer.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/checksum.h"
#include "format/capture_reader.h"
#include "unit/pipeline/pipeline_fixture.h"
#include "unit/pipeline/unpack.h"

namespace penstock::pipeline {
namespace {

using codec::Compression;
using Stop = BatchWriter::Taken::Stop;

std::string flat(std::string value) {
  std::replace(value.begin(), value.end(), '\n', ' ');
  std::replace(value.begin(), value.end(), '\r', ' ');
  return value + "\n";
}

std::string random_text(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) {
    c = static_cast<char>(random());
  }
  return text;
}

class BatchWriterTest : public PipelineTest {
 protected:
  // Blocks lie one behind the other, chunks too, and every position is told by one chunk.
  static void expect_tiled(const Batch& batch) {
    std::uint64_t offset = 0;
    std::uint32_t chunk = 0;
    Position next = {};
    std::uint64_t records = 0;
    std::uint64_t skipped = 0;
    std::uint64_t holes = 0;
    std::uint64_t raw_bytes = 0;
    for (std::uint32_t i = 0; i < batch.cut.blocks.size(); ++i) {
      const Block& block = batch.cut.blocks[i];
      EXPECT_EQ(block.ref.index, i);
      EXPECT_EQ(block.ref.offset, offset);
      EXPECT_EQ(block.first_chunk, chunk);
      std::uint64_t bytes = 0;
      for (std::uint32_t last = chunk + block.chunk_count; chunk < last; ++chunk) {
        const Chunk& each = batch.cut.chunks[chunk];
        EXPECT_EQ(each.index, chunk);
        EXPECT_EQ(each.last, &each == &batch.cut.chunks.back()) << "chunk " << chunk;
        bytes += each.payload_bytes;
        records += each.records;
        skipped += each.skipped;
        holes += each.holes;
        raw_bytes += each.raw_bytes;
        for (const PartitionRange& range : each.ranges) {
          EXPECT_EQ(range.partition, Partition{3});
          EXPECT_EQ(range.range.first, next);
          EXPECT_LT(range.range.first, range.range.next);
          next = range.range.next;
        }
      }
      EXPECT_EQ(block.ref.bytes, bytes);
      offset += bytes;
    }
    EXPECT_EQ(chunk, batch.cut.chunks.size());
    EXPECT_EQ(offset, batch.cut.payload_bytes);
    EXPECT_EQ(next, batch.ranges.shares[0].range.next);
    EXPECT_EQ(records, batch.cut.records);
    EXPECT_EQ(skipped, batch.cut.skipped);
    EXPECT_EQ(holes, batch.cut.holes);
    EXPECT_EQ(records + skipped + holes, static_cast<std::uint64_t>(next.value));
    EXPECT_EQ(raw_bytes, batch.cut.raw_bytes);
  }

  // Writes the values into one batch, and expects them back.
  void expect_round_trip(Compression compression, const std::vector<std::string>& values) {
    plan_.format.compression = compression;
    const BatchPtr batch = open_batch(batches_.size() + 1);
    std::string expected;
    for (const std::string& value : values) {
      Stop outcome = append(batch, value);
      for (int wait = 0; outcome == Stop::no_room && wait < 1000; ++wait) {
        run_turns(1);
        outcome = append(batch, value);
      }
      ASSERT_EQ(outcome, Stop::end);
      expected += flat(value);
    }
    run_until([&] { return writer_->can_end(*batch); });
    writer_->seal(batch);
    EXPECT_EQ(batch->cut.raw_bytes, expected.size());
    EXPECT_EQ(batch->cut.records, values.size());
    expect_tiled(*batch);
    std::string text;
    std::uint32_t checksum = 0;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      const std::string stored = read_block(batch, i);
      checksum = codec::crc32c(as_bytes(stored), checksum);
      const Unpacked block = unpack(compression, stored);
      EXPECT_EQ(block.members, 1) << "block " << i;
      text += block.text;
    }
    EXPECT_EQ(batch->cut.checksum, checksum);
    EXPECT_TRUE(text == expected) << text.size() << " bytes, expected " << expected.size();
    chunks_->forget(*batch);
    settle();
    EXPECT_TRUE(all_slabs_free());
  }
};

struct Shape {
  const char* name;
  std::vector<std::string> values;
};

std::vector<Shape> shapes() {
  std::vector<std::string> bytes(3000, "x");
  std::vector<std::string> mixed;
  std::mt19937_64 random(3);
  for (std::uint64_t i = 0; i < 400; ++i) {
    mixed.push_back(random_text(1 + random() % 3000, i));
  }
  return {
      {"one byte", {"x"}},
      {"one-byte values", bytes},
      {"line breaks", {"{\r\n \"a\": 1,\n}\r", "\n", "\r\n\r\n", "none"}},
      {"a value that fills a chunk with its line break", {std::string(k_chunk_bytes - 1, 'f'), "after"}},
      {"a line break that begins a chunk", {std::string(k_chunk_bytes, 'f'), "after"}},
      {"values across chunks", std::vector<std::string>(30, random_text(k_chunk_bytes / 3 + 7, 9))},
      {"values of many chunks",
       {random_text(5 * k_chunk_bytes + 11, 1), "s", random_text(9 * k_chunk_bytes, 2)}},
      {"a block to the byte", std::vector<std::string>(8, std::string(k_chunk_bytes - 1, 'b'))},
      {"incompressible values of all sizes", mixed},
      {"compressible values", std::vector<std::string>(60'000, R"({"method":"GET","status":200,"ms":12})")},
  };
}

TEST_F(BatchWriterTest, blocks_of_every_codec_hold_the_framed_values_and_tile) {
  build(48);
  for (const Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    for (const Shape& shape : shapes()) {
      SCOPED_TRACE(std::string(codec::to_string(compression)) + ", " + shape.name);
      expect_round_trip(compression, shape.values);
    }
  }
}

// With few slabs records come one by one and in runs, across chunks and within them.
TEST_F(BatchWriterTest, what_makes_no_row_and_what_the_log_did_not_give_is_told_by_one_chunk) {
  build(48);
  for (const Compression compression : {Compression::none, Compression::gzip}) {
    plan_.format.compression = compression;
    const BatchPtr batch = open_batch(batches_.size() + 1);
    Share& share = batch->ranges.shares[0];
    const std::string value = random_text(k_chunk_bytes / 5, 4);
    std::int64_t offset = 0;
    for (int run = 0; run < 20; ++run) {
      std::vector<RecordView> records;
      for (int i = 0; i < 7; ++i) {
        offset += i == 3 ? 5 : 1;
        records.push_back({.offset = Offset{offset - 1},
                           .key = {},
                           .value = i == 5 || (run == 0 && i == 0) ? Bytes() : as_bytes(value),
                           .headers = {}});
      }
      ASSERT_EQ(writer_->append(batch, share, records).stop, Stop::end);
      run_turns(3);
    }
    BatchWriter::pass_over(*batch, share, Position{offset + 11});
    ASSERT_EQ(append(batch, "the end"), Stop::end);
    run_until([&] { return writer_->can_end(*batch); });
    writer_->seal(batch);
    expect_tiled(*batch);
    EXPECT_EQ(batch->cut.skipped, 21U);
    EXPECT_EQ(batch->cut.holes, 20U * 4 + 11);
    chunks_->forget(*batch);
    settle();
  }
}

// Values of all sizes, so that rows begin, end and are cut anywhere in a chunk; the rows are those that one
// room for all of them gives.
TEST_F(BatchWriterTest, envelopes_are_the_same_wherever_a_chunk_ends) {
  build(48);
  plan_.format.rows = format::RowFormat::envelope;
  for (const Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    SCOPED_TRACE(std::string(codec::to_string(compression)));
    plan_.format.compression = compression;
    const BatchPtr batch = open_batch(batches_.size() + 1);
    Share& share = batch->ranges.shares[0];
    codec::JsonCheck json;
    const format::RowContext context{.rows = format::RowFormat::envelope,
                                     .topic = plan_.topic,
                                     .partition = share.partition,
                                     .json = &json};
    std::mt19937_64 random(13);
    std::string expected;
    for (std::int64_t offset = 0; offset < 300; ++offset) {
      const std::size_t size = random() % (offset % 20 == 0 ? 2 * k_chunk_bytes : 2000);
      const std::string value =
          offset % 3 == 0 ? random_text(size, random()) : "[\"" + std::string(size, 'j') + "\",\n1]";
      const RecordView record{.offset = Offset{offset},
                              .key = as_bytes("key"),
                              .value = as_bytes(value),
                              .headers = {},
                              .null_key = false,
                              .null_value = false};
      Stop outcome = writer_->append(batch, share, {&record, 1}).stop;
      for (int wait = 0; outcome == Stop::no_room && wait < 1000; ++wait) {
        ASSERT_TRUE(writer_->can_ever_take(*batch, share.partition, record));
        run_turns(1);
        outcome = writer_->append(batch, share, {&record, 1}).stop;
      }
      ASSERT_EQ(outcome, Stop::end);
      std::string row(format::row_bytes_max(context, record), '\0');
      row.resize(format::frame(context, {&record, 1}, std::as_writable_bytes(std::span(row))).bytes);
      expected += row;
    }
    run_until([&] { return writer_->can_end(*batch); });
    writer_->seal(batch);
    expect_tiled(*batch);
    EXPECT_EQ(batch->cut.records, 300U);
    EXPECT_EQ(batch->cut.raw_bytes, expected.size());
    std::string text;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      text += unpack(compression, read_block(batch, i)).text;
    }
    EXPECT_TRUE(text == expected);
    chunks_->forget(*batch);
    settle();
  }
}

class CaptureBatchTest : public BatchWriterTest, public testing::WithParamInterface<Compression> {
 protected:
  BatchPtr open_capture(std::uint64_t counter) {
    plan_.format = {.rows = format::RowFormat::capture, .compression = GetParam()};
    const BatchPtr batch = open_batch(counter);
    batch->attempt = "00112233445566778899aabbccddeeff";
    return batch;
  }

  Stop append_patiently(const BatchPtr& batch, const std::string& value) {
    Stop outcome = append(batch, value);
    for (int wait = 0; outcome == Stop::no_room && wait < 1000; ++wait) {
      run_turns(1);
      outcome = append(batch, value);
    }
    return outcome;
  }

  // Seals the batch and reads its file back.
  void expect_file(const BatchPtr& batch, std::uint64_t rows) {
    run_until([&] { return writer_->can_end(*batch); });
    writer_->seal(batch);
    expect_tiled(*batch);
    EXPECT_EQ(batch->cut.records, rows);
    format::CaptureReader reader;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      const std::string stored = read_block(batch, i);
      const Result<void> fed = reader.feed(as_bytes(stored));
      ASSERT_TRUE(fed.ok()) << fed.error().message << " in block " << i;
    }
    ASSERT_TRUE(reader.end().ok());
    EXPECT_EQ(reader.rows(), rows);
    EXPECT_EQ(reader.plain_bytes(), batch->cut.raw_bytes);
    chunks_->forget(*batch);
    settle();
  }
};

// Rows that fill a raw slab to the byte and miss it by one, and rows of many: each block is announced before
// it is written.
TEST_P(CaptureBatchTest, files_are_whole_wherever_a_row_ends) {
  build(48);
  std::mt19937_64 random(13);
  for (const std::size_t about :
       {std::size_t{0}, k_chunk_bytes / 3, k_chunk_bytes - 120, 2 * k_chunk_bytes}) {
    SCOPED_TRACE(about);
    const BatchPtr batch = open_capture(batches_.size() + 1);
    for (std::uint64_t i = 0; i < 60; ++i) {
      const std::string value = random_text(about + random() % (i % 20 == 0 ? 3 * k_chunk_bytes : 200), i);
      ASSERT_EQ(append_patiently(batch, value), Stop::end);
    }
    expect_file(batch, 60);
    EXPECT_TRUE(all_slabs_free());
  }
  const BatchPtr batch = open_capture(batches_.size() + 1);
  for (std::size_t less = 0; less < 130; ++less) {
    ASSERT_EQ(append_patiently(batch, random_text(k_chunk_bytes - less, less)), Stop::end);
  }
  expect_file(batch, 130);
}

TEST_P(CaptureBatchTest, a_run_of_records_goes_on_behind_a_row_that_is_a_unit) {
  build(48);
  const BatchPtr batch = open_capture(1);
  const std::vector<std::string> values{"small", random_text(3 * k_chunk_bytes, 1), "small",
                                        random_text(k_chunk_bytes / 2, 2), random_text(k_chunk_bytes / 2, 3)};
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                       .key = {},
                       .value = as_bytes(value),
                       .headers = {},
                       .null_value = false});
  }
  EXPECT_EQ(writer_->append(batch, batch->ranges.shares[0], records).stop, Stop::end);
  expect_file(batch, records.size());
}

TEST_P(CaptureBatchTest, spilling_ends_a_block_and_the_file_goes_on) {
  build(48);
  const BatchPtr batch = open_capture(1);
  for (std::uint64_t i = 0; i < 11; ++i) {
    ASSERT_EQ(append(batch, random_text(9000, i)), Stop::end);
    ASSERT_TRUE(writer_->can_end(*batch));
    writer_->spill(batch);
    EXPECT_EQ(batch->cut.held_slabs(), 0U);
    EXPECT_EQ(batch->cut.filling.encoder, nullptr);
    settle();
  }
  ASSERT_EQ(append(batch, "the end"), Stop::end);
  expect_file(batch, 12);
}

// An encoder is lent for a block, so that many open batches do not cut each other's short.
TEST_P(CaptureBatchTest, more_batches_than_encoders_have_blocks_of_whole_slabs) {
  build(80);
  constexpr std::size_t k_batches = EncoderPool::k_encoders_max + 5;
  std::vector<BatchPtr> batches;
  for (std::size_t i = 0; i < k_batches; ++i) {
    batches.push_back(open_capture(i + 1));
  }
  const std::string value = random_text(k_chunk_bytes / 4, 1);
  for (int turn = 0; turn < 8; ++turn) {
    for (const BatchPtr& batch : batches) {
      ASSERT_EQ(append_patiently(batch, value), Stop::end);
    }
    for (const BatchPtr& batch : batches) {
      EXPECT_EQ(batch->cut.filling.raw_rows, static_cast<std::size_t>(turn % 3) + 1)
          << "three rows fit into a raw slab";
    }
  }
  for (const BatchPtr& batch : batches) {
    expect_file(batch, 8);
  }
  EXPECT_TRUE(all_slabs_free());
}

TEST_P(CaptureBatchTest, what_fits_into_no_memory_is_told_and_leaves_the_file_whole) {
  build(24);
  const BatchPtr batch = open_capture(1);
  ASSERT_EQ(append(batch, "first"), Stop::end);
  const std::string large(16 * k_chunk_bytes, 'x');
  const RecordView record{.offset = Offset{1}, .key = {}, .value = as_bytes(large), .headers = {}};
  EXPECT_EQ(append(batch, large), Stop::no_room);
  EXPECT_FALSE(writer_->can_ever_take(*batch, Partition{3}, record));
  ASSERT_EQ(append(batch, "second"), Stop::end);
  expect_file(batch, 2);
}

INSTANTIATE_TEST_SUITE_P(Codecs, CaptureBatchTest, testing::Values(Compression::none, Compression::deflate),
                         [](const auto& of) { return std::string(codec::to_string(of.param)); });

// One whose bound is too large and whose row is not is taken.
TEST_F(BatchWriterTest, what_can_never_be_taken_is_told_by_the_row_itself) {
  build(8, {.to_load = 2, .to_end = 1});
  plan_.format.rows = format::RowFormat::envelope;
  const BatchPtr batch = open_batch();
  Share& share = batch->ranges.shares[0];
  const std::string value = "\"" + std::string(9 * k_chunk_bytes / 2, 'j') + "\"";
  RecordView record{
      .offset = Offset{0}, .key = {}, .value = as_bytes(value), .headers = {}, .null_value = false};
  EXPECT_TRUE(writer_->can_ever_take(*batch, share.partition, record)) << "base64 would need six slabs";
  EXPECT_EQ(writer_->append(batch, share, {&record, 1}).stop, Stop::end);
  record.value = record.value.first(value.size() - 1);
  EXPECT_FALSE(writer_->can_ever_take(*batch, share.partition, record)) << "it is not JSON any more";
  writer_->abandon(*batch);
}

// In whichever way its row is written: into an open slab, or across two.
TEST_F(BatchWriterTest, a_value_that_is_not_of_its_schema_is_counted_and_its_topic_told) {
  build(48);
  plan_.format.rows = format::RowFormat::envelope;
  plan_.decoding = std::make_shared<const format::ValueDecoding>(format::ValueDecoding{
      .schema = std::make_shared<const codec::AvroSchema>(codec::AvroSchema::parse("\"bytes\"").value())});
  const BatchPtr batch = open_batch();
  Share& share = batch->ranges.shares[0];
  const auto takes = [&](const std::string& value) {
    const RecordView record{.offset = Offset{share.range.next.value},
                            .key = {},
                            .value = as_bytes(value),
                            .headers = {},
                            .null_value = false};
    return writer_->append(batch, share, {&record, 1}).stop == Stop::end;
  };
  ASSERT_TRUE(takes("\x04hi"));
  EXPECT_EQ(metrics_.undecoded_values.value(), 0U);
  const std::string large(2 * k_chunk_bytes, '\x01');
  ASSERT_TRUE(takes("\x04h") && takes("\x04hi") && takes(large) && takes(""));
  EXPECT_EQ(metrics_.undecoded_values.value(), 3U);
  EXPECT_EQ(writer_->last_undecoded().topic, plan_.topic);
  EXPECT_EQ(writer_->last_undecoded().partition, Partition{3});
  writer_->abandon(*batch);
}

TEST_F(BatchWriterTest, slabs_larger_than_a_block_are_not_filled_beyond_it) {
  cuts_.block_bytes = 1000;
  build(48);
  expect_round_trip(Compression::none, {std::string(5500, 'v'), "w"});
  EXPECT_EQ(batches_[0]->cut.blocks.size(), 6U);
  EXPECT_EQ(batches_[0]->cut.blocks[0].ref.bytes, 1000U);
  expect_round_trip(Compression::gzip, {random_text(400'000, 5), "w"});
}

TEST_F(BatchWriterTest, without_a_slab_nothing_changes) {
  build(6, {.to_load = 2, .to_end = 1});
  const BatchPtr batch = open_batch();
  ASSERT_EQ(append(batch, "first"), Stop::end);
  const std::uint64_t flattened = metrics_.lines_flattened.value();
  const std::string large(4 * k_chunk_bytes, '\n');
  const RecordView record{.offset = Offset{1}, .key = {}, .value = as_bytes(large), .headers = {}};
  ASSERT_FALSE(writer_->can_ever_take(*batch, Partition{3}, record));
  EXPECT_EQ(append(batch, large), Stop::no_room);
  EXPECT_EQ(batch->cut.records, 1U);
  EXPECT_EQ(batch->cut.raw_bytes, 6U);
  EXPECT_EQ(batch->cut.held_bytes(), 6U);
  EXPECT_EQ(batch->cut.chunks.size(), 1U);
  EXPECT_EQ(metrics_.lines_flattened.value(), flattened);
  EXPECT_EQ(append(batch, "second"), Stop::end) << "what fits goes on";
  writer_->seal(batch);
  EXPECT_EQ(read_block(batch, 0), "first\nsecond\n");
}

TEST_F(BatchWriterTest, spilling_leaves_no_slab_held_and_the_bytes_whole) {
  build(48);
  for (const Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    SCOPED_TRACE(std::string(codec::to_string(compression)));
    plan_.format.compression = compression;
    const BatchPtr batch = open_batch(batches_.size() + 1);
    std::string expected;
    for (std::uint64_t i = 0; i < 11; ++i) {
      const std::string value = flat(random_text(9000, i));
      ASSERT_EQ(append(batch, value.substr(0, value.size() - 1)), Stop::end);
      expected += value;
      ASSERT_TRUE(writer_->can_end(*batch));
      writer_->spill(batch);
      EXPECT_EQ(batch->cut.held_slabs(), 0U);
      EXPECT_EQ(batch->cut.held_bytes(), 0U);
      settle();
    }
    writer_->seal(batch);
    std::string text;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      EXPECT_LE(batch->cut.blocks[i].chunk_count, 4U);
      text += unpack(compression, read_block(batch, i)).text;
    }
    EXPECT_TRUE(text == expected);
    chunks_->forget(*batch);
  }
}

// More open batches than compressors: each gets one in turn, and ends another's member for it. The slabs
// counted before suffice whatever the bytes (a CHECK would stop the test).
TEST_F(BatchWriterTest, more_batches_than_compressors_share_them) {
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    SCOPED_TRACE(std::string(codec::to_string(compression)));
    build(80);
    plan_.format.compression = compression;
    constexpr std::size_t k_batches = EncoderPool::k_encoders_max + 5;
    std::vector<BatchPtr> batches;
    std::vector<std::string> expected(k_batches);
    for (std::size_t i = 0; i < k_batches; ++i) {
      batches.push_back(open_batch(i + 1));
    }
    std::mt19937_64 random(11);
    for (std::uint64_t turn = 0; turn < 800; ++turn) {
      const std::size_t i = random() % k_batches;
      const std::string value = random_text(1 + random() % 12'000, turn);
      for (int tries = 0; append(batches[i], value) == Stop::no_room; ++tries) {
        ASSERT_LT(tries, 1000);
        const BatchPtr& fullest = *std::max_element(
            batches.begin(), batches.end(),
            [](const BatchPtr& a, const BatchPtr& b) { return a->cut.held_bytes() < b->cut.held_bytes(); });
        if (fullest->cut.held_slabs() > 0 && writer_->can_end(*fullest)) {
          writer_->spill(fullest);
        }
        run_turns(1);
      }
      expected[i] += flat(value);
    }
    for (std::size_t i = 0; i < k_batches; ++i) {
      run_until([&] { return writer_->can_end(*batches[i]); });
      writer_->seal(batches[i]);
      std::string text;
      for (std::uint32_t block = 0; block < batches[i]->cut.blocks.size(); ++block) {
        EXPECT_LE(batches[i]->cut.blocks[block].chunk_count, BatchWriter::reserve_for(cuts_).to_load);
        text += unpack(compression, read_block(batches[i], block)).text;
      }
      EXPECT_TRUE(text == expected[i]) << "batch " << i;
      chunks_->forget(*batches[i]);
    }
    settle();
    batches.clear();
    EXPECT_TRUE(all_slabs_free());
    tear_down();
    loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
  }
}

// can_end() and append() promise slabs for the worst bytes: whatever they allow, nothing CHECKs.
TEST_F(BatchWriterTest, what_is_allowed_with_few_slabs_succeeds) {
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    plan_.format.compression = compression;
    for (std::size_t spare = 0; spare <= 8; ++spare) {
      SCOPED_TRACE(std::string(codec::to_string(compression)) + " " + std::to_string(spare));
      build(80);
      for (std::size_t i = 0; i <= EncoderPool::k_encoders_max;
           ++i) {  // the last has none, and ends another's
        const BatchPtr batch = open_batch(i + 1);
        const std::size_t raw = i < EncoderPool::k_encoders_max ? 3 * k_chunk_bytes : k_chunk_bytes;
        ASSERT_EQ(append(batch, random_text(raw - 1, i)), Stop::end);
      }
      settle();
      const BatchPtr last = batches_.back();
      EXPECT_EQ(last->cut.filling.encoder, nullptr);
      const std::size_t least = BatchWriter::reserve_for(cuts_).to_load;
      chunks_->make_room(60);  // evicts
      std::vector<mem::Slab> taken;
      while (pool_->free_count() > least + spare) {
        taken.push_back(pool_->acquire());
      }
      const bool allowed = writer_->can_end(*last);
      EXPECT_EQ(allowed, spare == 8) << "twice a raw slab and three chunks that a compressor holds";
      if (allowed) {
        writer_->seal(last);
        EXPECT_GE(pool_->free_count(), least) << "what loads need is not touched";
      }
      for (const BatchPtr& batch : batches_) {
        writer_->abandon(*batch);
        chunks_->forget(*batch);
      }
      taken.clear();
      settle();
      tear_down();
      loop_ = io::make_loop({.choice = io::Choice::portable}, clock_).value();
    }
  }
}

TEST_F(BatchWriterTest, a_dropped_batch_gives_its_slabs_and_its_compressor_back) {
  build(48);
  for (int i = 0; i < 20; ++i) {  // more often than there are compressors, or slabs
    plan_.format.compression = i % 2 == 0 ? Compression::gzip : Compression::zstd;
    const BatchPtr batch = open_batch(static_cast<std::uint64_t>(i) + 1);
    ASSERT_EQ(append(batch, random_text(3 * k_chunk_bytes, 1)), Stop::end);
    EXPECT_GT(batch->cut.held_slabs(), 0U);
    writer_->abandon(*batch);
    chunks_->forget(*batch);
    settle();
    EXPECT_TRUE(all_slabs_free());
    EXPECT_EQ(stage_->counters().live_bytes, 0U);
  }
}

TEST(BatchWriterReserve, leaves_slabs_for_records_in_the_least_memory_that_is_allowed) {
  struct Row {
    std::size_t slab_bytes;
    std::uint64_t block_bytes;
  };
  constexpr std::uint64_t k_mib = 1 << 20;
  for (const Row& row :
       {Row{256 << 10, 64 << 10}, Row{256 << 10, 8 * k_mib}, Row{256 << 10, 256 << 10}, Row{k_mib, 64 << 10},
        Row{k_mib, k_mib}, Row{k_mib, 8 * k_mib}, Row{k_mib, 100 * k_mib}}) {
    SCOPED_TRACE(std::to_string(row.slab_bytes) + " " + std::to_string(row.block_bytes));
    // As config::plan_memory() counts.
    const std::size_t chunk = row.slab_bytes - stage::k_chunk_header_bytes;
    const std::size_t slabs = 2 * ((row.block_bytes + chunk - 1) / chunk) + 8;
    const auto reserve =
        BatchWriter::reserve_for({.slab_bytes = row.slab_bytes, .block_bytes = row.block_bytes});
    EXPECT_GE(reserve.to_load, (row.block_bytes + row.slab_bytes) / row.slab_bytes);
    EXPECT_LE(reserve.to_load + reserve.to_end + 4, slabs) << "a small record may need four slabs";
  }
}

}  // namespace
}  // namespace penstock::pipeline
