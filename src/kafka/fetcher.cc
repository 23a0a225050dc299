// The half that asks: which lane a partition belongs to, and the next Fetch of each lane. fetcher_records.cc
// hands over.
#include "kafka/fetcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "kafka/backoff.h"
#include "wire/broker_errors.h"

namespace penstock::kafka {
namespace {

// A broker answers when it has so much, or the wait is over. Below k_lane_fetch_bytes, so that a response
// which it sent for this reason is not a full one, which says that more waits.
constexpr std::size_t k_fetch_bytes_min = k_lane_fetch_bytes / 4 * 3;

// Of one partition at least so much, however many share a response: Kafka's batches are up to 1 MiB, rarely
// more than this.
constexpr std::size_t k_partition_bytes_min = std::size_t{128} << 10;

// An election takes seconds. So does a broker that begins.
constexpr Duration k_leader_silent_until_told = std::chrono::seconds(10);

}  // namespace

Fetcher::Fetcher(io::Loop& loop, const Clock& clock, wire::ClusterClient& cluster, FetcherOptions options,
                 FetcherEvents events)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      events_(std::move(events)),
      wake_(loop, clock),
      leaders_(clock, cluster, wake_,
               {.answered = [this] { events_.answered(); },
                .moved = [this](PartitionSlot slot,
                                const wire::BrokerAddress& broker) { on_leader_moved(slot, broker); },
                .gone = [this](PartitionSlot slot) { displace(slot); },
                .waits = [this](PartitionSlot slot, Error error) { wait(slot, std::move(error)); },
                .anew = [this](PartitionSlot slot) { on_anew(slot); },
                .doubtful = [this](PartitionSlot slot, Sign sign) { doubt(slot, sign); },
                .trouble = [this](Error error) { events_.trouble(std::move(error)); }}) {}

void Fetcher::begin(std::span<const TopicPartition> partitions) {
  CHECK(readings_.empty());
  ++epoch_;
  ids_ = std::make_shared<const std::vector<TopicPartition>>(partitions.begin(), partitions.end());
  readings_.resize(partitions.size());
  leaders_.begin(ids_);
}

void Fetcher::end() {
  ++epoch_;
  leaders_.end();
  front_lane_ = nullptr;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->order.clear();
    lane->single_asks_left = 0;
    lane->io.discard();
    lane->current = {};
  }
  readings_.clear();
}

void Fetcher::fetch_from(PartitionSlot slot, Position position) {
  Reading& partition = readings_[slot.value];
  partition.position = position;
  partition.held = false;
  partition.waits_for_position = false;
  partition.bytes_needed = 0;
  partition.refetched = Position{-1};
  ++partition.generation;
}

void Fetcher::hold(PartitionSlot slot) {
  readings_[slot.value].held = true;
  readings_[slot.value].waits_for_position = false;
  ++readings_[slot.value].generation;
}

void Fetcher::fail(PartitionSlot slot) {
  readings_[slot.value].failed = true;
  ++readings_[slot.value].generation;
  leaders_.give_up(slot);
}

void Fetcher::wait(PartitionSlot slot, Error error) {
  error.action = Action::retry;
  readings_[slot.value].waiting = true;
  events_.waits(slot, std::move(error));
}

void Fetcher::go_on(PartitionSlot slot) {
  if (std::exchange(readings_[slot.value].waiting, false)) {
    events_.goes_on(slot);
  }
}

void Fetcher::poll() {
  turn_begins_ = true;
  leaders_.poll();
}

// Asking

void Fetcher::ask(Lane& lane) {
  const MonoTime now = clock_.now();
  if (!lane.io.idle() || lane.order.empty()) {
    return;
  }
  if (now < lane.not_before) {
    wake_.wake_at(lane.not_before);
    return;
  }
  compare(lane);
  choose_partitions(lane);
  if (request_.empty()) {
    return;
  }
  const std::size_t bytes = share_bytes(lane);
  const bool waits = lane.single_asks_left == 0;
  if (!waits) {
    --lane.single_asks_left;
    lane.order.served(id(lane.asked_slots.front()).topic, lane.asked_slots.front());
  }
  const std::size_t enough = lane.more_waits || !waits ? 1 : std::min(k_fetch_bytes_min, bytes);
  const Duration wait = waits ? options_.wait : Duration::zero();
  lane.io.fetch({.wait_ms_max = static_cast<std::int32_t>(
                     std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()),
                 .bytes_min = static_cast<std::int32_t>(enough),
                 .bytes_max = static_cast<std::int32_t>(k_lane_fetch_bytes),
                 .partitions = request_},
                ids_);
  lane.asked_at = now;
  lane.due = now + wait;
}

std::optional<MonoTime> Fetcher::overdue_since() const {
  std::optional<MonoTime> since;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    const bool is_asked = !lane->io.idle() && !lane->io.loaded();
    if (is_asked && lane->due < clock_.now() && (!since || lane->due < *since)) {
      since = lane->due;
    }
  }
  return since;
}

// Into request_ and lane.asked_slots: whose records are wanted now, first the one whose turn it is.
void Fetcher::choose_partitions(Lane& lane) {
  const MonoTime now = clock_.now();
  request_.clear();
  lane.asked_slots.clear();
  lane.answers_seen = 0;
  lane.order.for_each([&](PartitionSlot slot) {
    Reading& partition = readings_[slot.value];
    settle_doubt(slot);
    const bool enough = lane.single_asks_left > 0 && !request_.empty();
    if (!partition.wanted() || enough || !is_compared(slot)) {
      return;
    }
    if (now < partition.not_before) {
      wake_.wake_at(partition.not_before);
      return;
    }
    partition.asked_generation = partition.generation;
    partition.compared_epoch = leaders_.of(slot)->epoch;  // what is read under it is of its history
    lane.asked_slots.push_back(slot);
    request_.push_back(
        {.topic = id(slot).topic,
         .partition = id(slot).partition,
         .position = partition.proving ? Position{partition.mark->offset.value} : partition.position,
         .leader_epoch = leaders_.of(slot)->epoch,
         .bytes_max = 0,
         .topic_id = partition.topic_id});
  });
}

// Says in request_ how much each of its partitions may send; returns how much that is together.
std::size_t Fetcher::share_bytes(const Lane& lane) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request_.size(); ++i) {
    const std::size_t part = bytes_max_of(readings_[lane.asked_slots[i].value], request_.size());
    request_[i].bytes_max = static_cast<std::int32_t>(part);
    bytes += part;
  }
  return bytes;
}

std::size_t Fetcher::bytes_max_of(const Reading& partition, std::size_t partitions) const {
  const std::size_t share =
      std::clamp(k_lane_fetch_bytes / partitions, k_partition_bytes_min, k_lane_fetch_bytes);
  return std::max(share, partition.bytes_needed);
}

void Fetcher::on_answer(Lane& lane, const std::optional<Error>& error) {
  const MonoTime now = clock_.now();
  lane.current = {};
  lane.more_waits = false;
  if (lane.io.was_too_large()) {
    on_too_large(lane);
    return;
  }
  if (error) {
    lane.not_before = now + backoff(lane.failures++);
    leaders_.need(lane.not_before);  // it may have moved
    prove_all(lane);
    events_.trouble(*error);
    return;
  }
  if (const std::int32_t throttle = lane.io.throttle_ms(); throttle > 0) {
    throttled_ms_ += static_cast<std::uint64_t>(throttle);
    lane.not_before = now + std::chrono::milliseconds(throttle);
  }
  if (lane.io.response_code() != wire::ErrorCode::none) {
    lane.not_before = now + backoff(lane.failures++);
    events_.trouble(
        wire::broker_error(lane.io.response_code(), concat("fetching from ", lane.io.connection().name())));
    lane.io.discard();
    return;
  }
  lane.failures = 0;
  last_answer_ = now;
}

// A broker gives the first batch of its response whole, however large it is. Whose it is, is found by asking
// for the partitions one by one.
void Fetcher::on_too_large(Lane& lane) {
  lane.not_before = clock_.now() + k_backoff_min;
  if (lane.asked_slots.size() == 1 && lane.asked_slots.front().value < readings_.size()) {
    lane.single_asks_left = 0;
    const PartitionSlot slot = lane.asked_slots.front();
    if (!stale(readings_[slot.value], lane)) {
      stop_too_large(slot, 0);
    }
    return;
  }
  lane.single_asks_left = lane.asked_slots.size();
}

// Lanes

std::optional<Fetcher::Route> Fetcher::route_to_leader(PartitionSlot slot) {
  Lane* const lane = readings_[slot.value].lane;
  if (lane == nullptr) {
    return std::nullopt;
  }
  return Route{.connection = &lane->io.connection(), .leader_epoch = leaders_.of(slot)->epoch};
}

void Fetcher::leader_told(PartitionSlot slot, const std::optional<Error>& error) {
  std::optional<MonoTime>& silent_since = readings_[slot.value].leader_silent_since;
  const MonoTime now = clock_.now();
  if (!error) {
    silent_since.reset();
  } else if (!silent_since) {
    silent_since = now;
  } else if (now - *silent_since > k_leader_silent_until_told) {
    wait(slot, make_error(error->kind, Action::retry,
                          concat(named(id(slot)),
                                 ": its leader does not tell where its log begins or ends; its records wait, "
                                 "and other partitions go on: ",
                                 error->message),
                          error->code));
  }
}

void Fetcher::on_leader_moved(PartitionSlot slot, const wire::BrokerAddress& broker) {
  displace(slot);
  Reading& partition = readings_[slot.value];
  partition.lane = &lane_of(broker, slot.value % options_.lanes_per_broker);
  partition.lane->order.add(id(slot).topic, slot);
  partition.topic_id = wire::topic_id_of(leaders_.topic_id(slot));
  go_on(slot);
  wake_.wake_at(clock_.now());
}

void Fetcher::displace(PartitionSlot slot) {
  Reading& partition = readings_[slot.value];
  if (partition.lane != nullptr) {
    partition.lane->order.remove(id(slot).topic, slot);
    partition.lane = nullptr;
    ++partition.generation;
  }
}

Fetcher::Lane* Fetcher::find_lane(const LaneKey& key) {
  const auto found =
      std::ranges::find_if(lanes_, [&](const std::unique_ptr<Lane>& lane) { return lane->key == key; });
  return found == lanes_.end() ? nullptr : found->get();
}

// A broker that is found elsewhere under its old number gets a new lane in the place of the old one.
Fetcher::Lane& Fetcher::lane_of(const wire::BrokerAddress& broker, std::uint32_t which) {
  const LaneKey key{.broker = broker.id.value, .which = which};
  Lane* const found = find_lane(key);
  if (found != nullptr && found->io.connection().name() == concat(broker.host, ":", broker.port)) {
    return *found;
  }
  if (found != nullptr) {
    drop_lane(*found);
  }
  const FetchLane::Options options{
      .connection = {.host = broker.host,
                     .port = broker.port,
                     .access = options_.access,
                     .response_bytes_max = options_.batch_bytes_max + k_lane_buffer_bytes},
      .batch_bytes_max = options_.batch_bytes_max,
      .headers = options_.headers};
  return *lanes_.emplace_back(
      std::make_unique<Lane>(key, loop_, clock_, options, [this, key](const std::optional<Error>& error) {
        if (Lane* const lane = find_lane(key)) {
          on_answer(*lane, error);
        }
      }));
}

void Fetcher::drop_lane(Lane& lane) {
  for (std::uint32_t i = 0; i < readings_.size(); ++i) {
    if (readings_[i].lane == &lane) {
      displace(PartitionSlot{i});
      leaders_.forget(PartitionSlot{i});
    }
  }
  if (front_lane_ == &lane) {
    front_lane_ = nullptr;
  }
  const auto at =
      std::ranges::find(lanes_, &lane, [](const std::unique_ptr<Lane>& each) { return each.get(); });
  const std::shared_ptr<Lane> gone = std::move(*at);
  lanes_.erase(at);
  loop_.defer([gone] {});
  // Last: who waits for an answer may ask again at once, and must not get the old lane.
  gone->io.connection().close(make_error(ErrorKind::unavailable, Action::retry,
                                         concat(gone->io.connection().name(), " has another address now"),
                                         "moved"));
}

}  // namespace penstock::kafka
