#include "verify/quarantines.h"

#include <utility>

#include "base/concat.h"
#include "format/quarantine.h"

namespace penstock::verify {
namespace {

Finding finding(Severity severity, const std::string& name, std::string text) {
  return {.severity = severity,
          .kind = FindingKind::quarantine,
          .id = std::nullopt,
          .range = std::nullopt,
          .blobs = {name},
          .text = std::move(text)};
}

}  // namespace

void Quarantines::add_file(const BlobFacts& facts, Judged judged) {
  const std::string name = format::quarantine_name(facts.name);
  const auto found = waiting_.find(name);
  if (facts.metadata.quarantined == 0 && found == waiting_.end()) {
    return;
  }
  const Promise promise{
      .records = facts.metadata.quarantined, .attempt = facts.metadata.attempt, .judged = judged};
  if (found == waiting_.end()) {
    promised_.emplace(name, promise);
    return;
  }
  compare(name, promise, found->second);
  waiting_.erase(found);
}

void Quarantines::add_quarantine(const BlobFacts& facts) {
  const Lines lines{.records = facts.metadata.records, .of = facts.metadata.of};
  const auto found = promised_.find(facts.name);
  if (found == promised_.end()) {
    waiting_.emplace(facts.name, lines);
    return;
  }
  compare(facts.name, found->second, lines);
  promised_.erase(found);
}

void Quarantines::compare(const std::string& name, const Promise& promise, const Lines& lines) {
  if (promise.judged == Judged::left_out) {
    return;
  }
  if (promise.attempt != lines.of) {
    disagreements_.add(finding(Severity::fault, name,
                               "lies beside a file that another attempt has written, so its lines are not "
                               "the records that this file has in quarantine"));
  } else if (promise.records != lines.records) {
    disagreements_.add(finding(Severity::fault, name,
                               concat("says that it has ", lines.records,
                                      " records, and the file beside it says ", promise.records)));
  } else {
    ++files_;
    records_ += lines.records;
  }
}

Result<void> Quarantines::settle(
    const std::function<Result<std::optional<BlobFacts>>(const std::string&)>& find, Findings& findings) {
  for (const auto& [name, promise] : std::exchange(promised_, {})) {
    if (promise.judged == Judged::left_out) {
      continue;
    }
    Result<std::optional<BlobFacts>> found = find(name);
    if (!found.ok()) {
      return std::move(found).error();
    }
    if (*found && (*found)->kind == BlobFacts::Kind::quarantine) {
      compare(name, promise, {.records = (*found)->metadata.records, .of = (*found)->metadata.of});
    } else {
      findings.add(finding(Severity::fault, name,
                           concat("is not there, and ", promise.records,
                                  " records of the file beside it are in no other place")));
    }
  }
  for (const auto& [name, lines] : std::exchange(waiting_, {})) {
    Result<std::optional<BlobFacts>> found = find(std::string(format::file_beside(name)));
    if (!found.ok()) {
      return std::move(found).error();
    }
    if (*found && (*found)->kind == BlobFacts::Kind::data) {
      compare(name, {.records = (*found)->metadata.quarantined, .attempt = (*found)->metadata.attempt},
              lines);
    } else {
      findings.add(
          finding(Severity::note, name,
                  concat("counts for nothing, as the file beside it is not there: its writer did not "
                         "make it. Other files have its ",
                         lines.records, " records, or will have them")));
    }
  }
  for (const Finding& each : disagreements_.all()) {
    findings.add(each);
  }
  return {};
}

}  // namespace penstock::verify
