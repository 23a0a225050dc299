// The text of a claim: what a worker writes into the group's offset metadata before it publishes a blob.
// PROTOCOL.md says what a claim is for. This is the one place that draws it.
//
// The claim of [1000, 1500) of a partition is the committed offset 1000, as it was before, with these
// metadata:
//
//   p1;1500;3fa9c011;orders/2025/06/01/12/orders-20250601T120000Z-5d1c09e277a3b4f0-17.txt.zst
//   ── ──── ──────── ────────────────────────────────────────────────────────────────────────
//   │  │    │        └ blob: the name, at most 900 bytes (codec::k_blob_name_bytes_max), never empty. It is
//   │  │    │          relative to the sink, comes last, and may hold any character, ';' too.
//   │  │    └ sink: the first 4 bytes of SHA-256 of account/container/prefix, or of the directory, as 8
//   │  │      lower-case hex digits
//   │  └ next: the position behind the range, 1 to 19 decimal digits without sign or leading zero
//   └ version: 'p', one digit
//
// Event Hubs keeps at most 1,024 bytes of metadata per entry, Kafka 4,096 unless it is configured otherwise.
// The longest claim has 3 + 19 + 1 + 8 + 1 + 900 = 932 bytes.
//
// Version rule: metadata that begin with 'p' and a digit are ours. A version that changes the text takes
// another digit. A reader that does not know the digit, or finds text that this drawing does not allow, stops
// the partition (PROTOCOL.md, Assign 5). It never takes such text for another product's, since that would
// skip a pending claim.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/group_entry.h"
#include "base/types.h"

namespace penstock::ledger {

struct Claim {
  Position next;  // the range is [offset of the entry, next)
  std::string sink;
  std::string blob;

  friend bool operator==(const Claim&, const Claim&) = default;
};

// The text above. parse_metadata() reads back every claim whose blob is not empty and whose sink has 8 hex
// digits.
std::string format_claim(const Claim& claim);

// Empty metadata: a finish, or a start position.
struct NoClaim {};

// Metadata of another product, or of a person.
struct ForeignText {};

// Begins with 'p' and a digit, and is no claim that this version can read.
struct UnknownVersion {};

using MetadataText = std::variant<NoClaim, ForeignText, Claim, UnknownVersion>;

// Strict, for any bytes. What begins like ours and is not exactly ours is an UnknownVersion, never
// ForeignText.
MetadataText parse_metadata(std::string_view metadata);

}  // namespace penstock::ledger
