// The framer of ndjson: a record's value, then one '\n'. CR and LF inside a value become spaces: in valid
// JSON they can only be insignificant white space. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "format/record_format.h"

namespace penstock::format {

inline constexpr std::byte k_line_end{'\n'};
inline constexpr std::string_view k_line_end_text = "\n";
inline constexpr std::size_t k_line_end_bytes = 1;

// frame() for RowFormat::lines.
Framed frame_lines(std::span<const RecordView> records, MutableBytes room);

// Copies `from` to `to` (same size, no overlap), CR and LF replaced by spaces on the way; returns how many
// were replaced. At memory speed (SSE2; run-time AVX2 where it helps).
std::size_t copy_flat(Bytes from, std::byte* to);

}  // namespace penstock::format
