#include "source/moving_source.h"

#include <utility>

#include "base/concat.h"

namespace penstock::source {
namespace {

// Before every position: nothing is known of the epochs of what lies there.
constexpr Position k_before_all{-1};

// Whoever read it first may not have been told the leader's epoch.
bool is_same(const std::optional<GroupEntry>& entry, const std::optional<GroupEntry>& seen) {
  return entry.has_value() == seen.has_value() &&
         (!entry || (entry->position == seen->position && entry->metadata == seen->metadata));
}

}  // namespace

MovingSource::MovingSource(std::unique_ptr<Source> inner, std::map<TopicPartition, PositionMove> moves)
    : ForwardingSource(std::move(inner)), moves_(std::move(moves)) {}

Result<void> MovingSource::start(SourceHandlers handlers) {
  handlers_ = std::move(handlers);
  return inner().start(translated(handlers_));
}

// What is told of partitions, of the chosen ones, by their slots.
SourceHandlers MovingSource::translated(SourceHandlers handlers) {
  const auto of_chosen = [this](auto told) {
    return [this, told = std::move(told)](PartitionSlot slot, auto&&... more) {
      if (const auto chosen = outer(slot); chosen && told) {
        told(*chosen, std::forward<decltype(more)>(more)...);
      }
    };
  };
  handlers.assigned = [this](std::span<const Assigned> partitions) { on_assigned(partitions); };
  handlers.start_found = of_chosen(std::move(handlers.start_found));
  handlers.moved = of_chosen(std::move(handlers.moved));
  handlers.partition_waits = of_chosen(std::move(handlers.partition_waits));
  handlers.partition_goes_on = of_chosen(std::move(handlers.partition_goes_on));
  handlers.partition_failed = of_chosen(std::move(handlers.partition_failed));
  return handlers;
}

std::optional<PartitionSlot> MovingSource::outer(PartitionSlot slot) const {
  for (std::uint32_t i = 0; i < chosen_.size(); ++i) {
    if (chosen_[i].inner == slot) {
      return PartitionSlot{i};
    }
  }
  return std::nullopt;
}

void MovingSource::on_assigned(std::span<const Assigned> partitions) {
  std::vector<Assigned> chosen;
  chosen_.clear();
  for (std::uint32_t i = 0; i < partitions.size(); ++i) {
    if (moves_.contains(partitions[i].id) && !set_.contains(partitions[i].id)) {
      chosen.push_back(partitions[i]);
      chosen_.push_back({.id = partitions[i].id, .inner = PartitionSlot{i}});
    }
  }
  handlers_.assigned(chosen);
  make_moves(chosen);
}

// The pipeline knows of the assignment by now. A move that is told while Assign runs is made at its end.
void MovingSource::make_moves(std::span<const Assigned> chosen) {
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    const PositionMove& move = moves_.at(chosen[i].id);
    if (!is_same(chosen[i].entry, move.seen)) {
      handlers_.failed(
          make_error(ErrorKind::already_exists, Action::fatal,
                     concat(named(chosen[i].id),
                            ": the group's position is not the one that was shown any more: another "
                            "member has been there; stop it, and set it again")));
      return;
    }
    inner().read_elsewhere(chosen_[i].inner, k_before_all);
    handlers_.moved(PartitionSlot{i}, move.to, chosen[i].topic_id);
  }
}

void MovingSource::fetch_from(PartitionSlot slot, Position position) {
  Chosen& chosen = chosen_.at(slot.value);
  inner().hold(chosen.inner);
  chosen.begun = chosen.begun || moves_.at(chosen.id).to == position;
}

void MovingSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  std::vector<CommitItem> items(commits.begin(), commits.end());
  std::vector<std::optional<TopicPartition>> moved;
  for (CommitItem& item : items) {
    const Chosen& chosen = chosen_.at(item.slot.value);
    const bool is_move = chosen.begun && moves_.at(chosen.id).to == item.position;
    moved.push_back(is_move ? std::optional(chosen.id) : std::nullopt);
    item.slot = chosen.inner;
  }
  inner().commit(items, [this, moved = std::move(moved), done = std::move(done),
                         alive = alive_.watch()](CommitReply reply) {
    for (std::size_t i = 0; !alive.gone() && i < moved.size() && i < reply.items.size(); ++i) {
      if (moved[i] && reply.items[i].outcome == CommitOutcome::done) {
        set_.insert(*moved[i]);
      }
    }
    done(std::move(reply));
  });
}

void MovingSource::partition_states(std::vector<PartitionState>& states) const {
  std::vector<PartitionState> all;
  inner().partition_states(all);
  states.clear();
  for (PartitionState& state : all) {
    if (const auto slot = outer(state.slot)) {
      state.slot = *slot;
      state.at_end_mark = chosen_[slot->value].begun;
      states.push_back(state);
    }
  }
}

}  // namespace penstock::source
