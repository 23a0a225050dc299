#include "format/quarantine.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::format {

std::optional<QuarantineReason> fault_of(const RecordRules& rules, const RecordView& record,
                                         codec::JsonCheck& json) {
  if (rules.value_bytes_max > 0 && record.value.size() > rules.value_bytes_max) {
    return QuarantineReason::too_large;
  }
  const bool has_value = !record.null_value || !record.value.empty();
  if (rules.json && has_value && !json.is_json(record.value)) {
    return QuarantineReason::not_json;
  }
  return std::nullopt;
}

JudgedRun judge_front(const RecordRules& rules, std::span<const RecordView> records, codec::JsonCheck& json) {
  JudgedRun run{.records = 1, .fault = fault_of(rules, records.front(), json)};
  const std::size_t end = std::min(records.size(), k_judged_records_max);
  while (run.records < end && fault_of(rules, records[run.records], json) == run.fault) {
    ++run.records;
  }
  return run;
}

std::string quarantine_name(std::string_view file_name) {
  return concat(k_quarantine_prefix, file_name, k_quarantine_extension);
}

std::string_view file_beside(std::string_view quarantine_name) {
  if (!quarantine_name.starts_with(k_quarantine_prefix) ||
      !quarantine_name.ends_with(k_quarantine_extension) ||
      quarantine_name.size() <= k_quarantine_prefix.size() + k_quarantine_extension.size()) {
    return {};
  }
  quarantine_name.remove_prefix(k_quarantine_prefix.size());
  quarantine_name.remove_suffix(k_quarantine_extension.size());
  return quarantine_name;
}

}  // namespace penstock::format
