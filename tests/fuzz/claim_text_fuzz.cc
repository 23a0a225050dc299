// The metadata that a group keeps for a partition, which anybody in the group may have written. 8 bytes of
// the offset beside it (little-endian), then the text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "base/concat.h"
#include "ledger/assign.h"
#include "ledger/claim_text.h"

namespace penstock::ledger {
namespace {

constexpr std::string_view k_sink = "00c0ffee";
constexpr std::size_t k_position_bytes = 8;

bool begins_like_ours(std::string_view text) {
  return text.size() >= 2 && text[0] == 'p' && text[1] >= '0' && text[1] <= '9';
}

// What parses is what format_claim() writes, to the byte.
void check_claim(const Claim& claim, std::string_view text) {
  CHECK(format_claim(claim) == text);
  CHECK(claim.next >= Position{0});
  CHECK(claim.sink.size() == 8U);
  CHECK(claim.sink.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(is_blob_name(claim.blob));
  CHECK(concat("/", claim.blob, "/").find("/../") == std::string::npos);
}

void check_kind(const MetadataText& found, std::string_view text) {
  if (const Claim* claim = std::get_if<Claim>(&found)) {
    CHECK(begins_like_ours(text));
    check_claim(*claim, text);
    return;
  }
  if (const NoClaim* no_claim = std::get_if<NoClaim>(&found)) {
    CHECK(format_no_claim(no_claim->topic_id, no_claim->bare) == text);
    return;
  }
  CHECK(std::holds_alternative<UnknownVersion>(found) == begins_like_ours(text));
}

// Nothing but an entry without a claim says where to start; and no claim is asked about that does not move
// forward.
void check_answer(const AssignAnswer& answer, const MetadataText& text, Position position) {
  CHECK(!std::holds_alternative<StartAtSource>(answer));
  const Claim* claim = std::get_if<Claim>(&text);
  if (const StartAt* start = std::get_if<StartAt>(&answer)) {
    CHECK(claim == nullptr);
    CHECK(start->position == position);
    CHECK(start->foreign == std::holds_alternative<ForeignText>(text));
  } else if (const AskAbout* question = std::get_if<AskAbout>(&answer)) {
    CHECK(claim != nullptr);
    CHECK(question->first == position);
    CHECK(question->claim.next > position);
    CHECK(question->claim.sink == k_sink);
    Claim expected = *claim;
    if (expected.bare && expected.bare->from > position) {
      expected.bare.reset();
    }
    CHECK((question->claim == expected));
  } else {
    CHECK(!std::get<StopBecause>(answer).why.empty());
    CHECK((claim != nullptr || std::holds_alternative<UnknownVersion>(text)));
  }
}

void run(std::string_view input) {
  if (input.size() < k_position_bytes) {
    return;
  }
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < k_position_bytes; ++i) {
    bits |= std::uint64_t{static_cast<unsigned char>(input[i])} << (8 * i);
  }
  const Position position{static_cast<std::int64_t>(bits)};
  const std::string text(input.substr(k_position_bytes));
  const MetadataText found = parse_metadata(text);
  check_kind(found, text);
  check_answer(assign_by_entry(GroupEntry{.position = position, .metadata = text}, k_sink), found, position);

  // Any position and any name of a blob can be claimed.
  if (position >= Position{0} && is_blob_name(text)) {
    const Claim claim{.next = position, .sink = std::string(k_sink), .blob = text};
    const MetadataText again = parse_metadata(format_claim(claim));
    CHECK(std::holds_alternative<Claim>(again));
    CHECK((std::get<Claim>(again) == claim));
  }
}

}  // namespace
}  // namespace penstock::ledger

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::ledger::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
