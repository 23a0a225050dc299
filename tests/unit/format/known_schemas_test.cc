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
  EXPECT_GT(with_one, k_version_bytes_per_letter * k_letters);
  EXPECT_LT(with_one, k_version_bytes_per_letter * (k_letters + 1'000));
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  for (int i = 0; i < 10; ++i) {
    files.push_back(another());
    const std::string value = framed(1, avro_number(1));
    ASSERT_TRUE(files.back()->add(Partition{1}, record_at(i, value)));
  }
  EXPECT_LT(known().bytes(), with_one + 20'000);
}

TEST_F(KnownSchemasTest, the_versions_that_were_used_last_are_kept_and_no_more) {
  for (std::uint32_t id = 0; id < 40; ++id) {
    knows(id, with_doc('a', 10'000));
    ASSERT_TRUE(add(id, avro_number(1)));
    end();
    EXPECT_LE(known().bytes(), KnownSchemas::k_kept_bytes_max + 10'000);
  }
  EXPECT_GT(known().bytes(), KnownSchemas::k_kept_bytes_max - 100'000);
  ASSERT_TRUE(add(39, avro_number(1)));
  ASSERT_TRUE(add(0, avro_number(1)));
  EXPECT_EQ(known().versions_made, 41U) << "the last is known, and the first is not any more";
}

TEST_F(KnownSchemasTest, schemas_of_all_files_have_a_bound_that_ends_files) {
  constexpr std::size_t k_letters = 120'000;  // close to 1 MiB each
  constexpr std::uint32_t k_topics = 8;
  for (std::uint32_t id = 0; id < 2 * k_topics; ++id) {
    knows(id, with_doc('a', k_letters));
  }
  std::vector<std::unique_ptr<ParquetFileMaker>> files;
  const auto add_to = [this, &files](std::uint32_t file, std::uint32_t id) {
    const std::string value = framed(id, avro_number(1));
    return files[file]->add(Partition{0}, record_at(offset_++, value));
  };
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < k_topics; ++i) {
    forget_columns();
    files.push_back(another());
    ASSERT_TRUE(add_to(i, 2 * i)) << "a file takes its first version";
    refused += add_to(i, 2 * i + 1) ? 0 : 1;
    EXPECT_LE(known().bytes(), KnownSchemas::k_bytes_max + k_topics * k_version_bytes_per_letter * k_letters);
  }
  EXPECT_GE(refused, 3U);
  EXPECT_LT(refused, k_topics);
  EXPECT_TRUE(shared_.held() > KnownSchemas::k_bytes_max);
  files.clear();
  maker_.reset();
  EXPECT_LE(known().bytes(), KnownSchemas::k_kept_bytes_max);
}

}  // namespace
}  // namespace penstock::format
