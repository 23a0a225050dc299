// The half that asks: who leads what, and the next Fetch of each lane. fetcher_records.cc hands over.
#include "kafka/fetcher.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "wire/broker_errors.h"
#include "wire/frame.h"

namespace penstock::kafka {
namespace {

// A broker answers when it has so much, or the wait is over. Below k_lane_fetch_bytes, so that a response which it
// sent for this reason is not a full one, which says that more waits.
constexpr std::size_t k_fetch_bytes_min = k_lane_fetch_bytes / 4 * 3;

// Of one partition at least so much, however many share a response: Kafka's batches are up to 1 MiB, rarely more
// than this.
constexpr std::size_t k_partition_bytes_min = std::size_t{128} << 10;

constexpr Duration k_backoff_min = std::chrono::milliseconds(100);
constexpr Duration k_backoff_max = std::chrono::seconds(10);

Duration backoff(std::uint32_t failures) {
  return std::min(k_backoff_max, k_backoff_min * (1U << std::min(failures, 10U)));
}

// A topic that the brokers do not know may be a moment old, or deleted: this many answers in a row, some seconds,
// are believed.
constexpr std::uint32_t k_unknown_answers_max = 6;

// The same for a leader of an epoch before the one we know. They are asked for while nothing can be fetched: 100 ms apart.
constexpr std::uint32_t k_older_answers_max = 30;

}  // namespace

Fetcher::Fetcher(io::Loop& loop, const Clock& clock, wire::ClusterClient& cluster, FetcherOptions options,
                 FetcherEvents events)
    : loop_(loop),
      clock_(clock),
      cluster_(cluster),
      options_(std::move(options)),
      events_(std::move(events)) {}

Fetcher::~Fetcher() {
  loop_.cancel_timer(wake_timer_);
}

void Fetcher::begin(std::span<const TopicPartition> partitions) {
  CHECK(slots_.empty());
  ++epoch_;
  ids_ = std::make_shared<const std::vector<TopicPartition>>(partitions.begin(), partitions.end());
  slots_.resize(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    slots_[i].id = partitions[i];
  }
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    by_name_.emplace(
        std::pair<std::string_view, std::int32_t>(slots_[i].id.topic, slots_[i].id.partition.value),
        PartitionSlot{i});
  }
  if (!slots_.empty()) {
    need_leaders(clock_.now());
  }
}

void Fetcher::end() {
  ++epoch_;
  for (auto& [key, lane] : lanes_) {
    lane->order.clear();
    lane->asks_alone = 0;
    lane->discard();
    lane->current = {};
  }
  by_name_.clear();
  slots_.clear();
  leaders_due_.reset();
}

void Fetcher::fetch_from(PartitionSlot slot, Position position) {
  Slot& partition = slots_[slot.value];
  partition.position = position;
  partition.held = false;
  partition.waits_for_position = false;
  partition.bytes_needed = 0;
  partition.refetched = Position{-1};
  ++partition.generation;
}

void Fetcher::hold(PartitionSlot slot) {
  slots_[slot.value].held = true;
  slots_[slot.value].waits_for_position = false;
  ++slots_[slot.value].generation;
}

void Fetcher::fail(PartitionSlot slot) {
  slots_[slot.value].failed = true;
  ++slots_[slot.value].generation;
}

bool Fetcher::poll(std::size_t records_max) {
  if (leaders_due_ && clock_.now() >= *leaders_due_) {
    ask_leaders();
  } else if (leaders_due_) {
    wake_at(*leaders_due_);  // an earlier wake may have taken its place
  }
  bool more = false;
  std::size_t count = 0;
  const std::uint32_t first = next_lane_++;
  for (std::uint32_t i = 0; i < lanes_.size(); ++i) {
    const auto lane = std::next(lanes_.begin(), (first + i) % static_cast<std::uint32_t>(lanes_.size()));
    more = hand_over(*lane->second, records_max, count) || more;
  }
  for (auto& [key, lane] : lanes_) {
    ask(*lane);
  }
  return more;
}

// Asking

void Fetcher::ask(FetchLane& lane) {
  const MonoTime now = clock_.now();
  if (!lane.idle() || lane.order.empty()) {
    return;
  }
  if (now < lane.not_before) {
    wake_at(lane.not_before);
    return;
  }
  request_.clear();
  lane.asked_slots.clear();
  lane.answers_seen = 0;
  lane.order.for_each([&](PartitionSlot index) {
    Slot& slot = slots_[index.value];
    const bool enough = lane.asks_alone > 0 && !request_.empty();
    if (!slot.wanted() || enough) {
      return;
    }
    if (now < slot.not_before) {
      wake_at(slot.not_before);
      return;
    }
    slot.asked_generation = slot.generation;
    lane.asked_slots.push_back(index);
    request_.push_back({.topic = (*ids_)[index.value].topic,
                        .partition = slot.id.partition,
                        .position = slot.position,
                        .leader_epoch = slot.leader->epoch,
                        .bytes_max = 0});
  });
  if (request_.empty()) {
    return;
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request_.size(); ++i) {
    const std::size_t part = bytes_max_of(slots_[lane.asked_slots[i].value], request_.size());
    request_[i].bytes_max = static_cast<std::int32_t>(part);
    bytes += part;
  }
  const bool waits = lane.asks_alone == 0;
  if (!waits) {
    --lane.asks_alone;
    lane.order.served(slots_[lane.asked_slots.front().value].id.topic, lane.asked_slots.front());
  }
  const std::size_t enough = lane.more_waits || !waits ? 1 : std::min(k_fetch_bytes_min, bytes);
  const Duration wait = waits ? options_.wait : Duration::zero();
  lane.fetch({.wait_ms_max = static_cast<std::int32_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()),
              .bytes_min = static_cast<std::int32_t>(enough),
              .bytes_max = static_cast<std::int32_t>(k_lane_fetch_bytes),
              .partitions = request_},
             ids_);
}

std::size_t Fetcher::bytes_max_of(const Slot& slot, std::size_t partitions) const {
  const std::size_t share =
      std::clamp(k_lane_fetch_bytes / partitions, k_partition_bytes_min, k_lane_fetch_bytes);
  return std::max(share, slot.bytes_needed);
}

void Fetcher::on_answer(FetchLane& lane, const std::optional<Error>& error) {
  const MonoTime now = clock_.now();
  lane.current = {};
  lane.more_waits = false;
  if (lane.failure() == wire::Failure::response_too_large) {
    on_too_large(lane);
    return;
  }
  if (error) {
    lane.not_before = now + backoff(lane.failures++);
    need_leaders(lane.not_before);  // it may have moved
    events_.trouble(*error);
    return;
  }
  if (const std::int32_t throttle = lane.throttle_ms(); throttle > 0) {
    throttled_ms_ += static_cast<std::uint64_t>(throttle);
    lane.not_before = now + std::chrono::milliseconds(throttle);
  }
  if (lane.response_code() != wire::ErrorCode::none) {
    lane.not_before = now + backoff(lane.failures++);
    events_.trouble(
        wire::broker_error(lane.response_code(), concat("fetching from ", lane.connection().name())));
    lane.discard();
    return;
  }
  lane.failures = 0;
}

// A broker gives the first batch of its response whole, however large it is. Whose it is, is found by asking for the
// partitions one by one.
void Fetcher::on_too_large(FetchLane& lane) {
  lane.not_before = clock_.now() + k_backoff_min;
  if (lane.asked_slots.size() == 1 && lane.asked_slots.front().value < slots_.size()) {
    lane.asks_alone = 0;
    const PartitionSlot index = lane.asked_slots.front();
    if (!stale(slots_[index.value], lane)) {
      stop_too_large(index, 0);
    }
    return;
  }
  lane.asks_alone = lane.asked_slots.size();
}

// One timer for all that has to wait: it only wakes the worker, which polls.
void Fetcher::wake_at(MonoTime when) {
  const MonoTime now = clock_.now();
  if (wake_timer_ != io::TimerId::none && wake_at_ > now && wake_at_ <= when) {
    return;
  }
  loop_.cancel_timer(wake_timer_);
  wake_at_ = when;
  wake_timer_ =
      loop_.start_timer(std::max(when - now, Duration::zero()), [this] { wake_timer_ = io::TimerId::none; });
}

// Leaders

void Fetcher::need_leaders(MonoTime not_before) {
  if (!leaders_due_ || not_before < *leaders_due_) {
    leaders_due_ = not_before;
    wake_at(not_before);
  }
}

void Fetcher::ask_leaders() {
  leaders_due_.reset();
  if (leaders_asked_ || slots_.empty()) {
    return;
  }
  leaders_asked_ = true;
  std::set<std::string> topics;
  for (const Slot& slot : slots_) {
    topics.insert(slot.id.topic);
  }
  cluster_.ask_leaders({topics.begin(), topics.end()}, [this, epoch = epoch_, alive = std::weak_ptr(alive_)](
                                                           const Result<wire::ClusterView>& view) {
    if (alive.expired()) {
      return;
    }
    leaders_asked_ = false;
    if (epoch != epoch_) {  // of an assignment that has ended
      if (!slots_.empty()) {
        need_leaders(clock_.now());
      }
      return;
    }
    on_leaders(view);
  });
}

void Fetcher::on_leaders(const Result<wire::ClusterView>& view) {
  if (!view.ok()) {
    need_leaders(clock_.now() + backoff(leaders_failures_++));
    events_.trouble(view.error());
    return;
  }
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.failed) {
      continue;
    }
    const auto leader = view->leaders.find(slot.id);
    if (leader != view->leaders.end()) {
      slot.unknown_answers = 0;
      if (believed(slot, leader->second)) {
        place(PartitionSlot{i}, leader->second);
      }
      continue;
    }
    const auto topic = view->topic_errors.find(slot.id.topic);
    const wire::ErrorCode code = topic != view->topic_errors.end() ? topic->second : wire::ErrorCode::none;
    const bool unknown = code == wire::ErrorCode::unknown_topic_or_partition;
    if (wire::fetch_outcome(code) == wire::FetchOutcome::stop_partition &&
        (!unknown || ++slot.unknown_answers >= k_unknown_answers_max)) {
      stop(PartitionSlot{i}, wire::broker_error(code, concat("topic ", slot.id.topic, ", partition ",
                                                             slot.id.partition.value)));
      continue;
    }
    displace(PartitionSlot{i});
  }
  const bool missing = std::any_of(slots_.begin(), slots_.end(),
                                   [](const Slot& slot) { return slot.lane == nullptr && !slot.failed; });
  leaders_failures_ = missing ? leaders_failures_ + 1 : 0;
  if (missing) {
    need_leaders(clock_.now() + backoff(leaders_failures_));
  }
}

// A broker may not have heard the news yet. But a topic that was deleted and made anew begins its epochs anew.
bool Fetcher::believed(Slot& slot, const wire::PartitionLeader& leader) const {
  const bool older = slot.leader && leader.epoch < slot.leader->epoch;
  slot.older_answers = older ? slot.older_answers + 1 : 0;
  return !older || slot.older_answers >= k_older_answers_max;
}

void Fetcher::place(PartitionSlot slot, const wire::PartitionLeader& leader) {
  Slot& partition = slots_[slot.value];
  if (partition.lane != nullptr && partition.leader && partition.leader->broker == leader.broker) {
    partition.leader = leader;
    return;
  }
  displace(slot);
  partition.leader = leader;
  partition.lane = &lane_of(leader.broker, slot.value % options_.lanes_per_broker);
  partition.lane->order.add(partition.id.topic, slot);
  wake_at(clock_.now());
}

void Fetcher::displace(PartitionSlot slot) {
  Slot& partition = slots_[slot.value];
  if (partition.lane != nullptr) {
    partition.lane->order.remove(partition.id.topic, slot);
    partition.lane = nullptr;
    partition.leader.reset();  // whoever is named next is believed: a wrong one says so
    ++partition.generation;
  }
}

// A broker that is found elsewhere under its old number gets a new lane in the place of the old one.
FetchLane& Fetcher::lane_of(const wire::BrokerAddress& broker, std::uint32_t which) {
  std::unique_ptr<FetchLane>& lane = lanes_[LaneKey(broker.id.value, which)];
  if (lane && lane->connection().name() != concat(broker.host, ":", broker.port)) {
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].lane == lane.get()) {
        displace(PartitionSlot{i});
      }
    }
    const std::shared_ptr<FetchLane> gone = std::move(lane);
    loop_.defer([gone] {});
    // Last: who waits for an answer may ask again at once, and must not get the old lane.
    gone->connection().close(make_error(ErrorKind::unavailable, Action::retry,
                                        concat(gone->connection().name(), " has another address now"),
                                        "moved"));
  }
  if (!lane) {
    lane = std::make_unique<FetchLane>(
        loop_, clock_,
        FetchLane::Options{
            .connection = {.host = broker.host,
                           .port = broker.port,
                           .access = options_.access,
                           .response_bytes_max = options_.batch_bytes_max + k_lane_buffer_bytes},
            .batch_bytes_max = options_.batch_bytes_max,
            .headers = options_.headers},
        [this, key = LaneKey(broker.id.value, which)](const std::optional<Error>& error) {
          if (const auto found = lanes_.find(key); found != lanes_.end() && found->second) {
            on_answer(*found->second, error);
          }
        });
  }
  return *lane;
}

}  // namespace penstock::kafka
