#include "verify/content.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "base/concat.h"

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

std::optional<Finding> check_size(const BlobFacts& facts) {
  if (facts.kind == BlobFacts::Kind::foreign || compression_of(facts.name) != codec::Compression::none ||
      facts.stored_bytes == facts.bytes) {
    return std::nullopt;
  }
  return mismatch(facts,
                  concat("is ", facts.stored_bytes, " bytes long, and its metadata say ", facts.bytes));
}

ContentCheck::ContentCheck(const BlobFacts& facts) : facts_(facts), stream_(compression_of(facts.name)) {}

bool ContentCheck::feed(Bytes stored) {
  stored_ += stored.size();
  const Result<void> fed = stream_.feed(stored, [this](Bytes plain) {
    if (plain.empty()) {
      return;
    }
    plain_ += plain.size();
    lines_ += static_cast<std::uint64_t>(std::count(plain.begin(), plain.end(), std::byte{'\n'}));
    last_ = plain.back();
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
  if (lines_ != facts_.records || plain_ != facts_.bytes) {
    return mismatch(facts_, concat("holds ", lines_, " lines in ", plain_, " bytes, and its metadata say ",
                                   facts_.records, " records in ", facts_.bytes));
  }
  if (last_ != std::byte{'\n'}) {
    return mismatch(facts_, "does not end with a line's end");
  }
  return std::nullopt;
}

}  // namespace penstock::verify
