#include "appliance/registry_columns.h"

#include <chrono>
#include <optional>
#include <utility>

#include "appliance/wiring_registry.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/schema_outcome.h"
#include "codec/table_growth.h"
#include "io/loop.h"

namespace penstock::appliance {

std::string_view why_no_subjects(registry::Api api) {
  return api == registry::Api::azure ? "Azure's schemas have a group and a name that no topic tells" : "";
}

struct RegistryQuestions::Parts {
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<registry::Asker> asker;  // behind its loop
};

RegistryQuestions::RegistryQuestions(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RegistryQuestions::~RegistryQuestions() = default;

Result<std::unique_ptr<RegistryQuestions>> RegistryQuestions::create(const config::Settings& settings) {
  Result<registry::Options> options = registry_options(settings);
  if (!options.ok()) {
    return std::move(options).error();
  }
  Result<std::unique_ptr<io::Loop>> loop =
      io::make_loop(io::LoopOptions{.choice = io::Choice::portable}, system_clock());
  if (!loop.ok()) {
    return std::move(loop).error();
  }
  auto parts = std::make_unique<Parts>();
  parts->loop = std::move(loop).value();
  Result<std::unique_ptr<registry::Asker>> asker =
      registry::Asker::create(std::move(options).value(), *parts->loop);
  if (!asker.ok()) {
    return std::move(asker).error();
  }
  parts->asker = std::move(asker).value();
  return std::unique_ptr<RegistryQuestions>(new RegistryQuestions(std::move(parts)));
}

Result<registry::Verdict> RegistryQuestions::ask(const Ask& ask) {
  auto verdict = std::make_shared<std::optional<registry::Verdict>>();
  ask(*parts_->asker, [verdict](registry::Verdict answer) { *verdict = std::move(answer); });
  const MonoTime deadline = system_clock().now() + registry::k_request_timeout;
  while (!*verdict && system_clock().now() < deadline) {
    parts_->loop->run_once(std::chrono::milliseconds(100));
  }
  if (!*verdict) {
    return make_error(ErrorKind::timed_out, Action::retry,
                      concat("the registry ", parts_->asker->options().url, " did not answer in time"));
  }
  return *std::move(*verdict);
}

Result<codec::Table> RegistryQuestions::columns_of(const std::string& topic, config::Columns columns) {
  if (away_) {
    return *away_;
  }
  Result<codec::Table> table = table_of(topic, columns);
  if (!table.ok() && table.error().action == Action::retry) {
    away_ = table.error();
  }
  return table;
}

Result<codec::Table> RegistryQuestions::table_of(const std::string& topic, config::Columns columns) {
  const registry::Options& options = parts_->asker->options();
  if (const std::string_view why = why_no_subjects(options.api); !why.empty()) {
    return make_error(ErrorKind::unsupported, Action::give_up, std::string(why));
  }
  Result<registry::Verdict> verdict =
      ask([&topic](registry::Asker& asker, auto done) { asker.ask_latest(topic, std::move(done)); });
  if (!verdict.ok()) {
    return std::move(verdict).error();
  }
  const std::string schema = concat("the latest schema of ", registry::subject_of(topic));
  switch (verdict->outcome) {
    case SchemaOutcome::found:
      break;
    case SchemaOutcome::unknown:
      return make_error(ErrorKind::not_found, Action::give_up,
                        concat("the registry has nothing by the name ", registry::subject_of(topic),
                               ": there is no schema yet, or the serializers name them in another way"));
    case SchemaOutcome::unusable:
      return make_error(ErrorKind::invalid_input, Action::give_up, concat(schema, " ", verdict->message));
    case SchemaOutcome::refused:  // perhaps of this subject alone
      return make_error(ErrorKind::forbidden, Action::give_up, verdict->message);
    case SchemaOutcome::unavailable:
      return make_error(ErrorKind::unavailable, Action::retry, verdict->message);
  }
  const std::string record =
      columns == config::Columns::records ? verdict->schema->record_name() : std::string();
  Result<codec::Table> table = verdict->schema->table(record);
  if (!table.ok()) {
    return make_error(ErrorKind::invalid_input, Action::give_up,
                      concat(schema, " makes no columns: it ", table.error().message));
  }
  return codec::grown({}, *table, record);
}

}  // namespace penstock::appliance
