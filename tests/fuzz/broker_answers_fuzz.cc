// A response from anybody, but for Fetch's records. The first byte of the input chooses the request, the
// second its version, the rest is the body. What a decoder gives must lie in the body.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "wire/api_versions.h"
#include "wire/delete_groups.h"
#include "wire/fetch.h"
#include "wire/find_coordinator.h"
#include "wire/frame.h"
#include "wire/leave_group.h"
#include "wire/list_offsets.h"
#include "wire/metadata.h"
#include "wire/offset_commit.h"
#include "wire/offset_fetch.h"
#include "wire/offset_for_leader_epoch.h"
#include "wire/sasl_messages.h"

namespace penstock::wire {
namespace {

constexpr std::size_t k_mode_bytes = 2;

void lies_in(Bytes body, Bytes part) {
  CHECK((part.empty() ||
         (part.data() >= body.data() && part.data() + part.size() <= body.data() + body.size())));
}
void lies_in(Bytes body, std::string_view text) {
  lies_in(body, as_bytes(text));
}

template <class Rows>
void rows_lie_in(Bytes body, const Rows& rows) {
  for (const auto& row : rows) {
    lies_in(body, row.topic);
  }
}

void look_at(Bytes body, const MetadataResponse& response) {
  for (const Broker& broker : response.brokers) {
    lies_in(body, broker.host);
  }
  for (const TopicMetadata& topic : response.topics) {
    lies_in(body, topic.name);
    lies_in(body, topic.id);
    CHECK((topic.id.empty() || topic.id.size() == 16U));
  }
}
void look_at(Bytes body, const OffsetFetchResponse& response) {
  rows_lie_in(body, response.partitions);
  for (const CommittedOffset& row : response.partitions) {
    lies_in(body, row.metadata);
  }
}
void look_at(Bytes body, const OffsetCommitResponse& response) {
  rows_lie_in(body, response.partitions);
}
void look_at(Bytes body, const ListOffsetsResponse& response) {
  rows_lie_in(body, response.partitions);
}
void look_at(Bytes body, const OffsetForLeaderEpochResponse& response) {
  rows_lie_in(body, response.partitions);
}
void look_at(Bytes body, const FindCoordinatorResponse& response) {
  lies_in(body, response.coordinator.host);
  lies_in(body, response.error_text);
}
void look_at(Bytes body, const LeaveGroupResponse& response) {
  CHECK(response.member_codes.size() <= body.size());
}
void look_at(Bytes body, const DeleteGroupsResponse& response) {
  CHECK(response.codes.size() <= body.size());
}
void look_at(Bytes /*body*/, const ApiVersionsResponse& /*response*/) {}
void look_at(Bytes body, const SaslHandshakeResponse& response) {
  for (const std::string_view mechanism : response.mechanisms) {
    lies_in(body, mechanism);
  }
}
void look_at(Bytes body, const SaslAuthenticateResponse& response) {
  lies_in(body, response.error_text);
  lies_in(body, response.message);
}

template <class Decode>
void decode_with(Decode decode, Bytes body, std::int16_t version) {
  const auto response = decode(body, version);
  if (response.ok()) {
    look_at(body, *response);
  } else {
    CHECK(response.error().kind == ErrorKind::corrupt);
  }
}

void walk_fetch(Bytes body, std::int16_t version) {
  FetchResponseReader reader(body, version);
  std::vector<AbortedTransaction> aborted;
  while (const auto partition = reader.next(aborted)) {
    lies_in(body, partition->topic);
    lies_in(body, partition->records);
    aborted.clear();
  }
}

void decode(ApiKey api, std::int16_t version, Bytes body) {
  switch (api) {
    case ApiKey::fetch:
      return walk_fetch(body, version);
    case ApiKey::list_offsets:
      return decode_with(decode_list_offsets, body, version);
    case ApiKey::metadata:
      return decode_with(decode_metadata, body, version);
    case ApiKey::offset_commit:
      return decode_with(decode_offset_commit, body, version);
    case ApiKey::offset_fetch:
      return decode_with(decode_offset_fetch, body, version);
    case ApiKey::find_coordinator:
      return decode_with(decode_find_coordinator, body, version);
    case ApiKey::leave_group:
      return decode_with(decode_leave_group, body, version);
    case ApiKey::sasl_handshake:
      return decode_with(decode_sasl_handshake, body, version);
    case ApiKey::api_versions:
      return decode_with(decode_api_versions, body, version);
    case ApiKey::offset_for_leader_epoch:
      return decode_with(decode_offset_for_leader_epoch, body, version);
    case ApiKey::sasl_authenticate:
      return decode_with(decode_sasl_authenticate, body, version);
    case ApiKey::delete_groups:
      return decode_with(decode_delete_groups, body, version);
  }
}

void run(Bytes input) {
  if (input.size() < k_mode_bytes) {
    return;
  }
  const ApiKey api = k_api_keys[static_cast<std::size_t>(input[0]) % k_api_keys.size()];
  const VersionRange ours = supported_versions(api);
  const auto version =
      static_cast<std::int16_t>(ours.lowest + static_cast<int>(input[1]) % (ours.highest - ours.lowest + 1));
  const Bytes body = input.subspan(k_mode_bytes);
  const auto copy = std::make_unique<std::byte[]>(body.size());  // of exactly its size
  std::copy_n(body.begin(), body.size(), copy.get());
  const Bytes exact(copy.get(), body.size());
  if (const auto frame = open_response(exact, api, version); frame.ok()) {
    lies_in(exact, frame->body);
  }
  decode(api, version, exact);
}

}  // namespace
}  // namespace penstock::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::wire::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
