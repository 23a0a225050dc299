#include "verify/findings.h"

#include <utility>

namespace penstock::verify {

const char* to_string(FindingKind kind) {
  switch (kind) {
    case FindingKind::gap:
      return "gap";
    case FindingKind::gone:
      return "gone";
    case FindingKind::overlap:
      return "overlap";
    case FindingKind::foreign:
      return "foreign";
    case FindingKind::beyond:
      return "beyond";
    case FindingKind::claim:
      return "claim";
    case FindingKind::lost:
      return "lost";
    case FindingKind::log:
      return "log";
    case FindingKind::content:
      return "content";
    case FindingKind::anew:
      return "anew";
    case FindingKind::quarantine:
      return "quarantine";
  }
  return "?";
}

void Findings::add(Finding finding) {
  fault_count_ += finding.severity == Severity::fault ? 1 : 0;
  if (kept_.size() < k_findings_max) {
    kept_.push_back(std::move(finding));
  } else {
    ++left_out_count_;
  }
}

void Findings::review(const std::function<void(Finding&)>& look) {
  for (Finding& finding : kept_) {
    fault_count_ -= finding.severity == Severity::fault ? 1 : 0;
    look(finding);
    fault_count_ += finding.severity == Severity::fault ? 1 : 0;
  }
}

void Findings::review_and_drop(const std::function<Review(Finding&)>& look) {
  std::vector<bool> drop;
  for (Finding& finding : kept_) {
    drop.push_back(look(finding) == Review::drop);
    fault_count_ -= drop.back() && finding.severity == Severity::fault ? 1 : 0;
  }
  std::size_t at = 0;
  std::erase_if(kept_, [&](const Finding&) { return drop[at++]; });
}

}  // namespace penstock::verify
