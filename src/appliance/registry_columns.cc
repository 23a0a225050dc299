#include "appliance/registry_columns.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "appliance/wiring_registry.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/schema_outcome.h"
#include "codec/table_growth.h"
#include "format/topic_table.h"
#include "io/loop.h"
#include "registry/subject_versions.h"

namespace penstock::appliance {

std::string_view why_no_subjects(registry::Api api) {
  return api == registry::Api::azure ? "Azure's schemas have a group and a name that no topic tells" : "";
}

namespace {

Result<void> add_version(const codec::RegisteredSchema& schema, config::Columns columns,
                         RegistryColumns& made) {
  const std::string record = columns == config::Columns::records ? schema.record_name() : std::string();
  std::vector<codec::LeftOut> left_out;
  const Result<codec::Table> written = format::columns_of_version(schema, record, &left_out);
  if (!written.ok()) {
    return written.error();
  }
  made.table = codec::grown(made.table, *written, record);
  for (codec::LeftOut& each : left_out) {
    if (std::ranges::find(made.left_out, each.name, &codec::LeftOut::name) == made.left_out.end()) {
      made.left_out.push_back(std::move(each));
    }
  }
  return {};
}

}  // namespace

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

Result<RegistryColumns> RegistryQuestions::columns_of(const std::string& topic, config::Columns columns) {
  if (away_) {
    return *away_;
  }
  Result<RegistryColumns> table = table_of(topic, columns);
  if (!table.ok() && table.error().action == Action::retry) {
    away_ = table.error();
  }
  return table;
}

// As the service takes them: registry/subject_versions.h.
Result<RegistryColumns> RegistryQuestions::table_of(const std::string& topic, config::Columns columns) {
  const registry::Options& options = parts_->asker->options();
  if (const std::string_view why = why_no_subjects(options.api); !why.empty()) {
    return make_error(ErrorKind::unsupported, Action::give_up, std::string(why));
  }
  Result<registry::Verdict> listed =
      found([&topic](registry::Asker& asker, auto done) { asker.ask_versions(topic, std::move(done)); });
  if (!listed.ok()) {
    return std::move(listed).error();
  }
  if (listed->outcome != SchemaOutcome::found) {
    return make_error(ErrorKind::not_found, Action::give_up,
                      concat("the registry has nothing by the name ", registry::subject_of(topic),
                             ": there is no schema yet, or the serializers name them in another way"));
  }
  listed->versions.resize(std::min(listed->versions.size(), registry::SubjectVersions::k_versions_max));
  RegistryColumns made;
  std::string fault = "has been deleted";  // of the last one
  for (const std::uint64_t version : listed->versions) {
    Result<registry::Verdict> verdict = found([&topic, version](registry::Asker& asker, auto done) {
      asker.ask_version(topic, version, std::move(done));
    });
    if (!verdict.ok()) {
      return std::move(verdict).error();
    }
    if (verdict->outcome != SchemaOutcome::found) {
      fault = verdict->message.empty() ? fault : verdict->message;
    } else if (const Result<void> added = add_version(*verdict->schema, columns, made); !added.ok()) {
      fault = concat("makes no columns: it ", added.error().message);
    }
  }
  if (made.table.fields.empty()) {
    return make_error(ErrorKind::invalid_input, Action::give_up,
                      concat("the latest schema of ", registry::subject_of(topic), " ", fault));
  }
  return made;
}

// Found, unknown or unusable.
Result<registry::Verdict> RegistryQuestions::found(const Ask& question) {
  Result<registry::Verdict> verdict = ask(question);
  if (verdict.ok() && verdict->outcome == SchemaOutcome::refused) {  // perhaps of this subject alone
    return make_error(ErrorKind::forbidden, Action::give_up, verdict->message);
  }
  if (verdict.ok() && verdict->outcome == SchemaOutcome::unavailable) {
    return make_error(ErrorKind::unavailable, Action::retry, verdict->message);
  }
  return verdict;
}

}  // namespace penstock::appliance
