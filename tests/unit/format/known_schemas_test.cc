#include "format/known_schemas.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/avro_schema.h"
#include "unit/format/topic_files.h"

namespace penstock::format {
namespace {

using codec::Compression;

class KnownSchemasTest : public testing::Test, protected TopicFiles {
 protected:
  KnownSchemasTest() : TopicFiles(Compression::none) {}

  KnownSchemas& known() { return *shared_.schemas; }

  // Another file of the topic that is open at the same time.
  std::unique_ptr<ParquetFileMaker> another() {
    return std::make_unique<ParquetFileMaker>(Compression::none, shared_, 64 * 1024, values_, schemas_);
  }

  static std::string with_doc(char letter, std::size_t letters) {
    return R"({"name":"id","type":"long","doc":")" + std::string(letters, letter) + "\"}";
  }
};

TEST_F(KnownSchemasTest, versions_by_turns_are_compiled_once_each) {
  constexpr std::uint32_t k_versions = 16;
  for (std::uint32_t id = 0; id < k_versions; ++id) {
    knows(id, many_fields(static_cast<int>(id), 1));
  }
  const auto value = [](std::uint32_t id) {
    return framed(id, avro_number(id) + avro_number(1) + avro_number(2));
  };
  // The first of each, and then all by turns.
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(add(value(i % k_versions)));
  }
  EXPECT_EQ(known().versions_made, k_versions);
  EXPECT_EQ(known().shredders_made, k_versions);

  const auto other = another();
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    const std::string made = value(i % k_versions);
    ASSERT_TRUE(other->add(Partition{1}, record_at(i, made)));
  }
  EXPECT_EQ(known().versions_made, k_versions) << "the other file has them from the first";
  EXPECT_EQ(known().shredders_made, k_versions);
  EXPECT_EQ(end().footer.rows, 20'000U);
  EXPECT_EQ(undecoded_ + conflicts_, 0U);
  EXPECT_EQ(other->undecoded() + other->conflicts(), 0U);
}

TEST_F(KnownSchemasTest, more_open_files_than_eight_have_shredders_of_their_own) {
  knows(1, k_id_field);
  knows(2, k_note_field);
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (int i = 0; i < 20; ++i) {
    forget_columns();  // of another topic each
    files.push_back(another());
  }
  std::int64_t offset = 0;
  for (int round = 0; round < 3'000; ++round) {
    for (const auto& file : files) {
      const std::string one = framed(1, avro_number(round));
      const std::string two = framed(2, avro_number(0));
      ASSERT_TRUE(file->add(Partition{0}, record_at(offset++, one)));
      ASSERT_TRUE(file->add(Partition{0}, record_at(offset++, two)));
    }
  }
  EXPECT_EQ(known().shredders_made, 2 * files.size());
}

TEST_F(KnownSchemasTest, the_next_file_has_the_versions_of_the_one_before) {
  knows(1, k_id_field);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(add(1, avro_number(i)));
    EXPECT_EQ(row_of(end(), 0), std::to_string(i) + "|-");
  }
  EXPECT_EQ(known().versions_made, 1U);
  EXPECT_EQ(known().shredders_made, 5U) << "no open file had it between two of them";
  // A registry that was set up anew has another schema for this id.
  knows(1, k_note_field);
  ASSERT_TRUE(add(1, avro_number(1) + avro_sized("hi")));
  EXPECT_EQ(row_of(end(), 0), "-|hi|-");
  EXPECT_EQ(known().versions_made, 2U);
}

TEST_F(KnownSchemasTest, what_files_share_is_counted_once_and_the_first_version_too) {
  constexpr std::size_t k_letters = 50'000;
  knows(1, with_doc('a', k_letters));
  ASSERT_TRUE(add(1, avro_number(1)));
  const std::size_t with_one = known().bytes();
  const std::size_t text = known().text_bytes();
  EXPECT_GT(text, k_letters);
  EXPECT_LT(text, k_letters + 1'000);
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (int i = 0; i < 10; ++i) {
    files.push_back(another());
    const std::string value = framed(1, avro_number(1));
    ASSERT_TRUE(files.back()->add(Partition{1}, record_at(i, value)));
  }
  EXPECT_LT(known().bytes(), with_one + 20'000);
  EXPECT_EQ(known().text_bytes(), text);
}

TEST_F(KnownSchemasTest, the_versions_that_were_used_last_are_kept_and_no_more) {
  constexpr std::uint32_t k_ids = KnownSchemas::k_kept_max + 5;
  for (std::uint32_t id = 0; id < k_ids; ++id) {
    knows(id, k_id_field);
    ASSERT_TRUE(add(id, avro_number(1)));
    end();
  }
  ASSERT_TRUE(add(k_ids - 1, avro_number(1)));
  EXPECT_EQ(known().versions_made, k_ids) << "the last is known";
}

TEST_F(KnownSchemasTest, topics_with_the_same_ids_share_their_versions) {
  knows(1, k_id_field);
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (int i = 0; i < 20; ++i) {
    forget_columns();
    files.push_back(another());
    const std::string value = framed(1, avro_number(i));
    ASSERT_TRUE(files.back()->add(Partition{0}, record_at(i, value)));
  }
  EXPECT_EQ(known().versions_made, 1U);
}

TEST_F(KnownSchemasTest, versions_by_turns_of_many_topics_end_no_file_and_rescue_nothing) {
  constexpr std::uint32_t k_topics = 200;
  constexpr std::uint32_t k_versions = 10;
  constexpr int k_columns = 20;
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (std::uint32_t topic = 0; topic < k_topics; ++topic) {
    forget_columns();
    files.push_back(another());
    for (std::uint32_t version = 0; version < k_versions; ++version) {
      const std::string doc(topic * k_versions + version + 60, 'd');  // each has another text
      knows(topic * k_versions + version,
            R"({"name":"first","type":"long","doc":")" + doc + "\"}," + many_fields(0, k_columns - 2));
    }
  }
  const std::string nulls(k_columns - 2, '\0');
  std::int64_t offset = 0;
  for (std::uint32_t round = 0; round < 2 * k_versions; ++round) {
    for (std::uint32_t topic = 0; topic < k_topics; ++topic) {
      const std::string value =
          framed(topic * k_versions + round % k_versions, avro_number(round) + avro_number(7) + nulls);
      ASSERT_TRUE(files[topic]->add(Partition{0}, record_at(offset++, value))) << topic << " " << round;
    }
    ASSERT_LE(known().bytes(), KnownSchemas::k_fitted_bytes_max + k_topics * (k_versions + 20) * 512);
    ASSERT_LE(known().text_bytes(), KnownSchemas::k_text_bytes_max);
  }
  EXPECT_EQ(known().versions_made, k_topics * k_versions);
  for (const auto& file : files) {
    const auto [table, fault] = read_parquet(file->end());
    ASSERT_EQ(fault, "");
    EXPECT_EQ(table.footer.rows, 2 * k_versions);
    EXPECT_EQ(file->undecoded() + file->conflicts(), 0U);
  }
  EXPECT_GT(known().shredders_made, 0U);
  EXPECT_LE(known().bytes(), KnownSchemas::k_fitted_bytes_max + k_topics * (k_versions + 20) * 512);
}

TEST_F(KnownSchemasTest, what_was_let_go_is_made_again_from_its_text) {
  constexpr std::size_t k_letters = 120'000;  // nine of them are compiled at a time
  constexpr std::uint32_t k_versions = 20;
  for (std::uint32_t id = 0; id < k_versions; ++id) {
    knows(id, with_doc('a', k_letters));
  }
  for (std::uint32_t i = 0; i < 2 * k_versions; ++i) {
    ASSERT_TRUE(add(i % k_versions, avro_number(i)));
    ASSERT_TRUE(add(std::string(63 * 1024, 'x'))) << "the rows before it are taken apart";
    EXPECT_LE(known().bytes(), KnownSchemas::k_fitted_bytes_max + 100'000);
  }
  const ParquetTable table = end();
  EXPECT_EQ(known().versions_made, k_versions);
  EXPECT_GT(known().shredders_made, k_versions);
  for (std::uint32_t i = 0; i < 2 * k_versions; ++i) {
    EXPECT_EQ(row_of(table, 2 * i).substr(0, row_of(table, 2 * i).find('|')), std::to_string(i));
  }
}

TEST_F(KnownSchemasTest, a_version_for_which_there_is_no_room_is_rescued_and_the_file_goes_on) {
  known().bound_texts(1'000);
  knows(1, with_doc('a', 600));
  knows(2, with_doc('b', 600));
  ASSERT_TRUE(add(1, avro_number(1)));
  ASSERT_TRUE(add(2, avro_number(2)));
  ASSERT_TRUE(add(1, avro_number(3)));
  const ParquetTable table = end();
  EXPECT_EQ(undecoded_, 1U);
  EXPECT_EQ(row_of(table, 0), "1|-");
  EXPECT_EQ(
      row_of(table, 1),
      R"(-|{"_value":"\u0004","_reason":"schema-unusable: schema 2 makes no columns, because of no room )"
      R"(for more schemas; raise runtime.memory, or lower runtime.workers","_schema":"2"})");
  EXPECT_EQ(row_of(table, 2), "3|-");
  ASSERT_TRUE(add(2, avro_number(2)));
  EXPECT_EQ(row_of(end(), 0), "2|-") << "a file takes its first version in any case";
  known().bound_texts(10'000);
  ASSERT_TRUE(add(1, avro_number(1)));
  ASSERT_TRUE(add(2, avro_number(2)));
  EXPECT_EQ(row_of(end(), 1), "2|-");
}

}  // namespace
}  // namespace penstock::format
