#include "appliance/check_chain.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::appliance {

std::vector<CheckRow> CheckChain::rows() const {
  std::vector<CheckRow> all = rows_;
  if (holds()) {
    return all;
  }
  const auto broken = std::ranges::find(links_, broken_at_);
  for (auto link = broken; link != links_.end(); ++link) {
    if (std::ranges::find(all, *link, &CheckRow::name) == all.end()) {
      all.push_back({.name = std::string(*link),
                     .severity = CheckSeverity::not_tried,
                     .text = concat("not tried, because of the fault of ", broken_at_)});
    }
  }
  return all;
}

}  // namespace penstock::appliance
