// What a worker writes into the group's offset metadata: the text of a claim before it publishes a blob, and
// otherwise the id of the topic, and what no blob tells of the positions before the offset. PROTOCOL.md says
// what a claim is for. This is the one place that draws both.
//
// The claim of [1000, 1500) of a partition is the committed offset 1000, as it was before, with these
// metadata. The second form is written where the brokers tell the ids of topics. The third is written where
// the positions just before 1000 are in no blob, with an empty topic id where there is none.
//
//   p1;1500;3fa9c011;orders/2025/06/01/12/orders-20250601T120000Z-5d1c09e277a3b4f0-17.txt.zst
//   p2;1500;3fa9c011;6c1f0a8be0a94c2f9d3b7a51c2e4d680;orders/2025/06/01/12/orders-20250601T...
//   p3;1500;3fa9c011;6c1f0a8be0a94c2f9d3b7a51c2e4d680;e970;orders/2025/06/01/12/orders-2025...
//   ── ──── ──────── ──────────────────────────────── ───────────────────────────────────────
//   │  │    │        │                                └ blob: the name, at most 900 bytes
//   │  │    │        │                                  (codec::k_blob_name_bytes_max), never empty. It is
//   │  │    │        │                                  relative to the sink, and never leads out of it. It
//   │  │    │        │                                  comes last, and may hold ';' too.
//   │  │    │        └ id of the topic: 32 lower-case hex digits. Behind it "e970;": see below
//   │  │    └ sink: the first 4 bytes of SHA-256 of account/container/prefix, or of the directory, as 8
//   │  │      lower-case hex digits
//   │  └ next: the position behind the range, 1 to 19 decimal digits without sign or leading zero
//   └ version: 'p', one digit
//
// An offset without a claim has one of these. A version before topic ids takes the second for another
// product's metadata, and starts at the offset.
//
//   (nothing)
//   i1;6c1f0a8be0a94c2f9d3b7a51c2e4d680
//   i2;6c1f0a8be0a94c2f9d3b7a51c2e4d680;e970
//   i2;;s970                                      the brokers tell no id
//
// "e970" and "s970" say that the positions from 970 to the offset hold nothing that makes a row, and that no
// blob tells of them. With `e` a blob tells of those before 970. With `s` reading began there. So the offset
// that a group pins before its first blob is 970 with "s970". The next blob says the same of these positions
// (format/blob_metadata.h, `before`), and from then on no entry does. Without "e" or "s" the positions
// before the offset are in a blob, unless a person set the offset, or an early version did.
//
// Event Hubs keeps at most 1,024 bytes of metadata per entry, Kafka 4,096 unless it is configured otherwise.
// The longest claim has 3 + 19 + 1 + 8 + 1 + 32 + 1 + 20 + 1 + 900 = 986 bytes.
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

// The positions before an entry's offset that are in no blob. The offset is not below `from`.
struct Bare {
  Position from;
  bool is_start = false;  // reading began there; else a blob tells of what is before

  friend bool operator==(const Bare&, const Bare&) = default;
};

struct Claim {
  Position next;  // the range is [offset of the entry, next)
  std::string sink;
  std::string blob;
  std::string topic_id = {};  // empty: the brokers gave none
  std::optional<Bare> bare = {};

  friend bool operator==(const Claim&, const Claim&) = default;
};

// Whether a claim may name it. Anybody who may write the group's offsets writes claims, and a tombstone is
// put at what they name. So no part is empty, "." or "..", and there is no backslash and no control
// character.
bool is_blob_name(std::string_view name);

// The text above. parse_metadata() reads back every claim whose blob is a name, whose sink has 8 hex digits,
// and whose topic id has none or 32.
std::string format_claim(const Claim& claim);

// The metadata of an offset without a claim.
std::string format_no_claim(std::string_view topic_id, const std::optional<Bare>& bare = {});

// A finish, or a start position.
struct NoClaim {
  std::string topic_id = {};
  std::optional<Bare> bare = {};
};

// Metadata of another product, or of a person.
struct ForeignText {};

// Begins with 'p' and a digit, and is no claim that this version can read.
struct UnknownVersion {};

using MetadataText = std::variant<NoClaim, ForeignText, Claim, UnknownVersion>;

// Strict, for any bytes. What begins like ours and is not exactly ours is an UnknownVersion, never
// ForeignText.
MetadataText parse_metadata(std::string_view metadata);

// Nothing is pending: a NoClaim, whatever its topic id.
bool holds_no_claim(std::string_view metadata);

}  // namespace penstock::ledger
