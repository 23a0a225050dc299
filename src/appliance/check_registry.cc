#include "appliance/check_registry.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "appliance/registry_columns.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "base/schema_outcome.h"
#include "codec/table_rules.h"
#include "registry/asker.h"

namespace penstock::appliance {
namespace {

constexpr const char* k_name = "registry";

// Topics of which the columns are asked for: each is a round trip.
constexpr std::size_t k_topics_max = 20;

// The columns that the topic's values make now. That they cannot be told says nothing against the topic.
CheckRow columns_row(RegistryQuestions& questions, const std::string& topic, config::Columns columns) {
  const Result<RegistryColumns> made = questions.columns_of(topic, columns);
  if (!made.ok()) {
    return {.name = k_name,
            .severity = CheckSeverity::not_tried,
            .text = concat("no columns of ", topic, ": ", made.error().message)};
  }
  const std::size_t count = codec::leaf_count(made->table);
  std::string without;
  if (!made->left_out.empty()) {
    const codec::LeftOut& first = made->left_out.front();
    without = concat("; fields that are in _rescued alone: ", made->left_out.size(),
                     ", of which the first is ", json_string(first.name), ", as the schema ", first.why);
  }
  return {.name = k_name,
          .severity = CheckSeverity::ok,
          .text = concat("the versions of ", registry::subject_of(topic), " make ", count,
                         count == 1 ? " column" : " columns", "; `penstock schema` shows them", without)};
}

void add_columns(const config::Settings& settings, RegistryQuestions& questions,
                 std::vector<CheckRow>& rows) {
  std::size_t asked = 0;
  for (const std::string& topic : settings.source.topics) {
    if (questions.is_away()) {
      return;
    }
    const config::BatchSettings& batch = settings.batch_for(topic);
    if (batch.format == config::Format::parquet && batch.schema_by_id && asked++ < k_topics_max) {
      rows.push_back(columns_row(questions, topic, batch.columns));
    }
  }
}

}  // namespace

std::vector<CheckRow> check_registry(const config::Settings& settings) {
  if (!config::uses_registry(settings)) {
    return {};
  }
  const auto questions = RegistryQuestions::create(settings);
  const Result<registry::Verdict> verdict =
      questions.ok() ? (*questions)->ask([](registry::Asker& asker, auto done) {
        asker.ask(registry::no_schema_of(asker.options().api), std::move(done));
      })
                     : Result<registry::Verdict>(questions.error());
  if (!verdict.ok()) {
    return {{.name = k_name, .severity = CheckSeverity::fault, .text = verdict.error().message}};
  }
  if (verdict->outcome == SchemaOutcome::refused || verdict->outcome == SchemaOutcome::unavailable) {
    return {{.name = k_name, .severity = CheckSeverity::fault, .text = verdict->message}};
  }
  std::vector<CheckRow> rows{{.name = k_name,
                              .severity = CheckSeverity::ok,
                              .text = concat(config::registry_url(settings), " answers, and lets us read")}};
  add_columns(settings, **questions, rows);
  return rows;
}

}  // namespace penstock::appliance
