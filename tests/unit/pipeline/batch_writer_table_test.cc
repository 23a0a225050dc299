#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/parquet_reader.h"
#include "format/record_format.h"
#include "format/shredded_values.h"
#include "pipeline/batch_writer.h"
#include "unit/format/fake_schemas.h"
#include "unit/pipeline/pipeline_fixture.h"

namespace penstock::pipeline {
namespace {

namespace parquet = codec::parquet;
using Stop = BatchWriter::Taken::Stop;

// Reals out of nothing: of each byte of a value 0.79 of one, in 8 bytes, and a level. That is as much as a
// row may become. A value that begins with '!' is not of the schema.
class Inflater final : public codec::Shredder {
 public:
  Inflater() {
    table_.fields.push_back({.name = "reals",
                             .type = codec::FieldType::list,
                             .fields = {{.name = "element", .type = codec::FieldType::float64}}});
  }
  const codec::Table& table() const override { return table_; }

  const codec::Row& shred(Bytes value) override {
    row_.cells.clear();
    row_.rescued.clear();
    undecoded_ = as_text(value).starts_with('!');
    const std::size_t count = undecoded_ ? 0 : value.size() * 79 / 100;
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
      codec::Cell cell;
      cell.repetition = i == 0 ? 0 : 1;
      cell.definition = count == 0 ? 0 : 3;
      cell.real = static_cast<double>(random_());
      row_.cells.push_back(cell);
    }
    if (undecoded_) {
      row_.rescued = "{}";
    }
    return row_;
  }
  bool was_undecoded() const override { return undecoded_; }

 private:
  codec::Table table_;
  codec::Row row_;
  std::mt19937_64 random_{7};
  bool undecoded_ = false;
};

class BatchWriterTableTest : public PipelineTest {
 protected:
  BatchWriterTableTest() {
    plan_.format = {.rows = format::RowFormat::parquet};
    auto shredded = std::make_shared<format::ShreddedValues>();
    shredded->make_shredder = [](const auto& /*room*/) { return std::make_unique<Inflater>(); };
    plan_.shredded = std::move(shredded);
    cuts_.encoder_holds_bytes = format::encoder_holds_max(plan_.format, true);
    cuts_.encoder_growth = format::encoder_growth_max(true);
    stage_options_.bytes_max = 400 * k_segment_bytes;
  }

  // As few slabs as there may be for a record of so many slabs.
  void build_for(std::size_t record_slabs) {
    const ChunkStore::Reserve reserve = BatchWriter::reserve_for(cuts_);
    const std::size_t growing = (1 + cuts_.encoder_growth) * (record_slabs + 1);
    build(reserve.to_load + reserve.to_end + growing + cuts_.encoder_growth +
          cuts_.encoder_holds_bytes / k_chunk_bytes + 1);
  }

  void append_all(const BatchPtr& batch, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      Stop stop = append(batch, value);
      for (int wait = 0; stop == Stop::no_room && wait < 10'000; ++wait) {
        run_turns(1);
        stop = append(batch, value);
      }
      ASSERT_EQ(stop, Stop::end);
    }
  }

  std::string seal_and_read(const BatchPtr& batch) {
    run_until([&] { return writer_->can_end(*batch); });
    writer_->seal(batch);
    std::string file;
    for (std::uint32_t i = 0; i < batch->cut.blocks.size(); ++i) {
      file += read_block(batch, i);
    }
    EXPECT_EQ(file.size(), batch->cut.payload_bytes);
    return file;
  }

  static std::uint64_t rows_of(std::string_view file) {
    const Bytes bytes = as_bytes(file);
    const Result<std::uint64_t> end = parquet::footer_bytes(bytes.last(parquet::k_tail_bytes), bytes.size());
    const Result<parquet::Footer> footer =
        parquet::read_footer(bytes.last(static_cast<std::size_t>(*end)), bytes.size());
    EXPECT_TRUE(footer.ok());
    parquet::PageReader reader(*footer);
    const Result<void> fed = reader.feed(bytes, [](const parquet::Page&) {});
    EXPECT_TRUE(fed.ok() && reader.end().ok());
    return footer->rows;
  }
};

TEST_F(BatchWriterTableTest, the_least_memory_that_is_allowed_has_slabs_for_a_small_record) {
  constexpr std::size_t k_mib = std::size_t{1} << 20;
  const std::size_t slab_bytes = k_mib / 4;
  for (const std::uint64_t block_bytes : {k_mib / 16, k_mib / 4, k_mib / 2, k_mib, 8 * k_mib, 100 * k_mib}) {
    // As config::plan_memory() counts.
    const std::size_t chunk = slab_bytes - stage::k_chunk_header_bytes;
    const std::size_t slabs = 2 * ((block_bytes + chunk - 1) / chunk) + 8 + 32 * k_mib / slab_bytes;
    const auto reserve = BatchWriter::reserve_for({.slab_bytes = slab_bytes,
                                                   .block_bytes = block_bytes,
                                                   .encoder_holds_bytes = cuts_.encoder_holds_bytes,
                                                   .encoder_growth = cuts_.encoder_growth});
    const std::size_t small_record =
        1 + cuts_.encoder_growth + cuts_.encoder_growth + (cuts_.encoder_holds_bytes + chunk - 1) / chunk;
    EXPECT_LE(reserve.to_load + reserve.to_end + small_record, slabs) << block_bytes;
  }
}

TEST_F(BatchWriterTableTest, spilling_gives_back_the_slabs_of_rows_that_the_encoder_holds) {
  build_for(4);
  const BatchPtr batch = open_batch();
  std::size_t rows = 0;
  std::size_t without_a_chunk = 0;
  for (int i = 0; i < 4000; ++i) {
    append_all(batch, {std::string(1 + static_cast<std::size_t>(i % 500), 'v')});
    ++rows;
    if (i % 3 == 0) {
      writer_->spill(batch);
      ASSERT_EQ(batch->cut.held_slabs(), 0U);
      without_a_chunk += batch->cut.chunks.size() == 0 ? 1 : 0;
    }
  }
  EXPECT_GT(without_a_chunk, 1U);
  EXPECT_GT(batch->cut.chunks.size(), 0U) << "a row group was written";
  EXPECT_EQ(rows_of(seal_and_read(batch)), rows);
}

TEST_F(BatchWriterTableTest, values_that_grow_as_much_as_they_may_have_slabs) {
  std::mt19937_64 random(11);
  std::vector<std::string> values;
  for (int i = 0; i < 60; ++i) {
    values.emplace_back(random() % (i % 10 == 0 ? 3 * k_chunk_bytes : 20'000), 'v');
  }
  build_for(4);
  const BatchPtr batch = open_batch();
  append_all(batch, values);
  const std::string file = seal_and_read(batch);
  std::size_t bytes = 0;
  for (const std::string& value : values) {
    bytes += value.size();
  }
  EXPECT_GT(file.size(), 6 * bytes);
  EXPECT_EQ(rows_of(file), values.size());
  EXPECT_EQ(metrics_.undecoded_values.value(), 0U);
  chunks_->forget(*batch);
  settle();
  EXPECT_TRUE(all_slabs_free());
}

TEST_F(BatchWriterTableTest, values_that_are_not_of_the_schema_are_counted_once) {
  build_for(4);
  const BatchPtr batch = open_batch();
  append_all(batch, {"v", "!", std::string(2 * k_chunk_bytes, '!'), "v", "!"});
  EXPECT_EQ(rows_of(seal_and_read(batch)), 5U);
  EXPECT_EQ(metrics_.undecoded_values.value(), 3U);
  EXPECT_EQ(writer_->last_undecoded().topic, plan_.topic);
  EXPECT_EQ(writer_->last_undecoded().partition, Partition{3});
  chunks_->forget(*batch);
  settle();
}

TEST_F(BatchWriterTableTest, what_columns_hold_counts_as_the_files) {
  build_for(4);
  plan_.max_bytes = 1'000'000;
  const BatchPtr batch = open_batch();
  int records = 0;
  for (Stop stop = Stop::end; stop != Stop::batch_full && records < 1'000; ++records) {
    stop = append(batch, std::string(10'000, 'v'));
    ASSERT_NE(stop, Stop::no_room);
  }
  EXPECT_LT(records, 24) << "each record takes 63 kB, and a raw slab has five of them";
  EXPECT_LT(seal_and_read(batch).size(), 1'500'000U);
  chunks_->forget(*batch);
  settle();
}

// Values whose ids name their schemas: 1 has `id`, 2 has `id` and `note`, 3 a record and 4 a larger one in
// its place, 5 has `id` as text.
class BatchWriterColumnsTest : public BatchWriterTableTest {
 protected:
  BatchWriterColumnsTest() {
    auto shredded = std::make_shared<format::ShreddedValues>();
    shredded->framing = codec::SchemaFraming::confluent;
    shredded->topic = std::make_shared<format::TopicColumns>(topic_table_);
    plan_.shredded = std::move(shredded);
    plan_.decoding = std::make_shared<const format::ValueDecoding>(
        format::ValueDecoding{.schema = nullptr, .framing = codec::SchemaFraming::confluent});
    cuts_.schemas = &schemas_;
    const std::string id = R"({"name":"id","type":"long"})";
    const std::string x = R"({"name":"x","type":"long"})";
    const auto in = [](const std::string& fields) {
      return R"({"name":"in","type":{"type":"record","name":"I","fields":[)" + fields + "]}}";
    };
    knows(1, id);
    knows(2, id + R"(,{"name":"note","type":"string"})");
    knows(3, in(x));
    knows(4, in(x + R"(,{"name":"y","type":"long"})"));
    knows(5, R"({"name":"id","type":"string"})");
  }

  void knows(std::uint32_t id, const std::string& fields) {
    schemas_.known[format::FakeSchemas::number(id)] =
        format::FakeSchemas::avro(R"({"type":"record","name":"R","fields":[)" + fields + "]}");
  }

  static std::string value_of(char id, const std::string& avro) {
    return std::string("\0\0\0\0", 4) + id + avro;
  }

  format::FakeSchemas schemas_;
  std::shared_ptr<format::TopicTable> topic_table_ = std::make_shared<format::TopicTable>();
};

TEST_F(BatchWriterColumnsTest, versions_by_turns_share_a_batch_and_what_grows_within_a_column_begins_one) {
  build_for(4);
  const BatchPtr batch = open_batch(1);
  for (int i = 0; i < 100; ++i) {
    append_all(batch, {value_of(1, "\x0e"), value_of(2, "\x0e\x04hi"), value_of(3, "\x02")});
  }
  EXPECT_EQ(append(batch, value_of(4, "\x02\x04")), Stop::other_columns);
  EXPECT_EQ(append(batch, value_of(9, "")), Stop::no_schema);
  append_all(batch, {value_of(1, "\x0e"), value_of(5, "\x02z"), ""});
  EXPECT_EQ(rows_of(seal_and_read(batch)), 303U);
  EXPECT_EQ(batch->cut.filling.columns, nullptr);
  EXPECT_EQ(metrics_.schema_conflicts.value(), 1U);
  EXPECT_EQ(writer_->last_in_conflict().topic, plan_.topic);
  EXPECT_EQ(writer_->last_in_conflict().partition, Partition{3});
  EXPECT_EQ(metrics_.undecoded_values.value(), 1U) << "the empty value";

  const BatchPtr next = open_batch(2);
  append_all(next, {value_of(3, "\x02"), value_of(4, "\x02\x04"), value_of(1, "\x0e"),
                    value_of(2, "\x0e" + std::string("\xe0\xa7\x12") + std::string(150'000, 'n'))});
  EXPECT_EQ(rows_of(seal_and_read(next)), 4U);
  EXPECT_EQ(topic_table_->now()->fields.size(), 3U);
  chunks_->forget(*batch);
  chunks_->forget(*next);
  settle();
  EXPECT_TRUE(all_slabs_free());
}

TEST_F(BatchWriterColumnsTest, a_batcher_asks_nobody_for_a_schema_that_its_open_file_knows) {
  build_for(4);
  build_batcher({{.topic = plan_.topic, .partition = Partition{0}}});
  ASSERT_EQ(offer(0, {value_of(1, "\x0e")}), 1U);
  schemas_.known.clear();
  schemas_.finds = 0;
  EXPECT_EQ(offer(0, {value_of(1, "\x0e"), value_of(1, "\x02")}), 2U);
  EXPECT_EQ(schemas_.finds, 0);
  EXPECT_EQ(offer(0, {value_of(2, "\x0e\x04hi")}), 0U) << "this one is not the file's, and waits";
}

TEST_F(BatchWriterColumnsTest, a_file_that_ends_for_its_columns_is_counted_as_such) {
  build_for(4);
  build_batcher({{.topic = plan_.topic, .partition = Partition{0}}});
  ASSERT_EQ(offer(0, {value_of(3, "\x02"), value_of(3, "\x04"), value_of(4, "\x02\x04")}), 3U);
  ASSERT_EQ(sealed_.size(), 1U);
  EXPECT_EQ(sealed_[0]->ranges.shares[0].range, (Range{Position{0}, Position{2}}));
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::columns].value(), 1U);
  EXPECT_EQ(metrics_.batches_sealed[obs::SealReason::size].value(), 0U);
}

TEST_F(BatchWriterColumnsTest, a_version_that_is_new_is_one_of_the_file_though_its_record_finds_no_slab) {
  build_for(4);
  const BatchPtr batch = open_batch(1);
  append_all(batch, {value_of(1, "\x0e")});
  std::vector<mem::Slab> taken;
  while (chunks_->make_room(1)) {
    taken.push_back(chunks_->take());
  }
  const std::string large = value_of(2, "\x0e" + std::string("\xe0\xa7\x12") + std::string(150'000, 'n'));
  EXPECT_EQ(append(batch, large), Stop::no_room);
  taken.clear();
  append_all(batch, {value_of(1, "\x0e"), large});
  EXPECT_EQ(rows_of(seal_and_read(batch)), 3U);
  chunks_->forget(*batch);
  settle();
}

}  // namespace
}  // namespace penstock::pipeline
