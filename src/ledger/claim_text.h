// What the group keeps for a partition, and the text of a claim in it.
//
//   entry of p:  offset <first>, metadata  p1;<next>;<sink>;<blob>
//
// The offset stays what it was before the claim. `sink` is 8 hex digits of a hash of account, container and prefix; the
// blob's name is relative to them, and comes last, so that it may hold any character.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/group_entry.h"
#include "base/types.h"

namespace penstock::ledger {

struct Claim {
  Position next;
  std::string sink;
  std::string blob;

  friend bool operator==(const Claim&, const Claim&) = default;
};

std::string format_claim(const Claim& claim);

struct NoClaim {};         // empty metadata
struct ForeignText {};     // another product's
struct UnknownVersion {};  // begins with p<digit> and is no claim that this version can read

using MetadataText = std::variant<NoClaim, ForeignText, Claim, UnknownVersion>;

// Strict: whatever begins like ours and is not exactly ours is an UnknownVersion, never ForeignText.
MetadataText parse_metadata(std::string_view metadata);

}  // namespace penstock::ledger
