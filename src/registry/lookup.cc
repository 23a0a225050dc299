// How it works. Each id that was looked for has an entry, which is in one of three states:
//
//              found, unusable
//    waits ──────────────────────► known, or none for good
//      │ ▲  unknown: again after 1 s, 2 s ... 30 s
//      └─┘  no answer, or refused: again after 0.5 s, 1 s ... 30 s, without an end
//      │
//      │  unknown, and a topic that waits for it has waited for `patience`
//      ▼
//    none ── found ──► known     looked for again: asked again, at most once a minute
//
// The worked case has a patience of 10 minutes. The producers of topic "orders" have begun to write with
// schema 8, and the replica of the registry that we ask does not have it yet:
//
//   10:00:00  find("orders", 8) answers `waits`, and to_ask() gives 8
//   10:00:00  the registry does not know it; "orders" waits since then
//   10:00:01  asked again: found. "orders" is not among waiting() any more, and find() answers `known`
//
// Were 8 no schema at all, the topic would be given up on it at 10:10:00, with the answer that comes then.
// From then to 10:20:00 its next unknown ids are given up with their first answer.
//
// A decision is made only by an answer. So while the registry is away nothing is given up, and the time that
// it was away counts as waited only once it says again that it does not know the id.
#include "registry/lookup.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "registry/pause.h"

namespace penstock::registry {
namespace {

using format::SchemaAnswer;

constexpr Duration k_first_pause_of_unknown = std::chrono::seconds(1);
constexpr Duration k_shortest_pause = std::chrono::milliseconds(50);
// Between two requests for an id that was given up.
constexpr Duration k_between_looks_at_unknown = std::chrono::seconds(60);
constexpr MonoTime k_never = MonoTime::max();

constexpr std::size_t k_compiled_bytes_per_letter = 4;

}  // namespace

SchemaAnswer Lookup::find(std::string_view topic, const codec::SchemaId& id, MonoTime now) {
  const auto [at, is_new] = entries_.try_emplace(id);
  Entry& entry = at->second;
  entry.used = now;
  if (is_new) {
    begin(at, now);
  }
  entry.fresh = false;
  if (entry.state == State::known) {
    compile(id, entry);
    return {.state = State::known, .schema = entry.schema};
  }
  if (entry.state == State::none) {
    if (entry.due <= now) {
      open_.insert(id);
    }
    return {.state = State::none, .fault = entry.fault};
  }
  if (!entry.topics.contains(topic)) {
    entry.topics.emplace(topic);
    const bool begins =
        waiting_.try_emplace(std::string(topic), format::SchemaWait{.since = now, .reason = entry.reason})
            .second;
    waits_ += begins ? 1 : 0;
  }
  return {.state = State::waits};
}

// Of a topic that has waited for what the registry does not know the ids may be none at all.
void Lookup::ask_ahead(std::string_view topic, const codec::SchemaId& id, MonoTime now) {
  const auto waited = waited_.find(topic);
  if (waited != waited_.end() && (waited->second.since || now < waited->second.no_more_until)) {
    return;
  }
  const auto [at, is_new] = entries_.try_emplace(id);
  if (is_new) {
    begin(at, now);
  }
}

void Lookup::begin(Entries::iterator at, MonoTime now) {
  at->second.due = now;
  at->second.used = now;
  at->second.reason = concat("schema ", to_string(at->first), " is asked for at ", options_.place);
  open_.insert(at->first);
}

std::optional<codec::SchemaId> Lookup::to_ask(MonoTime now) {
  if (on_their_way_ >= (fails_ ? 1 : k_requests_max)) {
    return std::nullopt;
  }
  Entry* first = nullptr;
  const codec::SchemaId* first_id = nullptr;
  for (const codec::SchemaId& id : open_) {
    Entry& entry = entries_.at(id);
    if (!entry.on_its_way && entry.due <= now && (first == nullptr || entry.due < first->due)) {
      first = &entry;
      first_id = &id;
    }
  }
  if (first == nullptr) {
    return std::nullopt;
  }
  first->on_its_way = true;
  ++on_their_way_;
  return *first_id;
}

std::optional<MonoTime> Lookup::due() const {
  std::optional<MonoTime> earliest;
  if (on_their_way_ >= (fails_ ? 1 : k_requests_max)) {
    return earliest;
  }
  for (const codec::SchemaId& id : open_) {
    const Entry& entry = entries_.at(id);
    if (!entry.on_its_way && (!earliest || entry.due < *earliest)) {
      earliest = entry.due;
    }
  }
  return earliest;
}

void Lookup::answered(const codec::SchemaId& id, Verdict verdict, MonoTime now, double spread) {
  const auto at = entries_.find(id);
  CHECK((at != entries_.end()));
  Entry& entry = at->second;
  CHECK(entry.on_its_way);
  entry.on_its_way = false;
  --on_their_way_;
  ++requests_.at(static_cast<std::size_t>(verdict.outcome));
  ++entry.tries;
  fails_ = verdict.outcome == SchemaOutcome::refused || verdict.outcome == SchemaOutcome::unavailable;
  if (verdict.outcome == SchemaOutcome::found || verdict.outcome == SchemaOutcome::unusable) {
    keep(at, verdict, now);
    return;
  }
  if (entry.state == State::none) {
    entry.due = now + k_between_looks_at_unknown;
    open_.erase(id);
    return;
  }
  if (entry.topics.empty()) {  // nobody waits for it any more
    open_.erase(id);
    entries_.erase(at);
    return;
  }
  if (verdict.outcome == SchemaOutcome::unknown) {
    after_unknown(at, now, spread);
    return;
  }
  const Duration asked = verdict.retry_after ? Duration(*verdict.retry_after) : Duration::zero();
  entry.due = now + std::max(pause_after(k_first_pause, entry.tries, spread), asked);
  say(entry, concat("schema ", to_string(id), " cannot be had: ", verdict.message));
}

void Lookup::after_unknown(Entries::iterator at, MonoTime now, double spread) {
  Entry& entry = at->second;
  const std::string name = to_string(at->first);
  Duration pause = pause_after(k_first_pause_of_unknown, entry.tries, spread);
  bool is_given_up = false;
  for (const std::string& topic : entry.topics) {
    Waited& waited = waited_[topic];
    if (now < waited.no_more_until) {
      is_given_up = true;
      continue;
    }
    waited.since = waited.since.value_or(now);
    const Duration left = *waited.since + options_.patience - now;
    if (left <= Duration::zero()) {
      waited.no_more_until = now + options_.patience;
      is_given_up = true;
    }
    pause = std::min(pause, std::max(left, k_shortest_pause));
  }
  if (is_given_up) {
    entry.state = State::none;
    entry.fault = format::schema_fault(concat("schema-unknown: the registry has no schema ", name));
    entry.due = now + k_between_looks_at_unknown;
    decided(at, k_entry_bytes, now);
    return;
  }
  entry.due = now + pause;
  say(entry, concat("schema ", name, " is not known to ", options_.place, " yet"));
}

// For as long as there is room.
void Lookup::keep(Entries::iterator at, Verdict& verdict, MonoTime now) {
  Entry& entry = at->second;
  std::size_t bytes = k_entry_bytes;
  if (verdict.outcome == SchemaOutcome::found) {
    entry.state = State::known;
    bytes += verdict.schema->written().size();
    entry.schema = std::move(verdict.schema);
    entry.fault.clear();
  } else {
    entry.state = State::none;
    entry.fault =
        format::schema_fault(concat("schema-unusable: schema ", to_string(at->first), " ", verdict.message));
    entry.due = k_never;
  }
  decided(at, bytes, now);
}

void Lookup::decided(Entries::iterator at, std::size_t bytes, MonoTime now) {
  Entry& entry = at->second;
  bytes_ += bytes - entry.bytes;
  entry.bytes = bytes;
  entry.came = ++came_;
  entry.used = now;
  entry.fresh = !entry.topics.empty();
  settle(at);
  evict(now);
}

// It is decided: whoever waits for it alone goes on.
void Lookup::settle(Entries::iterator at) {
  open_.erase(at->first);
  for (const std::string& topic : std::exchange(at->second.topics, {})) {
    const bool waits_on = std::any_of(open_.begin(), open_.end(), [&](const codec::SchemaId& id) {
      return entries_.at(id).topics.contains(topic);
    });
    if (!waits_on) {
      waiting_.erase(topic);
      waited_[topic].since.reset();
    }
  }
}

void Lookup::say(Entry& entry, std::string reason) {
  entry.reason = std::move(reason);
  for (const std::string& topic : entry.topics) {
    waiting_.at(topic).reason = entry.reason;
  }
}

void Lookup::forget_waits() {
  waiting_.clear();
  for (auto& [id, entry] : entries_) {
    entry.fresh = false;
  }
  for (auto& [topic, waited] : waited_) {
    waited.since.reset();
  }
  for (auto id = open_.begin(); id != open_.end();) {
    const auto at = entries_.find(*id);
    at->second.topics.clear();
    if (at->second.state == State::waits && !at->second.on_its_way) {
      entries_.erase(at);
      id = open_.erase(id);
    } else {
      ++id;
    }
  }
}

// It is looked for, so that it is needed now.
void Lookup::compile(const codec::SchemaId& id, Entry& entry) {
  if (entry.is_compiled) {
    compiled_.splice(compiled_.end(), compiled_, entry.compiled);
    return;
  }
  if (!entry.schema->is_avro()) {
    return;
  }
  const std::size_t bytes = k_compiled_bytes_per_letter * entry.schema->written().size();
  entry.compiled =
      compiled_.insert(compiled_.end(), Compiled{.id = id, .avro = entry.schema->avro(), .bytes = bytes});
  entry.is_compiled = true;
  compiled_bytes_ += bytes;
  while (compiled_bytes_ > k_compiled_bytes_max && compiled_.size() > 1) {
    drop_compiled(entries_.at(compiled_.front().id));
  }
}

void Lookup::drop_compiled(Entry& entry) {
  if (entry.is_compiled) {
    compiled_bytes_ -= entry.compiled->bytes;
    compiled_.erase(entry.compiled);
    entry.is_compiled = false;
  }
}

// What nobody waits for, and no open file has: that would free nothing. First what is no schema.
void Lookup::evict(MonoTime now) {
  while (bytes_ > options_.schemas_bytes_max) {
    auto chosen = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      const Entry& entry = at->second;
      if (entry.bytes == 0 || entry.on_its_way || entry.fresh || entry.schema.use_count() > 1) {
        continue;
      }
      const bool goes_first = !entry.schema || now - entry.used >= k_stale;
      if (goes_first || chosen == entries_.end() || entry.came > chosen->second.came) {
        chosen = at;
      }
      if (goes_first) {
        break;
      }
    }
    if (chosen == entries_.end()) {
      return;
    }
    bytes_ -= chosen->second.bytes;
    drop_compiled(chosen->second);
    open_.erase(chosen->first);
    entries_.erase(chosen);
    ++evicted_;
  }
}

}  // namespace penstock::registry
