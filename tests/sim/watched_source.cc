// How it works
//
// Every call goes on to the source behind it, and every handler of the worker is called in its turn. What is
// added is memory: which partitions the assignment has, whether it is ending, whether a commit or a question
// is under way. A worker that forgets the loss of its membership shows what that is for:
//
//   1. The source says `revoked`, as membership is lost. told_lost_ is set.
//   2. The worker commits all the same. That is a violation, whatever the source would make of it.
//   3. Had it called release() before, its partitions would be gone, and any commit would be a violation.
#include "sim/watched_source.h"

#include <utility>

namespace penstock::sim {

WatchedSource::WatchedSource(std::unique_ptr<source::Source> source, ProcessPtr process, Options options,
                             Random random, Verdict& verdict)
    : source_(std::move(source)),
      process_(std::move(process)),
      options_(std::move(options)),
      random_(random),
      verdict_(verdict) {}

Result<void> WatchedSource::start(source::SourceHandlers handlers) {
  handlers_ = std::move(handlers);
  return source_->start({
      .assigned =
          [this](std::span<const source::Assigned> partitions) {
            ++epoch_;
            has_slots_ = true;
            ending_ = false;
            told_lost_ = false;
            ids_.clear();
            claims_.clear();
            for (const source::Assigned& each : partitions) {
              ids_.push_back(each.id);
              if (!each.entry && each.start_known) {  // a new group begins where the log begins
                options_.on_lost(each.id, each.start);
              }
            }
            handlers_.assigned(partitions);
          },
      .revoked =
          [this](source::RevokeReason reason) {
            ending_ = true;
            told_lost_ = told_lost_ || reason == source::RevokeReason::lost;
            handlers_.revoked(reason);
          },
      .start_found =
          [this](PartitionSlot slot, Position start) {
            options_.on_lost(ids_.at(slot.value), start);
            handlers_.start_found(slot, start);
          },
      .moved =
          [this](PartitionSlot slot, Position position, const std::string& topic_id) {
            verdict_.note(process_->name, ": ", named(ids_.at(slot.value)), " moves to ", position.value);
            options_.on_lost(ids_.at(slot.value), position);
            handlers_.moved(slot, position, topic_id);
          },
      .partition_waits =
          [this](PartitionSlot slot, const Error& error) {
            verdict_.note(process_->name, " waits: ", error.message);
            if (handlers_.partition_waits) {
              handlers_.partition_waits(slot, error);
            }
          },
      .partition_goes_on =
          [this](PartitionSlot slot) {
            if (handlers_.partition_goes_on) {
              handlers_.partition_goes_on(slot);
            }
          },
      .partition_failed =
          [this](PartitionSlot slot, const Error& error) {
            verdict_.note(process_->name, ": ", error.message);
            options_.on_stopped(ids_.at(slot.value), error);
            handlers_.partition_failed(slot, error);
          },
      .failed =
          [this](const Error& error) {
            verdict_.note(process_->name, ": ", error.message);
            for (const TopicPartition& id : ids_) {
              if (error.code == concat("perhaps made anew: ", named(id))) {
                options_.on_doubted(id);
              }
            }
            handlers_.failed(error);
          },
  });
}

void WatchedSource::poll() {
  source_->poll();
}

// A sabotaged span is the same but for one record.
bool WatchedSource::spoil(std::vector<RecordView>& views) {
  if (views.size() < 2 || !random_.chance(0.1)) {
    return false;
  }
  if (options_.sabotage == Sabotage::source_skips) {
    views.erase(views.begin());
    return true;
  }
  views[1].value = views[0].value;
  return true;
}

const source::RecordSpan* WatchedSource::front() {
  const source::RecordSpan* span = source_->front();
  held_back_ = 0;
  lost_ = span != nullptr && span->lost ? std::optional(*span) : std::nullopt;
  const bool spoils =
      options_.sabotage == Sabotage::source_skips || options_.sabotage == Sabotage::source_repeats;
  if (span == nullptr || !spoils) {
    return span;
  }
  views_.assign(span->records.begin(), span->records.end());
  if (!spoil(views_)) {
    return span;
  }
  held_back_ = span->records.size() - views_.size();
  spoiled_ = *span;
  spoiled_.records = views_;
  return &spoiled_;
}

void WatchedSource::taken(std::size_t count) {
  if (const auto lost = std::exchange(lost_, std::nullopt)) {
    options_.on_lost(ids_.at(lost->slot.value), lost->next);
  }
  source_->taken(count == 0 ? 0 : count + held_back_);
}

void WatchedSource::fetch_from(PartitionSlot slot, Position position) {
  if (!ending_ || !options_.forgives_while_ending) {
    source_->fetch_from(slot, position);
  }
}

void WatchedSource::hold(PartitionSlot slot) {
  if (!ending_ || !options_.forgives_while_ending) {
    source_->hold(slot);
  }
}

void WatchedSource::distrust(PartitionSlot slot, Position position) {
  source_->distrust(slot, position);
}

void WatchedSource::read_entries(std::vector<TopicPartition> partitions,
                                 std::function<void(Result<std::vector<std::optional<GroupEntry>>>)> done) {
  source_->read_entries(std::move(partitions), std::move(done));
}

void WatchedSource::commit(std::span<const CommitItem> commits, std::function<void(CommitReply)> done) {
  if (!has_slots_) {
    verdict_.fail(process_->name, " commits without an assignment");
    return;
  }
  if (told_lost_) {
    verdict_.fail(process_->name, " commits after its membership was lost");
  }
  if (std::exchange(committing_, true)) {
    verdict_.fail(process_->name, " commits before the former commit was answered");
  }
  for (const CommitItem& each : commits) {
    if (each.slot.value >= ids_.size()) {
      verdict_.fail(process_->name, " commits a partition that it has not");
      return;
    }
    const TopicPartition& id = ids_[each.slot.value];
    if (each.metadata.starts_with('p')) {
      claims_[id] = each.metadata;
    }
    if (!process_->killed) {
      verdict_.note(process_->name, " commits ", id.topic, ":", id.partition.value, " at ",
                    each.position.value, " '", each.metadata, "'");
    }
  }
  source_->commit(commits, [this, epoch = epoch_, done = std::move(done)](CommitReply reply) {
    committing_ = false;
    if (const Error* error = reply.error()) {
      verdict_.note(process_->name, ": ", error->message);
    }
    told_lost_ = told_lost_ || (epoch == epoch_ && reply.membership_lost && options_.silent_once_lost);
    done(std::move(reply));
  });
}

std::string WatchedSource::last_claim(const TopicPartition& id) const {
  const auto found = claims_.find(id);
  return found == claims_.end() ? std::string() : found->second;
}

void WatchedSource::release() {
  ++epoch_;
  has_slots_ = false;
  claims_.clear();  // what is left of them is the next owner's
  source_->release();
}

void WatchedSource::close() {
  source_->close();
}

}  // namespace penstock::sim
