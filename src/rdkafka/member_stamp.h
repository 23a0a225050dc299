// Which member of which generation this process is, as librdkafka knows it.
//
// It is read in the rebalance callback, from what rd_kafka_consumer_group_metadata_write() writes:
//
//   "CGMDv2:" | generation int32, host order | group id \0 | member id \0 | flag byte | 0: instance id \0
//
// The library does not promise this layout (seen in 2.0.2 and 2.8.0): so it is checked against what the
// library says elsewhere, and refused when it differs.
#pragma once

#include <string_view>

#include <penstock/result.h>

#include "base/member_stamp.h"
#include "base/types.h"

namespace penstock::rdkafka {

// Whether this is nobody's stamp: the library was not a member when it was asked, as its membership was lost
// a moment ago.
inline bool is_of_nobody(const MemberStamp& stamp) {
  return stamp.generation < 0 || stamp.member_id.empty();
}

// Pure. Error unsupported: these bytes are not of that layout, or not of this group and member. A stamp of
// nobody is of the layout.
Result<MemberStamp> parse_member_stamp(Bytes written, std::string_view group, std::string_view member_id);

}  // namespace penstock::rdkafka
