// Why a chunk of the largest size would not be placed now.
#pragma once

#include <cstdint>
#include <optional>

#include <penstock/result.h>

namespace penstock::stage {

struct Shortage {
  enum class Kind : std::uint8_t {
    none,

    // The next segment is on its way: a matter of milliseconds, and nothing to tell anybody.
    preparing,

    // All of bytes_max is in use, and there is no error. Or the disk has no room, and `error` says so.
    full,

    // Files cannot be made or written, as `error` says.
    failed,
  };

  Kind kind = Kind::none;
  std::optional<Error> error;

  // Until batches are published, or a person does something.
  bool lasts() const { return kind == Kind::full || kind == Kind::failed; }
};

}  // namespace penstock::stage
