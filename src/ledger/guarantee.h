// What a deployment asks for: that no crash doubles a record, or that none loses one.
#pragma once

#include <cstdint>

namespace penstock::ledger {

// exactly_once: a batch is claimed before its blob may appear (PROTOCOL.md). at_least_once: no claims.
enum class Guarantee : std::uint8_t { exactly_once, at_least_once };

}  // namespace penstock::ledger
