// What standard readers make of compressed bytes, and of how many members or frames they consist.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "codec/compressor.h"

namespace penstock::pipeline {

struct Unpacked {
  std::string text;
  int members = 0;
};

inline Unpacked gunzip(std::string packed) {
  Unpacked out;
  auto* next = reinterpret_cast<std::uint8_t*>(packed.data());
  auto left = static_cast<std::uint32_t>(packed.size());
  while (left > 0) {
    inflate_state state;
    isal_inflate_init(&state);
    state.crc_flag = ISAL_GZIP;
    state.next_in = next;
    state.avail_in = left;
    do {
      std::array<std::uint8_t, 65536> piece;
      state.next_out = piece.data();
      state.avail_out = piece.size();
      if (isal_inflate(&state) != ISAL_DECOMP_OK ||
          (state.avail_in == 0 && state.avail_out != 0 && state.block_state != ISAL_BLOCK_FINISH)) {
        ADD_FAILURE() << "a gzip member is damaged or cut off";
        return out;
      }
      out.text.append(reinterpret_cast<char*>(piece.data()), piece.size() - state.avail_out);
    } while (state.block_state != ISAL_BLOCK_FINISH);
    next = state.next_in;
    left = state.avail_in;
    ++out.members;
  }
  return out;
}

inline Unpacked unzstd(const std::string& packed) {
  Unpacked out;
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t wanted = 0;
  while (in.pos < in.size) {
    std::array<char, 65536> piece;
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    wanted = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(wanted) != 0U) {
      ADD_FAILURE() << "a zstd frame is damaged: " << ZSTD_getErrorName(wanted);
      return out;
    }
    out.text.append(piece.data(), to.pos);
    out.members += wanted == 0 ? 1 : 0;
  }
  EXPECT_EQ(wanted, 0U) << "a zstd frame is cut off";
  return out;
}

inline Unpacked unpack(codec::Compression compression, const std::string& packed) {
  switch (compression) {
    case codec::Compression::gzip:
      return gunzip(packed);
    case codec::Compression::zstd:
      return unzstd(packed);
    case codec::Compression::deflate:  // these two only within blocks of another format
    case codec::Compression::snappy:
    case codec::Compression::none:
      break;
  }
  return {.text = packed, .members = 1};
}

}  // namespace penstock::pipeline
