// How it works. librdkafka answers questions about logs and entries only in calls that block. So a thread of
// its own asks, again and again until everything is known, and wakes the loop. take() hands over what there
// is: an error that passes, or the facts of all partitions. An end that lies before a wanted position is
// asked for several times, since a leader that was elected a moment ago may not know the end yet.
#include "rdkafka/position_resolver.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace penstock::rdkafka {
namespace {

// A leader elected a moment ago may answer with an end that is behind what was read from its predecessor: ask
// again before calling it a loss.
constexpr int k_tries_beyond_end = 3;

bool beyond_end(const std::vector<source::StartFacts>& facts) {
  return std::any_of(facts.begin(), facts.end(),
                     [](const source::StartFacts& f) { return f.committed && *f.committed > f.log.end; });
}

}  // namespace

PositionResolver::PositionResolver(rd_kafka_s* client, ResolveRequest request, std::function<void()> news)
    : client_(client), request_(std::move(request)), news_(std::move(news)), thread_([this] { run(); }) {}

PositionResolver::~PositionResolver() {
  cancel();
  thread_.join();
}

void PositionResolver::cancel() {
  const std::lock_guard lock(mutex_);
  canceled_ = true;
  changed_.notify_all();
}

bool PositionResolver::canceled() const {
  const std::lock_guard lock(mutex_);
  return canceled_;
}

bool PositionResolver::finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

PositionResolver::News PositionResolver::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(pending_, {});
}

void PositionResolver::run() {
  int beyond_end_count = 0;
  bool going_on = true;
  while (going_on) {
    Result<std::vector<source::StartFacts>> facts = ask();
    const bool doubtful = facts.ok() && beyond_end(*facts) && ++beyond_end_count < k_tries_beyond_end;
    if (!doubtful) {
      const std::lock_guard lock(mutex_);
      if (facts.ok()) {
        pending_.facts = std::move(*facts);
        pending_.existing = std::move(existing_);
      } else if (!canceled_) {
        pending_.error = std::move(facts.error());
      }
      going_on = !pending_.facts.has_value();
    }
    if (!doubtful) {
      news_();
    }
    going_on = going_on && pause();
  }
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  news_();
}

bool PositionResolver::pause() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, k_resolve_pause, [this] { return canceled_; });
  return !canceled_;
}

// Which topics the group has an entry for, whoever has their partitions.
Result<void> PositionResolver::look_for_newcomers(std::vector<source::StartFacts>& facts) {
  auto existing = partitions_of_topics(client_, request_.partitions, k_resolve_timeout);
  if (!existing.ok()) {
    return std::move(existing).error();
  }
  const auto committed = committed_positions(client_, *existing, k_resolve_timeout);
  if (!committed.ok()) {
    return committed.error();
  }
  std::set<std::string> topics;
  for (std::size_t i = 0; i < existing->size(); ++i) {
    if ((*committed)[i]) {
      topics.insert((*existing)[i].topic);
    }
  }
  for (std::size_t i = 0; i < facts.size(); ++i) {
    facts[i].newcomer.group_has_its_topic = topics.contains(request_.partitions[i].topic);
    facts[i].newcomer.group_has_any_topic = !topics.empty();
  }
  existing_ = std::move(existing).value();
  return {};
}

Result<std::vector<source::StartFacts>> PositionResolver::ask() {
  const std::vector<TopicPartition>& partitions = request_.partitions;
  std::vector<source::StartFacts> facts(partitions.size());
  if (request_.wanted.empty()) {
    const auto committed = committed_positions(client_, partitions, k_resolve_timeout);
    if (!committed) {
      return committed.error();
    }
    for (std::size_t i = 0; i < facts.size(); ++i) {
      facts[i].committed = (*committed)[i];
    }
    if (request_.start.at == source::StartAt::latest) {
      if (Result<void> looked = look_for_newcomers(facts); !looked.ok()) {
        return std::move(looked).error();
      }
    }
  } else {
    for (std::size_t i = 0; i < facts.size(); ++i) {
      facts[i].committed = request_.wanted[i];
    }
  }
  if (canceled()) {
    return make_error(ErrorKind::canceled, Action::give_up, {});
  }
  const auto bounds = log_bounds(client_, partitions, k_resolve_timeout);
  if (!bounds) {
    return bounds.error();
  }
  for (std::size_t i = 0; i < facts.size(); ++i) {
    facts[i].log = (*bounds)[i];
    if (const auto given = request_.start.given.find(partitions[i]); given != request_.start.given.end()) {
      facts[i].given = given->second;
    }
  }
  if (request_.start.at == source::StartAt::timestamp && request_.wanted.empty()) {
    const auto at_time = positions_at(client_, partitions, request_.start.timestamp_ms, k_resolve_timeout);
    if (!at_time) {
      return at_time.error();
    }
    for (std::size_t i = 0; i < facts.size(); ++i) {
      facts[i].at_time = (*at_time)[i];
    }
  }
  return facts;
}

}  // namespace penstock::rdkafka
