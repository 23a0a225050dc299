#include "codec/stream_decompressor.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "codec/compressor.h"

namespace penstock::codec {
namespace {

std::string member(Compression compression, std::string_view text) {
  auto compressor = make_compressor(compression);
  std::string out(text.size() + text.size() / 2 + 1000, '\0');
  const auto step =
      compressor->compress(as_bytes(text), std::as_writable_bytes(std::span(out)), Compressor::End::member);
  EXPECT_TRUE(step.member_ended);
  out.resize(step.produced);
  return out;
}

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

std::string lines(std::size_t bytes) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < bytes) {
    text += R"({"ms":)" + std::to_string(random() % 5000) + "}\n";
  }
  return text;
}

class StreamDecompressorTest : public testing::TestWithParam<Compression> {};

TEST_P(StreamDecompressorTest, MembersThatFollowEachOtherAreOneFileHoweverItIsCut) {
  const std::string one = lines(3000);
  const std::string file = member(GetParam(), one) + member(GetParam(), "") + member(GetParam(), "last\n");
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

TEST_P(StreamDecompressorTest, MuchMoreComesOutThanIsHeld) {
  const std::string zeros(20'000'000, '\n');
  EXPECT_EQ(unpack(GetParam(), member(GetParam(), zeros), 4096), zeros);
}

TEST_P(StreamDecompressorTest, ACutFileIsAnError) {
  const std::string file = member(GetParam(), lines(3000));
  for (std::size_t kept = 0; kept < file.size(); ++kept) {
    EXPECT_FALSE(unpack(GetParam(), std::string_view(file).substr(0, kept), 512)) << kept;
  }
}

TEST_P(StreamDecompressorTest, OtherBytesAreAnError) {
  EXPECT_FALSE(unpack(GetParam(), lines(3000), 512));
  EXPECT_FALSE(unpack(GetParam(), member(GetParam(), "x\n") + "tail of another kind", 512));
}

TEST(StreamDecompressorGzip, AWrongChecksumIsAnError) {
  std::string file = member(Compression::gzip, lines(3000));
  file[file.size() - 7] = static_cast<char>(file[file.size() - 7] ^ 1);  // CRC-32 and length end a member
  EXPECT_FALSE(unpack(Compression::gzip, file, 512));
}

TEST(StreamDecompressorNone, BytesPassAsTheyAre) {
  EXPECT_EQ(unpack(Compression::none, "a\nb\n", 1), "a\nb\n");
  EXPECT_EQ(unpack(Compression::none, "", 1), "");
}

INSTANTIATE_TEST_SUITE_P(Formats, StreamDecompressorTest,
                         testing::Values(Compression::gzip, Compression::zstd));

}  // namespace
}  // namespace penstock::codec
