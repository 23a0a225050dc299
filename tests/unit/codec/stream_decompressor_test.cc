#include "codec/stream_decompressor.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "codec/compressor.h"
#include "unit/codec/sample_texts.h"

namespace penstock::codec {
namespace {

// Empty: an error, of feed or of the end.
std::optional<std::string> unpack(Compression compression, std::string_view file, std::size_t piece) {
  StreamDecompressor stream(compression);
  std::string plain;
  const auto collect = [&](Bytes bytes) { plain += as_text(bytes); };
  for (std::size_t at = 0; at < file.size(); at += piece) {
    if (!stream.feed(as_bytes(file.substr(at, piece)), collect).ok()) {
      return std::nullopt;
    }
  }
  return stream.end().ok() ? std::optional(plain) : std::nullopt;
}

class StreamDecompressorTest : public testing::TestWithParam<Compression> {};

TEST_P(StreamDecompressorTest, members_that_follow_each_other_are_one_file_however_it_is_cut) {
  const std::string one = json_lines(3000);
  const std::string file =
      compressed(GetParam(), one) + compressed(GetParam(), "") + compressed(GetParam(), "last\n");
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{63}, file.size()}) {
    EXPECT_EQ(unpack(GetParam(), file, piece), one + "last\n") << piece;
  }
  for (std::size_t first = 1; first < file.size(); ++first) {  // in two, anywhere
    StreamDecompressor stream(GetParam());
    std::string plain;
    const auto collect = [&](Bytes bytes) { plain += as_text(bytes); };
    ASSERT_TRUE(stream.feed(as_bytes(std::string_view(file).substr(0, first)), collect).ok()) << first;
    ASSERT_TRUE(stream.feed(as_bytes(std::string_view(file).substr(first)), collect).ok()) << first;
    ASSERT_TRUE(stream.end().ok()) << first;
    ASSERT_EQ(plain, one + "last\n") << first;
  }
}

TEST_P(StreamDecompressorTest, much_more_comes_out_than_is_held) {
  const std::string zeros(20'000'000, '\n');
  EXPECT_EQ(unpack(GetParam(), compressed(GetParam(), zeros), 4096), zeros);
}

TEST_P(StreamDecompressorTest, a_cut_file_is_an_error) {
  const std::string file = compressed(GetParam(), json_lines(3000));
  for (std::size_t kept = 0; kept < file.size(); ++kept) {
    EXPECT_FALSE(unpack(GetParam(), std::string_view(file).substr(0, kept), 512)) << kept;
  }
}

TEST_P(StreamDecompressorTest, other_bytes_are_an_error) {
  EXPECT_FALSE(unpack(GetParam(), json_lines(3000), 512));
  EXPECT_FALSE(unpack(GetParam(), compressed(GetParam(), "x\n") + "tail of another kind", 512));
}

TEST(StreamDecompressorGzip, a_wrong_checksum_is_an_error) {
  std::string file = compressed(Compression::gzip, json_lines(3000));
  file[file.size() - 7] = static_cast<char>(file[file.size() - 7] ^ 1);  // CRC-32 and length end a member
  EXPECT_FALSE(unpack(Compression::gzip, file, 512));
}

TEST(StreamDecompressorDeflate, a_stream_ends_with_its_last_byte) {
  const std::string text = json_lines(3000);
  const std::string file = compressed(Compression::deflate, text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, file.size()}) {
    EXPECT_EQ(unpack(Compression::deflate, file, piece), text) << piece;
  }
  for (std::size_t kept = 0; kept < file.size(); ++kept) {
    EXPECT_FALSE(unpack(Compression::deflate, std::string_view(file).substr(0, kept), 512)) << kept;
  }
  for (std::size_t more = 1; more < 20; ++more) {
    EXPECT_FALSE(unpack(Compression::deflate, file + std::string(more, '\0'), 512)) << more;
    EXPECT_FALSE(unpack(Compression::deflate, file + std::string(more, '\0'), file.size())) << more;
  }
}

TEST(StreamDecompressorNone, bytes_pass_as_they_are) {
  EXPECT_EQ(unpack(Compression::none, "a\nb\n", 1), "a\nb\n");
  EXPECT_EQ(unpack(Compression::none, "", 1), "");
}

INSTANTIATE_TEST_SUITE_P(Formats, StreamDecompressorTest,
                         testing::Values(Compression::gzip, Compression::zstd));

}  // namespace
}  // namespace penstock::codec
