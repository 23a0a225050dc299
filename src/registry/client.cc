#include "registry/client.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::registry {

Result<std::unique_ptr<Client>> Client::create(Options options, std::function<std::uint64_t()> random,
                                               io::Loop& loop, const Clock& clock, ColumnsOfTopic columns) {
  Result<std::unique_ptr<Asker>> asker = Asker::create(std::move(options), loop);
  if (!asker.ok()) {
    return std::move(asker).error();
  }
  return std::unique_ptr<Client>(
      new Client(std::move(asker).value(), std::move(random), loop, clock, std::move(columns)));
}

Client::Client(std::unique_ptr<Asker> asker, std::function<std::uint64_t()> random, io::Loop& loop,
               const Clock& clock, ColumnsOfTopic columns)
    : loop_(loop),
      clock_(clock),
      random_(std::move(random)),
      lookup_({.place = concat("the registry ", asker->options().url),
               .patience = asker->options().patience,
               .schemas_bytes_max = asker->options().schemas_bytes_max}),
      versions_({.place = concat("the registry ", asker->options().url),
                 .patience = asker->options().patience,
                 .columns = has_subjects(asker->options().api) ? std::move(columns) : ColumnsOfTopic()}),
      asker_(std::move(asker)) {}

Client::~Client() {
  loop_.cancel_timer(timer_);
}

format::SchemaAnswer Client::find(std::string_view topic, const codec::SchemaId& id) {
  const MonoTime now = clock_.now();
  format::SchemaAnswer answer = lookup_.find(topic, id, now);
  if (answer.state == format::SchemaAnswer::State::known) {
    if (versions_.has(topic, id, now)) {
      return answer;
    }
    answer = {.state = format::SchemaAnswer::State::waits};
  }
  if (std::min(lookup_.due().value_or(MonoTime::max()), versions_.due().value_or(MonoTime::max())) <= now) {
    go_on();
  }
  return answer;
}

void Client::ask_ahead(std::string_view topic, const codec::SchemaId& id) {
  const MonoTime now = clock_.now();
  lookup_.ask_ahead(topic, id, now);
  if (lookup_.due().value_or(MonoTime::max()) <= now) {
    go_on();
  }
}

const std::map<std::string, format::SchemaWait, std::less<>>& Client::waiting() {
  if (versions_.waiting().empty()) {
    return lookup_.waiting();
  }
  waiting_ = versions_.waiting();
  waiting_.insert(lookup_.waiting().begin(), lookup_.waiting().end());
  return waiting_;
}

void Client::forget_waits() {
  lookup_.forget_waits();
  versions_.forget_waits();
}

double Client::spread() {
  constexpr auto k_most = static_cast<double>(std::numeric_limits<std::uint64_t>::max());
  return static_cast<double>(random_()) / k_most;
}

void Client::ask_for_versions() {
  while (std::optional<SubjectVersions::Question> question = versions_.to_ask(clock_.now())) {
    auto answered = [this, question = *question](Verdict verdict) {
      versions_.answered(question, std::move(verdict), clock_.now(), spread());
      go_on();
    };
    if (question->version) {
      asker_->ask_version(question->topic, *question->version, std::move(answered));
    } else {
      asker_->ask_versions(question->topic, std::move(answered));
    }
  }
}

void Client::go_on() {
  while (const std::optional<codec::SchemaId> id = lookup_.to_ask(clock_.now())) {
    asker_->ask(*id, [this, id = *id](Verdict verdict) {
      lookup_.answered(id, std::move(verdict), clock_.now(), spread());
      go_on();
    });
  }
  ask_for_versions();
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
  std::optional<MonoTime> due = lookup_.due();
  if (const std::optional<MonoTime> other = versions_.due()) {
    due = std::min(due.value_or(*other), *other);
  }
  if (due) {
    timer_ = loop_.start_timer(std::max(*due - clock_.now(), Duration::zero()), [this] {
      timer_ = io::TimerId::none;
      go_on();
    });
  }
}

}  // namespace penstock::registry
