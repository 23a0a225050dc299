// `penstock schema`: the columns that files have, from the configuration or from a schema by itself.
//
// How it works
//
// What is asked for becomes a list of Columns, which is printed in one of three ways. For example a
// configuration of the topics `orders`, with format: parquet and a schema of two fields, and `logs`, with
// format: ndjson:
//
//   orders: 2 columns
//     id  int64
//     note  text
//   logs: no columns, as its files are not parquet
//
// Where records name their schemas, the registry is asked for its versions by the topic's name. Topics that
// an expression finds have none, until --topic gives it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <penstock/result.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "app/without_secrets.h"
#include "appliance/registry_columns.h"
#include "appliance/wiring.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "codec/json_value.h"
#include "codec/table_rules.h"
#include "codec/table_text.h"
#include "codec/value_schema.h"
#include "config/environment.h"
#include "config/load.h"
#include "config/topic_pattern.h"
#include "obs/log.h"

namespace penstock::app {
namespace {

// The files of a topic, or of a schema alone.
struct Columns {
  std::string name;
  bool is_parquet = true;
  // `name` is one, and finds topics.
  bool is_expression = false;
  // None: values are one column.
  const codec::Table* table = nullptr;
  bool text_values = false;  // then: it is text
  // The columns are those of the schemas that a registry has.
  bool by_registry = false;
  config::Columns kind = config::Columns::fields;
  std::shared_ptr<const appliance::RegistryColumns> of_registry = {};
  std::string without = {};  // why there is no table then
};

Columns columns_of(std::string name, const config::BatchSettings& batch) {
  const bool is_parquet = batch.format == config::Format::parquet;
  return {.name = std::move(name),
          .is_parquet = is_parquet,
          .table = batch.has_table() ? &batch.table() : nullptr,
          .text_values = appliance::record_format(batch).text_values,
          .by_registry = is_parquet && batch.schema_by_id,
          .kind = batch.columns};
}

// The versions of schemas, as the registry has them by the names of topics.
void ask_registry(const config::Settings& settings, std::vector<Columns*> all) {
  const std::string_view why_not = appliance::why_no_subjects(settings.registry.type);
  std::erase_if(all, [why_not](Columns* columns) {
    columns->without = !why_not.empty()         ? why_not
                       : columns->is_expression ? "an expression finds its topics; name one with --topic"
                                                : "";
    return !columns->without.empty();
  });
  if (all.empty()) {
    return;
  }
  const auto questions = appliance::RegistryQuestions::create(settings);
  for (Columns* each : all) {
    Columns& columns = *each;
    Result<appliance::RegistryColumns> made = questions.ok()
                                                  ? (*questions)->columns_of(columns.name, columns.kind)
                                                  : Result<appliance::RegistryColumns>(questions.error());
    if (made.ok()) {
      columns.of_registry = std::make_shared<const appliance::RegistryColumns>(std::move(made).value());
      columns.table = &columns.of_registry->table;
    } else {
      columns.without = made.error().message;
    }
  }
}

std::vector<Columns> columns_of(const config::Settings& settings, const std::string& topic) {
  std::vector<Columns> all;
  if (!topic.empty()) {
    all.push_back(columns_of(topic, settings.batch_for(topic)));
    return all;
  }
  for (const std::string& name : settings.source.topics) {
    all.push_back(columns_of(name, settings.batch_for(name)));
  }
  if (settings.source.topics.empty()) {
    all.push_back(columns_of(settings.source.topics_regex, settings.batch));
    for (std::size_t i = 0; i < settings.overrides.size(); ++i) {
      const auto match = settings.shown.find(concat("overrides[", i, "].match"));
      all.push_back(columns_of(match == settings.shown.end() ? "override" : match->second,
                               settings.overrides[i].batch));
    }
    for (Columns& columns : all) {
      columns.is_expression = true;
    }
  }
  return all;
}

// "orders.v1" is two names to Spark.
std::string table_name(const std::string& topic) {
  std::string name = topic;
  std::ranges::replace_if(
      name, [](char c) { return std::string_view(".-/^$*+?()[]{}|\\`").find(c) != std::string_view::npos; },
      '_');
  return name;
}

// A line each. `begin`: of each line.
std::string left_out_text(const Columns& columns, std::string_view begin) {
  std::string text;
  if (columns.of_registry) {
    for (const codec::LeftOut& each : columns.of_registry->left_out) {
      text += concat(begin, json_string(each.name), " is in _rescued alone, as the schema ", each.why, "\n");
    }
  }
  return text;
}

std::string left_out_json(const Columns& columns) {
  std::string all;
  if (columns.of_registry) {
    for (const codec::LeftOut& each : columns.of_registry->left_out) {
      all += concat(all.empty() ? ",\"left_out\":[" : ",", "{\"name\":", json_string(each.name),
                    ",\"why\":", json_string(each.why), "}");
    }
  }
  return all.empty() ? all : all + "]";
}

// Delta takes such names only with a mapping of columns.
bool has_name_to_map(const std::vector<codec::Field>& fields) {
  return std::ranges::any_of(fields, [](const codec::Field& field) {
    return field.name.find_first_of(" ,;{}()\n\t=") != std::string::npos || has_name_to_map(field.fields);
  });
}

// What stands behind the columns.
std::string table_options(const Columns& columns, const std::string& engine) {
  if (engine == "spark") {
    return " USING PARQUET";
  }
  return columns.table != nullptr && has_name_to_map(columns.table->fields)
             ? " TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
             : "";
}

void print_ddl(const std::vector<Columns>& all, const std::string& engine) {
  for (const Columns& columns : all) {
    if (!columns.is_parquet) {
      std::printf("-- %s: its files are not parquet\n", columns.name.c_str());
      continue;
    }
    if (!columns.without.empty()) {
      std::printf("-- %s: its columns are not known: %s\n", columns.name.c_str(), columns.without.c_str());
      continue;
    }
    std::printf("%sCREATE TABLE `%s` (\n%s\n)%s;\n", left_out_text(columns, "-- ").c_str(),
                table_name(columns.name).c_str(),
                codec::spark_columns(columns.table, columns.text_values).c_str(),
                table_options(columns, engine).c_str());
  }
}

void print_trees(const std::vector<Columns>& all) {
  for (const Columns& columns : all) {
    if (!columns.is_parquet) {
      std::printf("%s: no columns, as its files are not parquet\n", columns.name.c_str());
    } else if (!columns.without.empty()) {
      std::printf("%s: columns of the schemas that its records name, which are not known: %s\n",
                  columns.name.c_str(), columns.without.c_str());
    } else if (columns.table == nullptr) {
      std::printf("%s: values are one column, as there is no batch.schema to decode them by\n  value  %s\n",
                  columns.name.c_str(), columns.text_values ? "text" : "bytes");
    } else {
      const std::size_t count = codec::leaf_count(*columns.table);
      std::printf("%s: %zu %s%s\n%s%s", columns.name.c_str(), count, count == 1 ? "column" : "columns",
                  columns.by_registry ? " of the schema's versions in the registry" : "",
                  codec::tree_text(*columns.table, "  ").c_str(), left_out_text(columns, "  ").c_str());
    }
  }
}

void print_tables_json(const std::vector<Columns>& all) {
  std::string tables;
  for (const Columns& columns : all) {
    tables += concat(tables.empty() ? "" : ",", "{\"topic\":", json_string(columns.name),
                     ",\"parquet\":", columns.is_parquet ? "true" : "false",
                     ",\"columns\":", columns.table != nullptr ? codec::table_json(*columns.table) : "null",
                     columns.without.empty() ? "" : concat(",\"why_not\":", json_string(columns.without)),
                     left_out_json(columns), "}");
  }
  std::printf("{\"tables\":[%s]}\n", tables.c_str());
}

int print_all(const std::vector<Columns>& all, const SchemaCommand& command) {
  if (command.json) {
    print_tables_json(all);
  } else if (!command.ddl.empty()) {
    print_ddl(all, command.ddl);
  } else {
    print_trees(all);
  }
  return k_done;
}

// Empty: the configuration lands the topic.
std::string why_not_topic(const config::SourceSettings& source, const std::string& topic) {
  if (!source.topics.empty()) {
    return std::ranges::find(source.topics, topic) != source.topics.end() ? ""
                                                                          : "source.topics does not have it";
  }
  const Result<config::TopicPattern> pattern = config::TopicPattern::compile(source.topics_regex);
  return pattern.ok() && pattern->matches(topic)
             ? ""
             : concat("source.topics_regex does not match it: ", source.topics_regex);
}

int refuse(const std::string& message) {
  obs::say_lines(obs::Level::error, message);
  return k_wrong_usage;
}

// "orders" of "/etc/penstock/orders.avsc".
std::string stem_of(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}

// A schema is JSON. So may a configuration be, and it has a source.
bool is_schema(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || std::string_view("{[\"").find(text[first]) == std::string_view::npos) {
    return false;
  }
  const std::optional<codec::JsonValue> object = codec::json_object(text);
  return !object || !object->members.contains("source");
}

int print_schema(const std::string& text, const SchemaCommand& command) {
  if (!command.topic.empty()) {
    return refuse(concat(command.file, " is a schema, which has no topics; leave out --topic"));
  }
  const codec::ValueSchema schema = codec::ValueSchema::read(text);
  const Result<codec::Table>& table = schema.avro.ok() ? schema.table_of_avro : schema.table_of_json;
  if (!table.ok()) {
    return refuse(concat(command.file, ": the schema ", table.error().message));
  }
  return print_all({{.name = stem_of(command.file), .table = &*table}}, command);
}

}  // namespace

int run_schema(const SchemaCommand& command) {
  const Result<std::string> text = config::process_environment().read_file(command.file);
  if (!text.ok()) {
    return refuse(text.error().message);
  }
  if (is_schema(*text)) {
    return print_schema(*text, command);
  }
  const Result<config::Settings> settings = config::load(command.file, without_secrets(command.file));
  if (!settings.ok()) {
    return refuse(settings.error().message);
  }
  if (!command.topic.empty()) {
    if (const std::string why_not = why_not_topic(settings->source, command.topic); !why_not.empty()) {
      return refuse(concat("--topic ", command.topic, ": ", why_not));
    }
  }
  std::vector<Columns> all = columns_of(*settings, command.topic);
  std::vector<Columns*> asked;
  for (Columns& columns : all) {
    if (columns.by_registry) {
      asked.push_back(&columns);
    }
  }
  ask_registry(*settings, std::move(asked));
  return print_all(all, command);
}

}  // namespace penstock::app
