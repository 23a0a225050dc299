#include "verify/content.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "codec/checksum.h"
#include "codec/compressor.h"
#include "format/record_format.h"
#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

std::string gzip(std::string_view text) {
  auto compressor = codec::make_compressor(codec::Compression::gzip);
  std::string out(text.size() + 1000, '\0');
  const auto step = compressor->compress(as_bytes(text), std::as_writable_bytes(std::span(out)),
                                         codec::Compressor::End::member);
  out.resize(step.produced);
  return out;
}

struct Row {
  const char* name;
  std::string stored;
  std::uint64_t records;
  std::uint64_t bytes;
  const char* says;  // empty: all is well
  BlobFacts::Kind kind = BlobFacts::Kind::data;
  std::uint64_t listed_more = 0;
  std::optional<std::uint32_t> checksum = {};
};

// A file of capture-avro with so many records, and what its rows have.
struct Capture {
  std::string file;
  std::uint64_t row_bytes = 0;
};

Capture capture(codec::Compression compression, std::size_t records) {
  std::vector<RecordView> views;
  for (std::size_t i = 0; i < records; ++i) {
    views.push_back({.offset = Offset{static_cast<std::int64_t>(i)},
                     .key = {},
                     .value = as_bytes("value"),
                     .headers = {},
                     .null_value = false});
  }
  const format::RecordFormat format{format::RowFormat::capture, compression};
  std::string rows(records * 500, '\0');
  rows.resize(format::frame({.rows = format.rows}, views, std::as_writable_bytes(std::span(rows))).bytes);
  const auto encoder = format::make_encoder(format);
  encoder->begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false});
  encoder->begin_unit(records, rows.size());
  std::string file(rows.size() + 2000, '\0');
  const auto step =
      encoder->encode(as_bytes(rows), std::as_writable_bytes(std::span(file)), format::Encoder::End::part);
  file.resize(step.produced);
  return {file, rows.size()};
}

TEST(ContentCheck, holds_bytes_against_metadata) {
  const Capture avro = capture(codec::Compression::none, 3);
  const Capture deflated = capture(codec::Compression::deflate, 3);
  const std::string packed = gzip("a\nbc\n");
  for (const Row& row : {
           Row{"a.txt", "a\nbc\n", 2, 5, ""},
           Row{"a.txt", "a\nbc\n", 3, 5, "2 lines"},
           Row{"a.txt", "a\nbc\n", 2, 6, "5 bytes"},
           Row{"a.txt", "a\nbc\n", 2, 5, "the listing says 8", BlobFacts::Kind::data, 3},
           Row{"a.txt", "a\nb\nc", 2, 5, "line's end"},
           Row{"a.txt.gz", packed, 2, 5, ""},
           Row{"a.txt.gz", packed, 2, 4, "5 bytes"},
           Row{"a.txt.gz", packed.substr(0, packed.size() - 1), 2, 5, "before its last member"},
           Row{"a.json", "1\n{}\n", 2, 5, ""},
           Row{"a.json", "1\n{}\n", 1, 5, "2 lines"},
           Row{"a.json.gz", packed, 2, 5, ""},
           Row{"a.json.zst", packed, 2, 5, "does not decompress"},
           Row{"a.txt.gz", "a\nbc\n", 2, 5, "does not decompress"},
           Row{"a.txt.zst", packed, 2, 5, "does not decompress"},
           Row{"a.txt", "a\nbc\n", 2, 5, "", BlobFacts::Kind::data, 0, codec::crc32c(as_bytes("a\nbc\n"))},
           Row{"a.txt", "a\nbb\n", 2, 5, "another checksum", BlobFacts::Kind::data, 0,
               codec::crc32c(as_bytes("a\nbc\n"))},
           Row{"a.txt.gz", packed, 2, 5, "", BlobFacts::Kind::data, 0, codec::crc32c(as_bytes(packed))},
           Row{"a.txt.gz", gzip("a\nbb\n"), 2, 5, "another checksum", BlobFacts::Kind::data, 0,
               codec::crc32c(as_bytes(packed))},
           Row{"a.avro", avro.file, 3, avro.row_bytes, ""},
           Row{"a.avro", deflated.file, 3, deflated.row_bytes, ""},
           Row{"a.avro", avro.file, 4, avro.row_bytes, "holds 3 rows"},
           Row{"a.avro", avro.file, 3, avro.row_bytes + 1, "and its metadata say"},
           Row{"a.avro", avro.file.substr(0, avro.file.size() - 1), 3, avro.row_bytes, "it ends within"},
           Row{"a.avro", deflated.file.substr(0, deflated.file.size() - 17), 3, deflated.row_bytes,
               "it ends within"},
           Row{"a.avro", "a\nbc\n", 2, 5, "its header is not"},
           Row{"a.avro", std::string(as_text(format::empty_file({format::RowFormat::capture, {}}))), 0, 0, "",
               BlobFacts::Kind::tombstone},
           Row{"a.txt", "", 0, 0, "", BlobFacts::Kind::tombstone},
           Row{"a.txt.gz", gzip(""), 0, 0, "", BlobFacts::Kind::tombstone},
           Row{"a.txt.gz", packed, 0, 0, "2 lines", BlobFacts::Kind::tombstone},
       }) {
    BlobFacts facts;
    facts.kind = row.kind;
    facts.name = row.name;
    facts.stored_bytes = row.stored.size() + row.listed_more;
    facts.metadata.records = row.records;
    facts.metadata.bytes = row.bytes;
    facts.metadata.checksum = row.checksum;
    ContentCheck check(facts);
    for (std::size_t at = 0; at < row.stored.size(); at += 3) {
      if (!check.feed(as_bytes(std::string_view(row.stored).substr(at, 3)))) {
        break;
      }
    }
    const std::optional<Finding> found = check.end();
    EXPECT_EQ(found ? "said" : "", std::string(*row.says == '\0' ? "" : "said")) << row.name << row.says;
    if (found) {
      EXPECT_NE(found->text.find(row.says), std::string::npos) << found->text << " / " << row.says;
      EXPECT_EQ(found->blobs, std::vector<std::string>{row.name});
    }
  }
}

TEST(CheckListed, the_listing_tells_an_uncompressed_blob_that_is_cut) {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = "a.txt";
  facts.stored_bytes = 4;
  facts.metadata.bytes = 5;
  EXPECT_TRUE(check_listed(facts));
  facts.stored_bytes = 5;
  EXPECT_FALSE(check_listed(facts));
  facts.name = "a.txt.gz";
  facts.stored_bytes = 4;
  EXPECT_FALSE(check_listed(facts));
}

TEST(CheckListed, each_position_is_a_record_or_was_skipped_or_is_a_hole) {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = "a.txt";
  facts.metadata.ranges = {{Partition{0}, range(0, 20)}, {Partition{1}, range(5, 10)}};
  facts.metadata.records = 19;
  EXPECT_FALSE(check_listed(facts)) << "an early release did not say";
  facts.metadata.skipped = 4;
  facts.metadata.holes = 2;
  EXPECT_FALSE(check_listed(facts));
  facts.metadata.holes = 1;
  ASSERT_TRUE(check_listed(facts));
  EXPECT_NE(check_listed(facts)->text.find("1 positions without a line"), std::string::npos);
  facts.metadata.holes = 5;
  ASSERT_TRUE(check_listed(facts));
  EXPECT_NE(check_listed(facts)->text.find("3 lines too many"), std::string::npos);
}

TEST(CheckListed, positions_in_quarantine_count_too) {
  BlobFacts facts;
  facts.kind = BlobFacts::Kind::data;
  facts.name = "a.txt";
  facts.metadata.ranges = {{Partition{0}, range(0, 10)}};
  facts.metadata.records = 4;
  facts.metadata.skipped = 2;
  facts.metadata.holes = 1;
  facts.metadata.quarantined = 3;
  EXPECT_FALSE(check_listed(facts));
  facts.metadata.quarantined = 2;
  ASSERT_TRUE(check_listed(facts));
  EXPECT_NE(check_listed(facts)->text.find("2 are in quarantine"), std::string::npos);
}

}  // namespace
}  // namespace penstock::verify
