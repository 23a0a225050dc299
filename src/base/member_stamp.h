// Whose commit it is: of one member in one generation of the consumer group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

// Read in the rebalance callback of an assignment, and sent with every commit of that assignment, repeats
// too.
struct MemberStamp {
  std::int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;  // set for a static member

  friend bool operator==(const MemberStamp&, const MemberStamp&) = default;
};

}  // namespace penstock
