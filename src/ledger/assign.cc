#include "ledger/assign.h"

#include "base/concat.h"

namespace penstock::ledger {
namespace {

// The remedy that always works: an entry without a claim is the whole truth about a partition.
constexpr const char* k_by_hand =
    ", or set the group's offset of the partition by hand and its metadata to nothing";

// Somebody may have set the offset back and left the metadata as they were.
std::optional<Bare> up_to(Position offset, const std::optional<Bare>& bare) {
  return bare && bare->from <= offset ? bare : std::nullopt;
}

}  // namespace

AssignAnswer assign_by_entry(const std::optional<GroupEntry>& entry, std::string_view sink) {
  if (!entry) {
    return StartAtSource{};
  }
  const MetadataText text = parse_metadata(entry->metadata);
  if (std::holds_alternative<UnknownVersion>(text)) {
    return StopBecause{concat("has committed offset metadata of a version that this one cannot read: \"",
                              entry->metadata, "\"; finish with the version that wrote it", k_by_hand)};
  }
  const Claim* claim = std::get_if<Claim>(&text);
  if (claim == nullptr) {
    const NoClaim* ours = std::get_if<NoClaim>(&text);
    return StartAt{.position = entry->position,
                   .foreign = ours == nullptr,
                   .topic_id = ours != nullptr ? ours->topic_id : std::string(),
                   .bare = ours != nullptr ? up_to(entry->position, ours->bare) : std::nullopt};
  }
  if (claim->sink != sink) {
    return StopBecause{concat("has a pending claim of another sink (", claim->sink, ", this one is ", sink,
                              ") for the blob ", claim->blob,
                              "; run once with the former account, container and prefix", k_by_hand)};
  }
  // Taken at its word it would start the partition at or before the entry's offset.
  if (claim->next <= entry->position) {
    return StopBecause{concat("has a claim that ends at ", claim->next.value, ", not behind its own offset ",
                              entry->position.value, ", which no version writes; look at the blob ",
                              claim->blob, k_by_hand)};
  }
  AskAbout question{.first = entry->position, .claim = *claim};
  question.claim.bare = up_to(entry->position, claim->bare);
  return question;
}

// A tombstone cannot be put where a blob is. So `absent` means that somebody deletes blobs at claimed names
// (R5), and whether that one held the range cannot be known any more.
std::variant<StartAt, StopBecause> assign_by_blob(FoundBlob found, const AskAbout& question) {
  switch (found) {
    case FoundBlob::tombstone:
      return StartAt{
          .position = question.first, .topic_id = question.claim.topic_id, .bare = question.claim.bare};
    case FoundBlob::claimed_range:
      return StartAt{.position = question.claim.next, .topic_id = question.claim.topic_id};
    case FoundBlob::absent:
    case FoundBlob::other:
      break;
  }
  return StopBecause{concat(
      "has a pending claim of [", question.first.value, ", ", question.claim.next.value, ") for the blob ",
      question.claim.blob,
      found == FoundBlob::absent ? ", which was deleted while it was asked about"
                                 : ", but what is there is neither a tombstone nor lists exactly this range",
      "; find out who wrote or deleted it, then set the group's offset of the partition by "
      "hand and its metadata to nothing")};
}

}  // namespace penstock::ledger
