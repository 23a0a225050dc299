// Records that do not go into their topic's file: which, why, and into which file beside it.
//
//   orders/2026/01/31/orders-...-42.txt.gz                    the good ones, as the topic's format has it
//   _quarantine/orders/2026/01/31/orders-...-42.txt.gz.json   the others: an envelope a line (envelope.h)
//
// A line of the quarantine has all fields of an envelope, and the reason in front of them:
//
//   {"reason":"not-json","topic":"orders","partition":3,"offset":41, ... ,"value_base64":"e30gLi4u"}
//
// Its name begins with '_', so readers of the lake skip it. It is never compressed. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/quarantine_reason.h"
#include "base/record_view.h"
#include "codec/json_check.h"
#include "format/record_format.h"

namespace penstock::format {

inline constexpr std::string_view k_quarantine_prefix = "_quarantine/";
inline constexpr std::string_view k_quarantine_extension = ".json";
inline constexpr RecordFormat k_quarantine_format{.rows = RowFormat::envelope};

// What a record must be to go into its topic's file.
struct RecordRules {
  bool json = false;                  // exactly one JSON value, or no value at all (a tombstone)
  std::uint64_t value_bytes_max = 0;  // 0: any

  bool any() const { return json || value_bytes_max > 0; }

  friend bool operator==(const RecordRules&, const RecordRules&) = default;
};

// None: the record is as the rules want it.
std::optional<QuarantineReason> fault_of(const RecordRules& rules, const RecordView& record,
                                         codec::JsonCheck& json);

// Records from the front of a span that are judged alike.
struct JudgedRun {
  std::size_t records = 0;
  std::optional<QuarantineReason> fault;
};

// What is judged is copied next, and what is not taken then is judged again. So a run is short.
inline constexpr std::size_t k_judged_records_max = 64;

// Of a span that is not empty.
JudgedRun judge_front(const RecordRules& rules, std::span<const RecordView> records, codec::JsonCheck& json);

// The file beside the one with this name.
std::string quarantine_name(std::string_view file_name);

// The file that a quarantine file lies beside. Empty: this is no name of a quarantine file.
std::string_view file_beside(std::string_view quarantine_name);

}  // namespace penstock::format
