#include "verify/content.h"

#include <string>
#include <utility>

#include "base/concat.h"
#include "codec/checksum.h"

namespace penstock::verify {
namespace {

Finding mismatch(const BlobFacts& facts, std::string text) {
  return {.severity = Severity::fault,
          .kind = FindingKind::content,
          .id = std::nullopt,
          .range = std::nullopt,
          .blobs = {facts.name},
          .text = std::move(text)};
}

}  // namespace

std::optional<Finding> check_listed(const BlobFacts& facts) {
  const format::BlobMetadata& said = facts.metadata;
  if (facts.kind == BlobFacts::Kind::data && said.skipped && said.holes) {
    const std::uint64_t positions = said.position_count();
    const std::uint64_t told = said.records + *said.skipped + *said.holes;
    if (positions != told) {
      const std::string count = positions > told ? concat(positions - told, " positions without a line")
                                                 : concat(told - positions, " lines too many");
      return mismatch(facts, concat("has ", count, ": its ranges are ", positions, " positions, of which ",
                                    said.records, " are records, ", *said.skipped,
                                    " were skipped as empty, and ", *said.holes, " were not in the log"));
    }
  }
  if (facts.kind == BlobFacts::Kind::foreign || format::format_of(facts.name).is_encoded() ||
      facts.stored_bytes == facts.metadata.bytes) {
    return std::nullopt;
  }
  return mismatch(
      facts, concat("is ", facts.stored_bytes, " bytes long, and its metadata say ", facts.metadata.bytes));
}

ContentCheck::ContentCheck(const BlobFacts& facts)
    : facts_(facts), stream_(format::format_of(facts.name).compression) {}

bool ContentCheck::feed(Bytes stored) {
  stored_ += stored.size();
  checksum_ = codec::crc32c(stored, checksum_);
  const Result<void> fed = stream_.feed(stored, [this](Bytes plain) {
    plain_ += plain.size();
    rows_.add(plain);
  });
  if (!fed.ok()) {
    damage_ = fed.error();
  }
  return fed.ok();
}

std::optional<Finding> ContentCheck::end() const {
  if (damage_) {
    return mismatch(facts_, damage_->message);
  }
  if (stored_ != facts_.stored_bytes) {
    return mismatch(facts_, concat("gave ", stored_, " bytes, and the listing says ", facts_.stored_bytes));
  }
  if (const Result<void> whole = stream_.end(); !whole.ok()) {
    return mismatch(facts_, whole.error().message);
  }
  const format::BlobMetadata& said = facts_.metadata;
  if (rows_.rows() != said.records || plain_ != said.bytes) {
    return mismatch(facts_,
                    concat("holds ", rows_.rows(), " lines in ", plain_, " bytes, and its metadata say ",
                           said.records, " records in ", said.bytes));
  }
  if (!rows_.ends_whole()) {
    return mismatch(facts_, "does not end with a line's end");
  }
  if (said.checksum && *said.checksum != checksum_) {
    return mismatch(facts_,
                    "holds other bytes than were written: as many, and with another checksum (crc32c)");
  }
  return std::nullopt;
}

}  // namespace penstock::verify
