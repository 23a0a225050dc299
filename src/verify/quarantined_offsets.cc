#include "verify/quarantined_offsets.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/concat.h"
#include "format/quarantine.h"
#include "verify/content.h"
#include "verify/quarantine_lines.h"

namespace penstock::verify {
namespace {

Error broken(const BlobFacts& facts, const std::string& what) {
  return make_error(
      ErrorKind::corrupt, Action::fatal,
      concat("the quarantine file ", facts.name, " ", what, "; `penstock verify --deep` looks at all"));
}

// One look at the quarantine of a topic.
class QuarantineReading {
 public:
  QuarantineReading(LakeReader& lake, const QuarantineOwner& owner) : lake_(lake), owner_(owner) {}

  Result<QuarantinedOffsets> run() {
    Result<void> seen =
        lake_.each([this](const BlobFacts& facts) { return look(facts); }, format::k_quarantine_prefix);
    if (!seen.ok()) {
      return std::move(seen).error();
    }
    return std::move(found_);
  }

 private:
  Result<void> look(const BlobFacts& facts) {
    if (facts.kind == BlobFacts::Kind::foreign) {
      return broken(facts, facts.fault);
    }
    if (facts.metadata.group != owner_.group || facts.metadata.topic != owner_.topic) {
      return {};
    }
    Result<std::optional<BlobFacts>> beside = lake_.find(std::string(format::file_beside(facts.name)));
    if (!beside.ok()) {
      return std::move(beside).error();
    }
    if (!*beside || (*beside)->kind != BlobFacts::Kind::data) {
      ++found_.lonely_files;
      return {};
    }
    const format::BlobMetadata& said = (*beside)->metadata;
    if (said.attempt != facts.metadata.of || said.quarantined != facts.metadata.records) {
      return broken(facts, "is not what the file beside it says of it");
    }
    if (!owner_.topic_id.empty() && !said.topic_id.empty() && said.topic_id != owner_.topic_id) {
      found_.former_records += said.quarantined;
      return {};
    }
    ++found_.files;
    return read(facts);
  }

  Result<void> read(const BlobFacts& facts) {
    ContentCheck check(facts);
    QuarantineLines lines(owner_.topic);
    for (std::uint64_t at = 0; at < facts.stored_bytes;) {
      const Result<std::string> piece =
          lake_.read(facts.name, at, std::min(facts.stored_bytes - at, lake::k_read_bytes_max));
      if (!piece.ok()) {
        return piece.error();
      }
      if (piece->empty() || !check.feed(as_bytes(*piece))) {
        break;
      }
      at += piece->size();
      const Result<void> fed = lines.feed(*piece, [this](RecordPlace place) {
        found_.offsets[place.partition].add({Position{place.offset.value}, after(place.offset)});
      });
      if (!fed.ok()) {
        return broken(facts, concat("does not read: ", fed.error().message));
      }
    }
    const std::optional<Finding> wrong = check.end();
    return wrong ? Result<void>(broken(facts, wrong->text)) : Result<void>();
  }

  LakeReader& lake_;
  const QuarantineOwner& owner_;
  QuarantinedOffsets found_;
};

}  // namespace

Result<QuarantinedOffsets> read_quarantined_offsets(LakeReader& lake, const QuarantineOwner& owner) {
  return QuarantineReading(lake, owner).run();
}

}  // namespace penstock::verify
