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
    const std::uint64_t told = said.records + *said.skipped + *said.holes + said.quarantined;
    if (positions != told) {
      const std::string count = positions > told ? concat(positions - told, " positions without a line")
                                                 : concat(told - positions, " lines too many");
      const std::string quarantined =
          said.quarantined > 0 ? concat(said.quarantined, " are in quarantine, ") : std::string();
      return mismatch(facts, concat("has ", count, ": its ranges are ", positions, " positions, of which ",
                                    said.records, " are records, ", quarantined, *said.skipped,
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
    : facts_(facts),
      rows_of_(format::format_of(facts.name).rows),
      parquet_(facts.metadata),
      stream_(format::format_of(facts.name).compression) {}

bool ContentCheck::feed(Bytes stored) {
  stored_ += stored.size();
  checksum_ = codec::crc32c(stored, checksum_);
  const Result<void> fed = feed_any(stored);
  if (!fed.ok()) {
    damage_ = fed.error();
  }
  return fed.ok();
}

Result<void> ContentCheck::feed_any(Bytes stored) {
  switch (rows_of_) {
    case format::RowFormat::capture:
      return capture_.feed(stored);
    case format::RowFormat::parquet:
      return parquet_.feed(stored);
    case format::RowFormat::lines:
    case format::RowFormat::envelope:
      break;
  }
  return feed_lines(stored);
}

Result<void> ContentCheck::end_any() const {
  switch (rows_of_) {
    case format::RowFormat::capture:
      return capture_.end();
    case format::RowFormat::parquet:
      return parquet_.end();
    case format::RowFormat::lines:
    case format::RowFormat::envelope:
      break;
  }
  return stream_.end();
}

std::optional<std::uint64_t> ContentCheck::wants_end_from() const {
  return rows_of_ == format::RowFormat::parquet && !damage_ ? parquet_.wants_end_from(facts_.stored_bytes)
                                                            : std::nullopt;
}

bool ContentCheck::give_end(Bytes end) {
  const Result<void> given = parquet_.give_end(end, facts_.stored_bytes);
  if (!given.ok()) {
    damage_ = given.error();
  }
  return given.ok();
}

Result<void> ContentCheck::feed_lines(Bytes stored) {
  return stream_.feed(stored, [this](Bytes plain) {
    plain_ += plain.size();
    rows_.add(plain);
  });
}

std::optional<Finding> ContentCheck::end() const {
  if (damage_) {
    return mismatch(facts_, damage_->message);
  }
  if (stored_ != facts_.stored_bytes) {
    return mismatch(facts_, concat("gave ", stored_, " bytes, and the listing says ", facts_.stored_bytes));
  }
  if (const Result<void> whole = end_any(); !whole.ok()) {
    return mismatch(facts_, whole.error().message);
  }
  switch (rows_of_) {
    case format::RowFormat::capture:
      return compare(capture_.rows(), capture_.plain_bytes(), "rows");
    case format::RowFormat::parquet:
      return compare(parquet_.rows(), parquet_.plain_bytes().value_or(facts_.metadata.bytes), "rows");
    case format::RowFormat::lines:
    case format::RowFormat::envelope:
      break;
  }
  return compare(rows_.rows(), plain_, "lines");
}

std::optional<Finding> ContentCheck::compare(std::uint64_t rows, std::uint64_t plain,
                                             std::string_view row_name) const {
  const format::BlobMetadata& said = facts_.metadata;
  if (rows != said.records || plain != said.bytes) {
    return mismatch(facts_,
                    concat("holds ", rows, " ", row_name, " in ", plain, " bytes, and its metadata say ",
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
