#include "world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/concat.h"

namespace penstock::ledger::model {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string text_of(const std::optional<GroupEntry>& entry) {
  return entry ? concat("(", entry->position.value, ", \"", entry->metadata, "\")") : "none";
}

}  // namespace

template <class... Parts>
void World::note(const Parts&... parts) {
  if (tracing_) {
    std::printf("%4lld  %s\n", static_cast<long long>(now_), concat(parts...).c_str());
  }
}

std::uint64_t Random::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

World::World(std::uint64_t seed)
    : random_(seed * 0x2545f4914f6cdd1dULL + 1), tracing_(std::getenv("PENSTOCK_MODEL_TRACE") != nullptr) {
  Knobs& k = knobs_;
  k.finish_pause = static_cast<int>(seed % 2);  // without it a finish has more commits to collide with
  k.partitions = 1 + static_cast<int>(random_.below(2));
  k.records = 1 + static_cast<int>(random_.below(5));
  k.workers = 2 + static_cast<int>(random_.below(2));
  k.pin = random_.percent(40);
  k.batch_a_partition = random_.percent(25);
  k.steps = 100 + random_.below(500);
  k.time = random_.percent(40) ? 1 + random_.below(4) : 3 + random_.below(25);
  k.lose_reply = random_.percent(60) ? random_.below(random_.percent(30) ? 90 : 40) : 0;
  k.slow_commit = random_.below(95);
  k.crash = random_.percent(50) ? random_.below(5) : 0;
  k.pause = random_.percent(60) ? random_.below(6) : 0;
  k.rebalance = 1 + random_.below(5);
  k.malice = random_.percent(60) ? 1 + random_.below(10) : 0;
  k.partial = random_.percent(30) ? 20 : 0;
  k.put_trouble = random_.percent(60) ? random_.below(95) : 0;
  k.kick = random_.percent(50) ? 10 : random_.below(2);
  k.hole = random_.percent(30) ? 30 : 0;
  k.drain = 1 + random_.below(14);
  if (random_.percent(15)) {  // one worker has it all, and its claims are refused in part
    k.partitions = 2;
    k.records = 3 + static_cast<int>(random_.below(3));
    k.batch_a_partition = random_.percent(50);
    k.crash = k.pause = k.malice = 0;
    k.workers = 1;
    k.partial = 30;
  }
  if (random_.percent(20)) {  // much happens within fence_wait, on a network that answers little
    k.time = 1 + random_.below(2);
    k.lose_reply = 30 + random_.below(60);
    k.slow_commit = random_.below(70);
    k.records = 2 + static_cast<int>(random_.below(4));
    k.steps = 500 + random_.below(700);
    k.put_trouble = k.rebalance = 0;
    k.crash = random_.below(2);
    k.pause = random_.below(3);
    k.malice = random_.below(4);
  }
  if (random_.percent(10)) {  // workers freeze for long, and the lake is tidied meanwhile
    k.tidy = 3;
    k.time = 30 + random_.below(40);
    k.pause = 4;
    k.kick = 30;
    k.steps = 600 + random_.below(600);
    k.put_trouble = 60;
  }
  entries_.resize(static_cast<std::size_t>(k.partitions));
  for (int p = 0; p < k.partitions; ++p) {
    for (int offset = 0; offset < k.records; ++offset) {
      if (random_.percent(k.hole)) {
        holes_.emplace(p, offset);
      }
    }
  }
  for (int i = 0; i < k.workers; ++i) {
    instances_.push_back(fresh());
  }
}

World::~World() = default;

std::unique_ptr<World::Instance> World::fresh() {
  auto instance =
      std::make_unique<Instance>(ProtocolOptions{.guarantee = Guarantee::exactly_once,
                                                 .sink = "00c0ffee",
                                                 .fence_wait = std::chrono::seconds(k_fence_wait),
                                                 .retry_min = std::chrono::seconds(1),
                                                 .retry_max = std::chrono::seconds(2),
                                                 .finish_pause = std::chrono::seconds(knobs_.finish_pause),
                                                 .right_retry = std::chrono::seconds(3)});
  instance->id = next_instance_++;
  return instance;
}

Verdict World::run() {
  for (std::uint64_t i = 0; i < knobs_.steps && !verdict_.unsafe(); ++i) {
    step();
  }
  chaos_ = false;
  if (random_.percent(50)) {  // none of them lives on: what they left must be enough
    for (std::size_t i = 0; i < instances_.size(); ++i) {
      crash(i);
    }
  }
  for (auto& instance : instances_) {
    instance->paused = false;
  }
  std::uint64_t left = 6000;
  while (!verdict_.unsafe() && left > 0 && !(left % 16 == 0 && quiet())) {
    step();
    --left;
  }
  if (!verdict_.unsafe()) {
    verdict_.stuck = left == 0;
    judge_end();
  }
  return verdict_;
}

// Every worker has joined and is settled, and the group has been told of everything.
bool World::quiet() const {
  if (rebalancing_ || !requests_.empty() || !stray_puts_.empty()) {
    return false;
  }
  for (int p = 0; p < knobs_.partitions; ++p) {
    const auto& entry = entries_[static_cast<std::size_t>(p)];
    if (!entry || entry->position.value < knobs_.records || !holds_no_claim(entry->metadata)) {
      return false;
    }
  }
  return std::all_of(instances_.begin(), instances_.end(), [](const auto& i) {
    return i->mail.empty() && i->ops.empty() && i->machine.settled() && i->machine.claimed_count() == 0;
  });
}

void World::judge_end() {
  for (int p = 0; p < knobs_.partitions; ++p) {
    const auto& entry = entries_[static_cast<std::size_t>(p)];
    const std::int64_t told = entry ? entry->position.value : 0;
    for (std::int64_t offset = 0; offset < knobs_.records; ++offset) {
      const auto found = published_.find({p, offset});
      const int times = found == published_.end() ? 0 : found->second;
      if (times == 0 && !holes_.contains({p, offset}) && offset < told) {
        verdict_.lost = true;
        verdict_.what =
            concat("partition ", p, ", offset ", offset, " is in no blob, and the group is at ", told);
      }
    }
  }
  if (verdict_.stuck && verdict_.what.empty()) {
    verdict_.what = "not everything landed once the faults had stopped";
  }
}

void World::step() {
  if (random_.percent(chaos_ ? knobs_.time : std::clamp<std::uint64_t>(knobs_.time, 10, 28))) {
    advance_time();
    return;
  }
  if (chaos_ && !requests_.empty() && random_.percent(knobs_.malice)) {
    strike(requests_[random_.below(requests_.size())].instance);
    return;
  }
  if (!requests_.empty() && random_.percent(30)) {
    const std::size_t i = random_.below(requests_.size());
    if (chaos_ && random_.percent(knobs_.lose_reply)) {
      lose_reply(requests_[i]);
    } else if (!chaos_ || !random_.percent(knobs_.slow_commit)) {
      process(i);
    }
    return;
  }
  if (!stray_puts_.empty() && random_.percent(10)) {
    const auto [name, blob] = std::move(stray_puts_.back());
    stray_puts_.pop_back();
    put(name, blob);
    return;
  }
  if (rebalancing_ && random_.percent(30)) {
    complete_rebalance();
    return;
  }
  const std::size_t i = random_.below(instances_.size());
  if (chaos_) {
    if (random_.percent(knobs_.crash)) {
      crash(i);
      return;
    }
    if (random_.percent(knobs_.pause)) {
      instances_[i]->paused = !instances_[i]->paused;
      counters_.zombies += instances_[i]->paused ? 1 : 0;
      return;
    }
    if (random_.percent(knobs_.rebalance)) {
      start_rebalance();
      return;
    }
    if (random_.percent(knobs_.tidy)) {
      tidy();
      return;
    }
  }
  Instance& instance = *instances_[i];
  if (instance.member != 0 && members_.contains(instance.member) &&
      random_.percent(instance.paused          ? knobs_.kick
                      : chaos_ && rebalancing_ ? 1
                                               : 0)) {
    kick(instance.member);
    return;
  }
  if (!instance.paused) {
    act(instance);
  }
}

// The worst moment: a worker is gone, or looks as if it were, while its commit is on its way.
void World::strike(std::uint64_t id) {
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    Instance& instance = *instances_[i];
    if (instance.id != id || instance.member == 0 || !members_.contains(instance.member)) {
      continue;
    }
    if (random_.percent(50)) {
      crash(i);
      return;
    }
    instance.paused = random_.percent(70);
    kick(instance.member);
    return;
  }
}

void World::advance_time() {
  ++now_;
  expire();
}

// The group

void World::join(Instance& instance) {
  instance.member = next_member_++;
  instance.mail.clear();  // what is left was for the member it is no more
  start_rebalance();
  members_[instance.member] = true;
}

void World::start_rebalance() {
  if (std::exchange(rebalancing_, true)) {
    return;
  }
  for (auto& [member, rejoined] : members_) {
    rejoined = false;
    for (auto& instance : instances_) {
      if (instance->member == member) {
        instance->mail.push_back(Mail{.kind = Mail::Kind::revoked, .assignment = {}});
      }
    }
  }
}

void World::complete_rebalance() {
  if (!std::all_of(members_.begin(), members_.end(), [](const auto& m) { return m.second; })) {
    return;
  }
  rebalancing_ = false;
  ++generation_;
  if (members_.empty()) {
    return;
  }
  std::map<int, std::vector<int>> assignments;
  std::size_t turn = random_.below(members_.size());
  for (int p = 0; p < knobs_.partitions; ++p) {
    auto member = members_.begin();
    std::advance(member, static_cast<std::ptrdiff_t>(turn++ % members_.size()));
    assignments[member->first].push_back(p);
  }
  for (auto& instance : instances_) {
    if (instance->member != 0 && members_.contains(instance->member)) {
      Assignment assignment{
          .generation = generation_, .partitions = assignments[instance->member], .read = {}};
      if (random_.percent(50)) {  // read at once, and acted upon later
        assignment.read.emplace();
        for (const int p : assignment.partitions) {
          assignment.read->push_back(entries_[static_cast<std::size_t>(p)]);
        }
      }
      instance->mail.push_back(Mail{.kind = Mail::Kind::assigned, .assignment = std::move(assignment)});
    }
  }
}

// Its session has run out. It learns that when it gets to it.
void World::kick(int member) {
  members_.erase(member);
  for (auto& instance : instances_) {
    if (instance->member == member) {
      instance->mail.push_back(Mail{.kind = Mail::Kind::lost, .assignment = {}});
    }
  }
  start_rebalance();
}

// The coordinator

void World::send(Instance& instance, const Commit& commit) {
  ++counters_.commits;
  Request request{.instance = instance.id,
                  .ask = commit.ask,
                  .kind = commit.kind,
                  .generation = instance.generation,
                  .member = instance.member,
                  .items = {},
                  .sent = now_,
                  .accepted = {}};
  if (mutated(Mutant::commits_stamped_when_sent) && !members_.contains(instance.member)) {
    request.generation = -1;  // the library has noticed that it is no member
  }
  for (const CommitItem& item : commit.items) {
    request.items.push_back(Item{.partition = instance.past[commit.epoch][item.slot.value],
                                 .entry = {.position = item.position, .metadata = item.metadata}});
  }
  for (const Item& item : request.items) {
    note("worker ", instance.id, " commits partition ", item.partition, " ", text_of(item.entry), " ask ",
         commit.ask.value, ", generation ", request.generation);
  }
  requests_.push_back(std::move(request));
}

void World::process(std::size_t index) {
  Request& request = requests_[index];
  if (request.checked) {
    apply(request);
    CommitReply answer;
    for (const CommitOutcome outcome : request.outcomes) {
      answer.items.push_back({.outcome = outcome, .error = {}});
      if (outcome == CommitOutcome::rejected) {  // it passes: the partition is tried again
        answer.items.back().error = make_error(ErrorKind::forbidden, penstock::Action::give_up, "no right");
      }
    }
    reply(request, std::move(answer));
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  const bool of_the_group = request.generation == generation_ && members_.contains(request.member);
  const bool into_an_empty_group = request.generation == -1 && members_.empty();
  const bool not_done = chaos_ && random_.percent(2);
  const bool in_progress = rebalancing_ && chaos_ && random_.percent(10);
  if (not_done || in_progress || (!of_the_group && !into_an_empty_group)) {
    CommitReply answer =
        CommitReply::alike(request.items.size(), not_done ? CommitOutcome::not_done : CommitOutcome::refused);
    answer.membership_lost = !not_done && !in_progress;
    reply(request, std::move(answer));
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  note("accepted: ask ", request.ask.value, " of member ", request.member);
  request.checked = true;
  for (const Item& item : request.items) {
    if (!chaos_ || !random_.percent(knobs_.partial)) {
      request.accepted.push_back(item);
      request.outcomes.push_back(CommitOutcome::done);
    } else if (mutated(Mutant::partial_success_taken_for_success) &&
               !(request.accepted.empty() && request.items.size() == 1)) {
      request.outcomes.push_back(CommitOutcome::done);
    } else {
      request.outcomes.push_back(random_.percent(50) ? CommitOutcome::rejected : CommitOutcome::refused);
    }
  }
}

void World::lose_reply(Request& request) {
  if (!request.reply_lost) {
    reply(request, CommitReply::alike(request.items.size(), CommitOutcome::unknown));
    request.reply_lost = true;
  }
}

void World::reply(const Request& request, CommitReply reply) {
  for (auto& instance : instances_) {
    if (instance->id == request.instance && !request.reply_lost) {
      note("worker ", instance->id, " will hear of ask ", request.ask.value, ": outcome ",
           static_cast<int>(reply.worst()));
      instance->ops.push_back(
          Op{.kind = Op::Kind::commit_answer, .ask = request.ask, .reply = std::move(reply)});
    }
  }
}

void World::apply(const Request& request) {
  for (const Item& item : request.accepted) {
    note("visible: partition ", item.partition, " ", text_of(item.entry), " of member ", request.member);
    entries_[static_cast<std::size_t>(item.partition)] = item.entry;
  }
}

// A request is processed within fence_wait of being sent or not at all.
void World::expire() {
  for (std::size_t i = requests_.size(); i-- > 0;) {
    Request& request = requests_[i];
    if (now_ < request.sent + k_fence_wait) {
      continue;
    }
    if (request.checked) {
      process(i);
      continue;
    }
    reply(request, CommitReply::alike(request.items.size(), CommitOutcome::unknown));
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// A worker's driver

void World::act(Instance& instance) {
  pump(instance);
  if (instance.member == 0) {
    join(instance);
    return;
  }
  const std::uint64_t what = random_.below(100);
  if (what < 25 && !instance.mail.empty()) {
    receive(instance);
  } else if (what < 65 && !instance.ops.empty()) {
    run_op(instance);
  } else if (what < 85) {
    read_record(instance);
  } else {
    seal(instance);
  }
  pump(instance);
}

void World::pump(Instance& instance) {
  for (;;) {
    const std::vector<Action> actions = instance.machine.next(now());
    if (actions.empty()) {
      return;
    }
    for (const Action& action : actions) {
      carry_out(instance, action);
    }
  }
}

void World::carry_out(Instance& instance, const Action& action) {
  std::visit(
      Overloaded{
          [&](const ReadEntries& a) {
            instance.ops.push_back(Op{.kind = Op::Kind::read_entries, .ask = a.ask, .ids = a.partitions});
          },
          [&](const PutTombstone& a) {
            instance.ops.push_back(Op{.kind = Op::Kind::tombstone, .ask = a.ask, .blob = a.blob});
          },
          [&](const ReadBlob& a) {
            instance.ops.push_back(Op{.kind = Op::Kind::read_blob,
                                      .ask = a.ask,
                                      .blob = a.blob,
                                      .partition = instance.partitions[a.slot.value],
                                      .range = a.range});
          },
          [&](const Start& a) {
            note("worker ", instance.id, " starts partition ", instance.partitions[a.slot.value], " at ",
                 a.position.value);
            instance.fetch[a.slot.value] = a.position.value;
          },
          [&](const Hold& a) { instance.fetch[a.slot.value].reset(); },
          [&](const StopPartition& a) {
            note("worker ", instance.id, " stops: ", a.error.message);
            instance.fetch[a.slot.value].reset();
          },
          [&](const Distrust&) {},
          [&](const Resume&) {},
          [&](const Notice&) {},
          [&](const Commit& a) { send(instance, a); },
          [&](const PutBlob& a) {
            instance.ops.push_back(Op{.kind = Op::Kind::put_blob, .batch = a.batch, .until = a.until});
          },
          [&](const AskBlob& a) { instance.ops.push_back(Op{.kind = Op::Kind::ask_blob, .batch = a.batch}); },
          [&](const Drop& a) {
            counters_.drops += a.batches.size();
            for (const BatchKey key : a.batches) {
              note("worker ", instance.id, " drops batch ", key.value);
              instance.batches.erase(key);
              std::erase_if(instance.ops, [key](const Op& op) {
                return (op.kind == Op::Kind::put_blob || op.kind == Op::Kind::ask_blob) && op.batch == key;
              });
            }
          },
          [&](const Released&) {
            note("worker ", instance.id, " releases");
            instance.fetch.clear();
            instance.partitions.clear();
            const auto member = members_.find(instance.member);
            if (member != members_.end()) {
              member->second = true;  // it joins again
            } else {
              instance.member = 0;
            }
          },
      },
      action);
}

void World::receive(Instance& instance) {
  Mail mail = std::move(instance.mail.front());
  instance.mail.erase(instance.mail.begin());
  if (mail.kind == Mail::Kind::lost) {
    note("worker ", instance.id, " learns that it is lost");
    instance.machine.lost();
    return;
  }
  if (mail.kind == Mail::Kind::revoked) {
    note("worker ", instance.id, " is asked to release");
    instance.machine.revoke(now() + std::chrono::seconds(knobs_.drain));
    return;
  }
  std::vector<AssignedPartition> partitions;
  for (std::size_t i = 0; i < mail.assignment.partitions.size(); ++i) {
    const int p = mail.assignment.partitions[i];
    partitions.push_back(AssignedPartition{
        .id = {.topic = "t", .partition = {p}},
        .entry = mail.assignment.read ? (*mail.assignment.read)[i] : entries_[static_cast<std::size_t>(p)],
        .start = Position{0},
        .pin_start = knobs_.pin});
  }
  instance.generation = mail.assignment.generation;
  instance.partitions = mail.assignment.partitions;
  instance.past[++instance.epoch] = instance.partitions;
  instance.fetch.assign(instance.partitions.size(), std::nullopt);
  for (const AssignedPartition& assigned : partitions) {
    note("worker ", instance.id, " is assigned partition ", assigned.id.partition.value, " in generation ",
         instance.generation, ", entry ", text_of(assigned.entry));
  }
  instance.machine.begin_epoch(now(), partitions);
}

// The driver's end of Publish 1 and Publish 2 (PROTOCOL.md): one batch is open at a time, of all partitions
// or of one.
void World::read_record(Instance& instance) {
  if (!instance.machine.taking() || instance.fetch.empty()) {
    return;
  }
  const std::size_t slot = random_.below(instance.fetch.size());
  auto& position = instance.fetch[slot];
  if (!position || *position >= knobs_.records) {
    return;
  }
  const int p = instance.partitions[slot];
  auto open = std::find_if(instance.batches.begin(), instance.batches.end(), [&](const auto& batch) {
    return !batch.second.sealed && (!knobs_.batch_a_partition || batch.second.blob.ranges.contains(p));
  });
  if (open == instance.batches.end()) {
    const BatchKey key{instance.next_key++};
    DriverBatch batch;
    batch.name = concat("b", instance.id, "-", key.value);
    batch.blob.attempt = batch.name;
    open = instance.batches.emplace(key, std::move(batch)).first;
  }
  Blob& blob = open->second.blob;
  const auto [range, added] = blob.ranges.try_emplace(p, Range{Position{*position}, Position{*position}});
  if (!holes_.contains({p, *position})) {
    blob.records.emplace_back(p, *position);
  }
  range->second.next = Position{++*position};
  note("worker ", instance.id, " reads partition ", p, " up to ", *position, " into batch ",
       open->first.value);
  instance.machine.extend(open->first, PartitionSlot{static_cast<std::uint32_t>(slot)}, Position{*position});
}

void World::seal(Instance& instance) {
  std::vector<BatchKey> open;
  for (const auto& [key, batch] : instance.batches) {
    if (!batch.sealed) {
      open.push_back(key);
    }
  }
  if (open.empty()) {
    return;
  }
  const BatchKey key = open[random_.below(open.size())];
  DriverBatch& batch = instance.batches.at(key);
  note("worker ", instance.id, " seals batch ", key.value);
  batch.sealed = true;
  if (batch.blob.records.empty()) {
    instance.batches.erase(key);
    instance.machine.sealed(key, {});
    return;
  }
  instance.machine.sealed(key, batch.name);
  instance.ops.push_back(Op{.kind = Op::Kind::stored, .batch = key});
}

void World::run_op(Instance& instance) {
  const std::size_t index = random_.below(instance.ops.size());
  const Op op = instance.ops[index];
  if (op.kind == Op::Kind::put_blob || op.kind == Op::Kind::ask_blob) {
    op.kind == Op::Kind::put_blob ? put_blob(instance, op) : ask_blob(instance, op);
    return;
  }
  instance.ops.erase(instance.ops.begin() + static_cast<std::ptrdiff_t>(index));
  switch (op.kind) {
    case Op::Kind::read_entries: {
      if (chaos_ && random_.percent(5)) {
        instance.machine.entries_read(now(), op.ask, Error{});
        return;
      }
      Op deliver = op;
      deliver.kind = Op::Kind::deliver_entries;
      for (const TopicPartition& id : op.ids) {
        deliver.entries.push_back(entries_[static_cast<std::size_t>(id.partition.value)]);
      }
      instance.ops.push_back(std::move(deliver));
      return;
    }
    case Op::Kind::deliver_entries:
      instance.machine.entries_read(now(), op.ask, op.entries);
      return;
    case Op::Kind::tombstone: {
      Blob tombstone;
      tombstone.tombstone = true;
      const bool created = put(op.blob, tombstone);
      if (chaos_ && random_.percent(knobs_.put_trouble / 4)) {
        instance.ops.push_back(op);  // the answer was lost: asked again
        return;
      }
      instance.machine.tombstone_put(op.ask, created ? TombstonePut::created : TombstonePut::exists);
      return;
    }
    case Op::Kind::read_blob: {
      const auto found = store_.find(op.blob);
      FoundBlob what = FoundBlob::absent;
      if (found != store_.end()) {
        const auto range = found->second.ranges.find(op.partition);
        what = found->second.tombstone                                            ? FoundBlob::tombstone
               : range != found->second.ranges.end() && range->second == op.range ? FoundBlob::claimed_range
                                                                                  : FoundBlob::other;
      }
      instance.machine.blob_read(op.ask, what);
      return;
    }
    case Op::Kind::commit_answer:
      instance.machine.commit_answered(now(), op.ask, op.reply);
      return;
    case Op::Kind::stored:
      instance.machine.stored(op.batch);
      return;
    case Op::Kind::put_blob:
    case Op::Kind::ask_blob:
      return;
  }
}

// PROTOCOL.md, Publish 5: until the outcome is known.
void World::put_blob(Instance& instance, const Op& op) {
  const auto batch = instance.batches.find(op.batch);
  if (batch == instance.batches.end()) {
    return;
  }
  if (now() > op.until) {
    const BatchKey late = op.batch;
    std::erase_if(instance.ops,
                  [late](const Op& o) { return o.kind == Op::Kind::put_blob && o.batch == late; });
    instance.machine.put_is_late(late);
    return;
  }
  if (chaos_ && random_.percent(knobs_.put_trouble)) {
    if (random_.percent(50)) {
      put(batch->second.name, batch->second.blob);  // it took effect, and nobody knows
    }
    return;
  }
  const bool created = put(batch->second.name, batch->second.blob);
  const Blob& there = store_[batch->second.name];
  const bool ours = created || there.attempt == batch->second.blob.attempt;
  const BatchKey key = op.batch;
  std::erase_if(instance.ops, [key](const Op& o) { return o.kind == Op::Kind::put_blob && o.batch == key; });
  if (ours) {
    instance.batches.erase(batch);
  }
  instance.machine.blob_committed(key, ours ? BlobOutcome::published : BlobOutcome::dead);
}

void World::ask_blob(Instance& instance, const Op& op) {
  const BatchKey key = op.batch;
  std::erase_if(instance.ops, [key](const Op& o) { return o.kind == Op::Kind::ask_blob && o.batch == key; });
  const auto batch = instance.batches.find(key);
  if (batch == instance.batches.end()) {
    return;
  }
  const auto there = store_.find(batch->second.name);
  const bool ours = there != store_.end() && there->second.attempt == batch->second.blob.attempt;
  if (ours) {
    instance.batches.erase(batch);
  }
  instance.machine.blob_committed(key, ours ? BlobOutcome::published : BlobOutcome::dead);
}

// Somebody deletes an old empty file, whose claim is in no entry and on no way there any more.
void World::tidy() {
  for (auto blob = store_.begin(); blob != store_.end(); ++blob) {
    const auto names_it = [&](const GroupEntry& entry) {
      return entry.metadata.ends_with(";" + blob->first);
    };
    if (!blob->second.tombstone || now_ - blob->second.made <= 2 * k_fence_wait ||
        std::ranges::any_of(entries_, [&](const auto& entry) { return entry && names_it(*entry); }) ||
        std::ranges::any_of(requests_,
                            [&](const Request& request) {
                              return std::ranges::any_of(
                                  request.items, [&](const Item& item) { return names_it(item.entry); });
                            }) ||
        std::ranges::any_of(stray_puts_, [&](const auto& stray) { return stray.first == blob->first; })) {
      continue;
    }
    note("tidied: ", blob->first);
    store_.erase(blob);
    return;
  }
}

void World::crash(std::size_t index) {
  Instance& instance = *instances_[index];
  for (const Op& op : instance.ops) {
    const auto batch = instance.batches.find(op.batch);
    if (op.kind == Op::Kind::put_blob && batch != instance.batches.end() && now() <= op.until &&
        random_.percent(50)) {
      stray_puts_.emplace_back(batch->second.name, batch->second.blob);
    }
  }
  note("worker ", instance.id, " crashes");
  const int member = instance.member;
  instances_[index] = fresh();
  if (member != 0 && members_.contains(member)) {
    kick(member);
  }
}

// The store

bool World::put(const std::string& name, const Blob& blob) {
  const auto there = store_.find(name);
  if (there != store_.end()) {
    if (!mutated(Mutant::unconditional_put)) {
      return false;
    }
    count(there->second, -1);
  }
  note(blob.tombstone ? "tombstone " : "blob ", name);
  store_[name] = blob;
  store_[name].made = now_;
  ++(blob.tombstone ? counters_.tombstones : counters_.blobs);
  count(blob, 1);
  return true;
}

void World::count(const Blob& blob, int by) {
  for (const auto& record : blob.records) {
    int& times = published_[record];
    times += by;
    if (times > 1) {
      verdict_.doubled = true;
      verdict_.what = concat("partition ", record.first, ", offset ", record.second, " is in two blobs");
    }
  }
}

}  // namespace penstock::ledger::model
