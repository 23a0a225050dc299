#include "codec/decompressor.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

#include "codec/compressor.h"
#include "unit/codec/sample_texts.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_mib = std::size_t{1} << 20;

std::string gzip(std::string_view text) {
  return compressed(Compression::gzip, text);
}

std::string zstd(std::string_view text) {
  return compressed(Compression::zstd, text);
}

std::string lz4_of(std::string_view text, LZ4F_blockMode_t mode, LZ4F_blockSizeID_t block) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = mode;
  preferences.frameInfo.blockSizeID = block;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  std::string out(LZ4F_compressFrameBound(text.size(), &preferences), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), &preferences));
  return out;
}

std::string lz4(std::string_view text) {
  return lz4_of(text, LZ4F_blockIndependent, LZ4F_max64KB);
}

std::string lz4_linked(std::string_view text) {
  return lz4_of(text, LZ4F_blockLinked, LZ4F_max256KB);
}

std::string snappy_raw(std::string_view text) {
  std::string out;
  ::snappy::Compress(text.data(), text.size(), &out);
  return out;
}

std::string snappy_java(std::string_view text) {
  std::string out("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  for (std::size_t at = 0; at < text.size(); at += 32768) {
    const std::string block = snappy_raw(text.substr(at, 32768));
    for (int shift = 24; shift >= 0; shift -= 8) {
      out += static_cast<char>(block.size() >> shift);
    }
    out += block;
  }
  return out;
}

struct Case {
  const char* name;
  CompressedFormat format;
  std::string (*pack)(std::string_view);
};

const Case k_cases[] = {
    {"gzip", CompressedFormat::gzip, gzip},
    {"snappy_raw", CompressedFormat::snappy, snappy_raw},
    {"snappy_java", CompressedFormat::snappy, snappy_java},
    {"lz4", CompressedFormat::lz4, lz4},
    {"lz4_linked", CompressedFormat::lz4, lz4_linked},
    {"zstd", CompressedFormat::zstd, zstd},
};

class Formats : public testing::TestWithParam<Case> {
 protected:
  std::string pack(std::string_view text) const { return GetParam().pack(text); }
  Result<Bytes> unpack(Decompressor& from, std::string_view packed) const {
    return from.decompress(GetParam().format, as_bytes(packed));
  }
  void expect_same(Decompressor& from, const std::string& text) const {
    const std::string packed = pack(text);
    const auto result = unpack(from, packed);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(as_text(*result) == text);
  }
};

INSTANTIATE_TEST_SUITE_P(All, Formats, testing::ValuesIn(k_cases),
                         [](const auto& test) { return test.param.name; });

TEST_P(Formats, what_was_compressed_comes_back_whatever_came_before) {
  Decompressor decompressor(16 * k_mib);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, std::size_t{65'536}, k_mib - 1, k_mib,
                                  k_mib + 1, 5 * k_mib, std::size_t{7}}) {
    expect_same(decompressor, json_lines(bytes));
    expect_same(decompressor, noise(bytes));
    expect_same(decompressor, std::string(bytes, 'x'));
  }
}

TEST_P(Formats, the_buffer_grows_by_need_up_to_the_limit) {
  Decompressor decompressor(3 * k_mib);
  EXPECT_EQ(decompressor.scratch_bytes(), 0U);
  expect_same(decompressor, json_lines(5000));
  EXPECT_EQ(decompressor.scratch_bytes(), k_mib);
  expect_same(decompressor, json_lines(k_mib + 1));
  EXPECT_EQ(decompressor.scratch_bytes(), 2 * k_mib);
  expect_same(decompressor, json_lines(3 * k_mib));
  EXPECT_EQ(decompressor.scratch_bytes(), 3 * k_mib);
}

TEST(Decompressor, advice_on_a_large_batch_is_what_can_be_done) {
  EXPECT_EQ(advice_on_large_batch(k_batch_bytes_limit_max - 1), "raise source.max_batch_bytes");
  EXPECT_EQ(advice_on_large_batch(k_mib, k_batch_bytes_limit_max), "raise source.max_batch_bytes");
  for (const std::string_view advice : {advice_on_large_batch(k_batch_bytes_limit_max),
                                        advice_on_large_batch(k_mib, k_batch_bytes_limit_max + 1)}) {
    EXPECT_NE(advice.find("source.fetch: librdkafka and guarantee: at_least_once"), std::string_view::npos);
  }
}

TEST_P(Formats, what_is_longer_than_the_limit_is_refused_with_the_key_to_raise) {
  Decompressor decompressor(2 * k_mib);
  for (const std::size_t bytes : {2 * k_mib + 1, 40 * k_mib}) {
    const auto result = unpack(decompressor, pack(std::string(bytes, 'x')));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::unsupported);
    EXPECT_EQ(result.error().action, Action::give_up);
    EXPECT_NE(result.error().message.find("2097152"), std::string::npos) << result.error().message;
    EXPECT_NE(result.error().message.find("source.max_batch_bytes"), std::string::npos);
    EXPECT_LE(decompressor.scratch_bytes(), 2 * k_mib);
  }
  expect_same(decompressor, json_lines(2 * k_mib));  // and it works on
}

TEST_P(Formats, every_cut_is_corrupt) {
  Decompressor decompressor(k_mib);
  const std::string packed = pack(json_lines(3000));
  for (std::size_t length = 0; length < packed.size(); ++length) {
    if (GetParam().pack == snappy_java && length == 16) {
      continue;  // a stream of no blocks
    }
    // A copy of its own, so that the sanitizer sees a read beyond its end.
    const std::vector<char> cut(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(length));
    const auto result = unpack(decompressor, std::string_view(cut.data(), cut.size()));
    ASSERT_FALSE(result.ok()) << "at " << length;
    EXPECT_EQ(result.error().kind, ErrorKind::corrupt) << "at " << length;
  }
}

// What comes out of damaged bytes is not asked; only that nothing is read or written elsewhere, and that it
// ends.
TEST_P(Formats, damage_is_survived) {
  Decompressor decompressor(2 * k_mib);
  const std::string packed = pack(json_lines(2000));
  for (std::size_t at = 0; at < packed.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = packed;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      const std::vector<char> copy(damaged.begin(), damaged.end());
      const auto result = unpack(decompressor, std::string_view(copy.data(), copy.size()));
      EXPECT_TRUE(result.ok() || result.error().kind == ErrorKind::corrupt ||
                  result.error().kind == ErrorKind::unsupported);
    }
  }
  expect_same(decompressor, json_lines(2000));
}

TEST(Decompressor, members_and_frames_in_a_row_are_one) {
  Decompressor decompressor(8 * k_mib);
  const std::string first = json_lines(1'500'000);
  const std::string second = noise(70'000);
  for (const Case& each : {k_cases[0], k_cases[3], k_cases[4], k_cases[5]}) {
    const std::string packed = each.pack(first) + each.pack(second) + each.pack("x");
    const auto result = decompressor.decompress(each.format, as_bytes(packed));
    ASSERT_TRUE(result.ok()) << each.name << ": " << result.error().message;
    EXPECT_TRUE(as_text(*result) == first + second + "x") << each.name;
    EXPECT_FALSE(decompressor.decompress(each.format, as_bytes(packed + "rest")).ok()) << each.name;
  }
}

TEST(Decompressor, a_wrong_checksum_is_corrupt) {
  Decompressor decompressor(k_mib);
  for (const Case& each : {k_cases[0], k_cases[3], k_cases[5]}) {
    for (std::size_t from_end = 1; from_end <= 4; ++from_end) {  // gzip's length is behind its checksum
      std::string packed = each.pack(json_lines(5000));
      char& byte = packed[packed.size() - from_end - (each.format == CompressedFormat::gzip ? 4 : 0)];
      byte = static_cast<char>(byte ^ 1);
      const auto result = decompressor.decompress(each.format, as_bytes(packed));
      ASSERT_FALSE(result.ok()) << each.name;
      EXPECT_EQ(result.error().kind, ErrorKind::corrupt) << each.name;
    }
  }
}

TEST(Decompressor, a_claimed_length_takes_no_memory) {
  Decompressor decompressor(16 * k_mib);
  // Snappy's preamble says 16 MiB; what follows could never become that.
  const auto result = decompressor.decompress(CompressedFormat::snappy, as_bytes("\x80\x80\x80\x08\x00x"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decompressor.scratch_bytes(), k_mib);
}

TEST(Decompressor, formats_take_turns) {
  Decompressor decompressor(4 * k_mib);
  for (int turn = 0; turn < 3; ++turn) {
    for (const Case& each : k_cases) {
      const std::string text = json_lines(200'000 + static_cast<std::size_t>(turn));
      const auto result = decompressor.decompress(each.format, as_bytes(each.pack(text)));
      ASSERT_TRUE(result.ok()) << each.name;
      EXPECT_TRUE(as_text(*result) == text) << each.name;
    }
  }
}

}  // namespace
}  // namespace penstock::codec
