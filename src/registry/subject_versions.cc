// How it works. A topic is *open* while something is asked for it, one thing at a time. For example, the
// registry has the versions 1, 2 and 3 of `orders-value`, and the first record that is read is of version 3,
// whose id is 9:
//
//   has("orders", 9)          false, the topic is open, and to_ask() gives: which versions?
//   answered [1,2,3]          1, 2 and 3 are left, and to_ask() gives 1
//   answered 1, 2, 3          each goes into the table of the topic; nothing is left
//   has("orders", 9)          true, from here on
//
// Then a producer registers version 4, with id 11. has("orders", 11) is false, and once more it is asked
// which versions there are. Only 4 is left, as the table says which was its last. That table is of all
// workers, so what one of them has taken no other one asks for. Two that ask at one time take the same
// versions in the same order, and the second time nothing changes.
//
// An id that comes while a topic is open may be newer than the list that was asked for. Its turn is next.
#include "registry/subject_versions.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/concat.h"
#include "registry/options.h"
#include "registry/pause.h"

namespace penstock::registry {

bool SubjectVersions::has(std::string_view topic, const codec::SchemaId& id, MonoTime now) {
  if (!options_.columns) {
    return true;
  }
  auto at = topics_.find(topic);
  if (at == topics_.end()) {
    at = topics_.emplace(topic, Topic{.columns = options_.columns(std::string(topic))}).first;
  }
  Topic& known = at->second;
  if (known.columns.table == nullptr || known.ids.contains(id) || known.ids.size() >= k_ids_max) {
    return true;
  }
  if (now < known.no_more_until) {
    known.ids.insert(id);
    return true;
  }
  if (!known.asked.contains(id)) {
    known.coming.insert(id);
  }
  if (!known.is_open) {
    known.is_open = true;
    known.since = now;
    known.due = now;
    known.tries = 0;
    known.asked.swap(known.coming);
  }
  if (!waiting_.contains(topic)) {
    waiting_.emplace(topic, format::SchemaWait{.since = now,
                                               .reason = concat("the versions of ", subject_of(topic),
                                                                " are asked for at ", options_.place)});
  }
  return false;
}

bool SubjectVersions::is_free() const {
  return on_their_way_ < (fails_ ? 1 : k_requests_max);
}

std::optional<SubjectVersions::Question> SubjectVersions::to_ask(MonoTime now) {
  auto first = topics_.end();
  for (auto at = topics_.begin(); at != topics_.end() && is_free(); ++at) {
    const Topic& topic = at->second;
    if (topic.is_open && !topic.on_its_way && topic.due <= now &&
        (first == topics_.end() || topic.due < first->second.due)) {
      first = at;
    }
  }
  if (first == topics_.end()) {
    return std::nullopt;
  }
  Topic& topic = first->second;
  topic.on_its_way = true;
  ++on_their_way_;
  return Question{.topic = first->first,
                  .version = topic.left.empty() ? std::nullopt : std::optional(topic.left.front())};
}

std::optional<MonoTime> SubjectVersions::due() const {
  std::optional<MonoTime> earliest;
  for (auto at = topics_.begin(); at != topics_.end() && is_free(); ++at) {
    const Topic& topic = at->second;
    if (topic.is_open && !topic.on_its_way && (!earliest || topic.due < *earliest)) {
      earliest = topic.due;
    }
  }
  return earliest;
}

void SubjectVersions::answered(const Question& question, Verdict verdict, MonoTime now, double spread) {
  Topic& topic = topics_.at(question.topic);
  CHECK(topic.on_its_way);
  topic.on_its_way = false;
  --on_their_way_;
  const bool has_answer = verdict.outcome == SchemaOutcome::found ||
                          verdict.outcome == SchemaOutcome::unusable ||
                          verdict.outcome == SchemaOutcome::unknown || verdict.is_forbidden;
  fails_ = !has_answer;
  if (!has_answer) {
    ++topic.tries;
    const Duration asked = verdict.retry_after ? Duration(*verdict.retry_after) : Duration::zero();
    topic.due = now + std::max(pause_after(k_first_pause, topic.tries, spread), asked);
    if (now - topic.since >= options_.patience) {
      topic.no_more_until = now + options_.patience;
      topic.asked.merge(topic.coming);
      end(question.topic, topic);
    } else if (const auto waits = waiting_.find(question.topic); waits != waiting_.end()) {
      waits->second.reason =
          concat("the versions of ", subject_of(question.topic), " cannot be had: ", verdict.message);
    }
    return;
  }
  topic.tries = 0;
  if (question.version) {
    topic.columns.table->take_version(*question.version, verdict.schema.get(), topic.columns.by_record);
    topic.left.pop_front();
  } else {
    verdict.versions.resize(std::min(verdict.versions.size(), k_versions_max));
    const std::uint64_t last = topic.columns.table->last_version();
    std::erase_if(verdict.versions, [last](std::uint64_t version) { return version <= last; });
    topic.left.assign(verdict.versions.begin(), verdict.versions.end());
  }
  go_on(question.topic, topic, now);
}

// Something was answered.
void SubjectVersions::go_on(const std::string& name, Topic& topic, MonoTime now) {
  topic.due = now;
  if (!topic.left.empty()) {
    return;
  }
  topic.ids.merge(topic.asked);
  topic.asked.swap(topic.coming);
  topic.coming.clear();
  if (topic.asked.empty()) {
    end(name, topic);
  }
}

void SubjectVersions::end(const std::string& name, Topic& topic) {
  topic.ids.merge(topic.asked);
  topic.asked.clear();
  topic.coming.clear();
  topic.left.clear();
  topic.is_open = false;
  if (const auto waits = waiting_.find(name); waits != waiting_.end()) {
    waiting_.erase(waits);
  }
}

}  // namespace penstock::registry
