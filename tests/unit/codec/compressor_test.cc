#include "codec/compressor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "unit/codec/sample_texts.h"

namespace penstock::codec {
namespace {

// The readers are the libraries' own, told nothing about how the bytes were made.
std::string inflated(std::string packed, std::uint32_t wrapping) {
  std::string out;
  inflate_state state;
  auto* next = reinterpret_cast<std::uint8_t*>(packed.data());
  auto left = static_cast<std::uint32_t>(packed.size());
  const auto* const end = next + left;
  while (left > 0) {  // one member after the other
    isal_inflate_init(&state);
    state.crc_flag = wrapping;
    state.next_in = next;
    state.avail_in = left;
    do {
      std::array<std::uint8_t, 5000> piece;
      state.next_out = piece.data();
      state.avail_out = piece.size();
      const int code = isal_inflate(&state);
      EXPECT_EQ(code, ISAL_DECOMP_OK);
      if (code != ISAL_DECOMP_OK) {
        return "<damaged>";
      }
      out.append(reinterpret_cast<char*>(piece.data()), piece.size() - state.avail_out);
      if (state.avail_in == 0 && state.avail_out != 0 && state.block_state != ISAL_BLOCK_FINISH) {
        ADD_FAILURE() << "the member is cut off";
        return "<cut off>";
      }
    } while (state.block_state != ISAL_BLOCK_FINISH);
    // What of raw deflate was read ahead is the next one's.
    next = state.next_in - (wrapping == ISAL_DEFLATE ? state.read_in_length / 8 : 0);
    left = static_cast<std::uint32_t>(end - next);
  }
  return out;
}

std::string unzstd(const std::string& packed) {
  std::string out(std::size_t{8} << 20, '\0');
  const std::size_t size = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  EXPECT_FALSE(ZSTD_isError(size)) << ZSTD_getErrorName(size);
  out.resize(ZSTD_isError(size) ? 0 : size);
  return out;
}

std::string unpacked(Compression compression, const std::string& packed) {
  return compression == Compression::zstd
             ? unzstd(packed)
             : inflated(packed, compression == Compression::gzip ? ISAL_GZIP : ISAL_DEFLATE);
}

// One member out of pieces of `input_piece` bytes, into buffers of `output_piece` bytes.
std::string member(Compressor& compressor, std::string_view text, std::size_t input_piece,
                   std::size_t output_piece) {
  std::string packed;
  std::string buffer(output_piece, '\0');
  std::size_t at = 0;
  for (;;) {
    const std::size_t piece = std::min(input_piece, text.size() - at);
    const bool at_end = at + piece == text.size();
    const Compressor::Step step =
        compressor.compress(as_bytes(text.substr(at, piece)), std::as_writable_bytes(std::span(buffer)),
                            at_end ? Compressor::End::member : Compressor::End::more);
    EXPECT_LE(step.produced, buffer.size());
    packed.append(buffer.data(), step.produced);
    at += step.consumed;
    if (step.member_ended) {
      EXPECT_EQ(at, text.size());
      return packed;
    }
    EXPECT_TRUE(step.consumed == piece || step.produced == buffer.size()) << "stopped without a reason";
  }
}

class CompressorTest : public testing::TestWithParam<Compression> {
 protected:
  void expect_round_trip(const std::string& text, std::size_t input_piece, std::size_t output_piece) {
    const auto compressor = make_compressor(GetParam());
    EXPECT_TRUE(unpacked(GetParam(), member(*compressor, text, input_piece, output_piece)) == text);
  }
};

TEST_P(CompressorTest, json_comes_back_and_is_smaller) {
  const auto compressor = make_compressor(GetParam());
  const std::string text = json_lines(3'000'000);
  const std::string packed = member(*compressor, text, text.size(), 64 << 10);
  EXPECT_TRUE(unpacked(GetParam(), packed) == text);  // not EQ: megabytes of message
  EXPECT_LT(packed.size(), text.size() / 4);
}

TEST_P(CompressorTest, records_one_at_a_time) {
  expect_round_trip(json_lines(400'000), 80, 64 << 10);
}

TEST_P(CompressorTest, output_of_a_single_byte_at_a_time) {
  expect_round_trip(json_lines(20'000), 1000, 1);
  expect_round_trip(noise(5'000), 5'000, 1);
}

TEST_P(CompressorTest, what_does_not_compress_comes_back_too) {
  const auto compressor = make_compressor(GetParam());
  const std::string text = noise(2'000'000);
  const std::string packed = member(*compressor, text, 300'000, 100'000);
  EXPECT_TRUE(unpacked(GetParam(), packed) == text);  // not EQ: megabytes of message
  EXPECT_LT(packed.size(), text.size() + text.size() / 50);
}

TEST_P(CompressorTest, an_empty_member_is_a_valid_file) {
  const auto compressor = make_compressor(GetParam());
  const std::string packed = member(*compressor, "", 0, 100);
  EXPECT_FALSE(packed.empty());
  EXPECT_EQ(unpacked(GetParam(), packed), "");
}

TEST_P(CompressorTest, members_that_follow_each_other_are_one_file) {
  const auto compressor = make_compressor(GetParam());
  const std::string first = json_lines(200'000);
  const std::string second = noise(70'000);
  const std::string packed = member(*compressor, first, 10'000, 5'000) + member(*compressor, "", 0, 100) +
                             member(*compressor, second, 10'000, 5'000);
  EXPECT_TRUE(unpacked(GetParam(), packed) == first + second);
}

TEST_P(CompressorTest, equal_input_gives_equal_bytes) {
  const auto used = make_compressor(GetParam());
  (void)member(*used, noise(100'000), 1'000, 1'000);
  const auto fresh = make_compressor(GetParam());
  const std::string text = json_lines(100'000);
  EXPECT_TRUE(member(*used, text, 1'000, 1'000) == member(*fresh, text, 1'000, 1'000));
}

TEST_P(CompressorTest, reset_forgets_a_member_begun) {
  const auto compressor = make_compressor(GetParam());
  std::string buffer(1 << 20, '\0');
  (void)compressor->compress(as_bytes("to be forgotten"), std::as_writable_bytes(std::span(buffer)),
                             Compressor::End::more);
  compressor->reset();
  EXPECT_EQ(unpacked(GetParam(), member(*compressor, "kept", 4, 100)), "kept");
}

INSTANTIATE_TEST_SUITE_P(Compressions, CompressorTest,
                         testing::Values(Compression::gzip, Compression::zstd, Compression::deflate),
                         [](const auto& of) { return std::string(to_string(of.param)); });

TEST(CompressorDeathTest, none_has_no_compressor) {
  EXPECT_DEATH(make_compressor(Compression::none), "CHECK");
}

}  // namespace
}  // namespace penstock::codec
