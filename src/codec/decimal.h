// Decimals as cells have them: the unscaled value in 16 bytes. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"

namespace penstock::codec {

using DecimalBytes = std::array<std::byte, 16>;

// Of a number in two's complement, the highest byte first. None: it has more digits than `precision`, which
// is at most 38.
std::optional<DecimalBytes> decimal_of(Bytes number, std::uint32_t precision);

// Of a number as JSON writes it: "-12.5", "1.25e3". None: it has more digits than `precision`, or some that
// are not 0 behind so many as `scale`. Nothing is rounded.
std::optional<DecimalBytes> decimal_of_text(std::string_view number, std::uint32_t precision,
                                            std::uint32_t scale);

}  // namespace penstock::codec
