#include "kafka/fetch_lane.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "wire/frame.h"

namespace penstock::kafka {
namespace {

// Beyond what the broker may wait: the way there and back, and a broker that reads from a cold disk.
constexpr Duration k_answer_slack = std::chrono::seconds(30);

}  // namespace

FetchLane::FetchLane(io::Loop& loop, const Clock& clock, const Options& options, Answered answered)
    : options_(options),
      answered_(std::move(answered)),
      buffer_(std::make_shared<wire::ReceiveBuffer>(k_lane_buffer_bytes)),
      decompressor_(options.batch_bytes_max),
      cursor_(decompressor_),
      connection_(loop, clock, options.connection) {}

void FetchLane::fetch(const wire::FetchRequest& request, std::shared_ptr<const void> names) {
  CHECK(state_ == State::idle);
  state_ = State::asked;
  unwanted_ = false;
  asked_.assign(request.partitions.begin(), request.partitions.end());
  names_ = std::move(names);
  const bool ids_known = std::ranges::all_of(
      asked_, [](const wire::FetchPartition& each) { return each.topic_id != wire::k_no_topic_id; });
  connection_.request({.api = wire::ApiKey::fetch,
                       .version_max = ids_known ? wire::k_fetch_by_id : wire::k_fetch_by_name_max,
                       .encode =
                           [this, sent = request](wire::Buffer& out, std::int16_t version) mutable {
                             sent.partitions = asked_;
                             wire::encode_fetch(out, version, sent);
                           },
                       .timeout = std::chrono::milliseconds(request.wait_ms_max) + k_answer_slack,
                       .into = buffer_,
                       .done = [this](const wire::Reply& reply) { on_reply(reply); }});
}

void FetchLane::on_reply(const wire::Reply& reply) {
  was_too_large_ = reply.failure == wire::Failure::response_too_large;
  if (reply.error) {
    state_ = State::idle;
    buffer_ =
        std::make_shared<wire::ReceiveBuffer>(k_lane_buffer_bytes);  // the kernel may still have the old
    answered_(reply.error);
    return;
  }
  reader_.emplace(reply.body, reply.version);
  by_id_ = reply.version >= wire::k_fetch_by_id;
  state_ = State::loaded;
  if (unwanted_) {
    discard();
  }
  answered_(std::nullopt);
}

std::optional<wire::FetchedPartition> FetchLane::next_partition() {
  CHECK(state_ == State::loaded);
  aborted_.clear();
  std::optional<wire::FetchedPartition> partition = reader_->next(aborted_);
  if (!partition) {
    state_ = State::idle;
  }
  return partition;
}

void FetchLane::discard() {
  unwanted_ = state_ == State::asked;
  if (state_ == State::loaded) {
    state_ = State::idle;
  }
}

}  // namespace penstock::kafka
