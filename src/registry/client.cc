#include "registry/client.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/concat.h"

namespace penstock::registry {

Result<std::unique_ptr<Client>> Client::create(Options options, std::function<std::uint64_t()> random,
                                               io::Loop& loop, const Clock& clock) {
  Result<std::unique_ptr<Asker>> asker = Asker::create(std::move(options), loop);
  if (!asker.ok()) {
    return std::move(asker).error();
  }
  return std::unique_ptr<Client>(new Client(std::move(asker).value(), std::move(random), loop, clock));
}

Client::Client(std::unique_ptr<Asker> asker, std::function<std::uint64_t()> random, io::Loop& loop,
               const Clock& clock)
    : loop_(loop),
      clock_(clock),
      random_(std::move(random)),
      lookup_({.place = concat("the registry ", asker->options().url),
               .patience = asker->options().patience,
               .schemas_bytes_max = asker->options().schemas_bytes_max}),
      asker_(std::move(asker)) {}

Client::~Client() {
  loop_.cancel_timer(timer_);
}

format::SchemaAnswer Client::find(std::string_view topic, const codec::SchemaId& id) {
  const MonoTime now = clock_.now();
  format::SchemaAnswer answer = lookup_.find(topic, id, now);
  if (answer.state != format::SchemaAnswer::State::known && lookup_.due().value_or(MonoTime::max()) <= now) {
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

void Client::go_on() {
  while (const std::optional<codec::SchemaId> id = lookup_.to_ask(clock_.now())) {
    asker_->ask(*id, [this, id = *id](Verdict verdict) {
      constexpr auto k_most = static_cast<double>(std::numeric_limits<std::uint64_t>::max());
      lookup_.answered(id, std::move(verdict), clock_.now(), static_cast<double>(random_()) / k_most);
      go_on();
    });
  }
  loop_.cancel_timer(std::exchange(timer_, io::TimerId::none));
  if (const std::optional<MonoTime> due = lookup_.due()) {
    timer_ = loop_.start_timer(std::max(*due - clock_.now(), Duration::zero()), [this] {
      timer_ = io::TimerId::none;
      go_on();
    });
  }
}

}  // namespace penstock::registry
