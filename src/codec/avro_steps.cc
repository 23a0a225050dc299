// How it works. Fields of the schema find their columns by name. What does not fit its column, or has none,
// is a step without a place, and only says how the value is read. Columns that no field of the schema is for
// are listed where they lie, so that each gets its null.
//
// For example, the schema `id INT64, note TEXT` and the table `note TEXT, more INT32, id INT32`. Step `id` is
// of leaf 2, which holds those numbers that an INT32 can. Step `note` is of leaf 0. `more` is absent.
#include "codec/avro_steps.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "codec/avro_table.h"
#include "codec/table_growth.h"

namespace penstock::codec {
namespace {

// Whether columns of other versions are in the items of a list or map.
bool has_absent_in_items(const AvroStep& step) {
  return (step.place.repetition > 0 && !step.absent.empty()) ||
         std::ranges::any_of(step.inner, has_absent_in_items);
}

class AvroCompiler {
 public:
  explicit AvroCompiler(const AvroSchema& schema) : schema_(schema) {}

  AvroSteps compile(const Table& written, const Table& table, std::string_view record) {
    const std::vector<Field>& columns = table.fields;
    const FieldHome home = home_of(table, record);
    made_.places = places_of(columns, 0, 0);
    if (home.fields == &columns) {
      compile_fields(written, columns, made_.places, Misplaced::table_full);
      return std::move(made_);
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (home.fields != &columns[i].fields) {
        made_.absent.push_back(made_.places[i]);
      }
    }
    static const std::vector<Field> k_none;
    const std::vector<Field>& fields = home.fields != nullptr ? *home.fields : k_none;
    compile_fields(written, fields, places_of(fields, home.leaf, 1),
                   home.is_taken ? Misplaced::conflict : Misplaced::table_full);
    return std::move(made_);
  }

 private:
  static std::vector<CellPlace> places_of(const std::vector<Field>& fields, std::size_t leaf,
                                          std::uint8_t definition) {
    std::vector<CellPlace> places;
    for (const Field& field : fields) {
      places.push_back(cell_place(field, leaf, definition, 0));
      leaf += places.back().leaves;
    }
    return places;
  }

  // Those of the schema, into the columns at these places, all of which have the same `missing`. `without`:
  // why there is no column for one.
  void compile_fields(const Table& written, const std::vector<Field>& fields,
                      const std::vector<CellPlace>& places, Misplaced without) {
    const AvroSchema::Node& root = schema_.root();
    const bool is_record = root.type == AvroType::record && root.count > 0;
    const FieldNames names(fields);
    std::vector<bool> has_step(fields.size());
    for (std::size_t i = 0; i < written.fields.size(); ++i) {
      const Field& field = written.fields[i];
      const AvroSchema::Node& node = is_record ? schema_.node_of(schema_.part(root, i)) : root;
      AvroColumn& made = made_.columns.emplace_back();
      made.name = is_record ? schema_.text_of(schema_.part(root, i)).substr(1) : "\"value\":";
      const std::optional<std::size_t> at = names.find(field.name);
      const FieldFit fit = fit_at(field, at ? &fields[*at] : nullptr);
      if (field.left_out) {
        made.step.written = &node;
        made.misplaced = Misplaced::no_column;
      } else if (fit == FieldFit::fits) {
        has_step[*at] = true;
        made.step = compile(fields[*at], field, node, places[*at].leaf, places[*at].missing, 0);
        made.has_absent_in_items = has_absent_in_items(made.step);
        made_.can_be_narrow = made_.can_be_narrow || made.has_absent_in_items;
      } else {
        made.step.written = &node;
        made.misplaced = fit == FieldFit::conflicts ? Misplaced::conflict : without;
      }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!has_step[i]) {
        made_.absent.push_back(places[i]);
      }
    }
  }

  // `field` is what the node is in the schema's own table, and fits the column, whose first leaf is `leaf`.
  AvroStep compile(const Field& column, const Field& field, const AvroSchema::Node& written, std::size_t leaf,
                   std::uint8_t definition, std::uint8_t repetition) {
    const AvroOptional optional = avro_optional(schema_, written);
    AvroStep step{.written = &written,
                  .node = optional.node,
                  .type = field.type,
                  .column = column.type,
                  .precision = column.precision,
                  .optional = column.optional,
                  .in_choice = optional.node != &written,
                  .branch = optional.branch,
                  .place = cell_place(column, leaf, definition, repetition),
                  .inner = {}};
    const std::uint8_t inner_definition = step.place.definition;
    if (field.type == FieldType::record) {
      compile_record(step, column, field, leaf);
    } else if (!field.fields.empty()) {
      const bool is_map = field.type == FieldType::map;
      const auto item_definition = static_cast<std::uint8_t>(inner_definition + 1);
      if (is_map) {
        step.inner.push_back(key_step(column.fields[0], leaf, item_definition, step.place.repetition));
      }
      const std::size_t item = is_map ? 1 : 0;
      step.inner.push_back(compile(column.fields[item], field.fields[item],
                                   schema_.node_of(schema_.part(*step.node, 0)), leaf + item, item_definition,
                                   step.place.repetition));
    }
    return step;
  }

  void compile_record(AvroStep& step, const Field& column, const Field& field, std::size_t leaf) {
    std::vector<std::size_t> leaves;
    for (const Field& inner : column.fields) {
      leaves.push_back(leaf);
      leaf += leaf_count(inner);
    }
    const FieldNames names(column.fields);
    std::vector<bool> has_step(column.fields.size());
    for (std::size_t i = 0; i < field.fields.size(); ++i) {
      const std::size_t at = *names.find(field.fields[i].name);
      has_step[at] = true;
      step.inner.push_back(compile(column.fields[at], field.fields[i],
                                   schema_.node_of(schema_.part(*step.node, i)), leaves[at],
                                   step.place.definition, step.place.repetition));
    }
    for (std::size_t i = 0; i < column.fields.size(); ++i) {
      if (!has_step[i]) {
        step.absent.push_back(
            cell_place(column.fields[i], leaves[i], step.place.definition, step.place.repetition));
      }
    }
  }

  // The schema has no node for the keys of a map.
  static AvroStep key_step(const Field& key, std::size_t leaf, std::uint8_t definition,
                           std::uint8_t repetition) {
    static constexpr AvroSchema::Node k_text{.type = AvroType::text};
    return {.written = &k_text,
            .node = &k_text,
            .type = FieldType::text,
            .column = FieldType::text,
            .place = cell_place(key, leaf, definition, repetition),
            .inner = {}};
  }

  const AvroSchema& schema_;
  AvroSteps made_;
};

}  // namespace

AvroSteps avro_steps(const AvroSchema& schema, const Table& written, const Table& table,
                     std::string_view record) {
  return AvroCompiler(schema).compile(written, table, record);
}

}  // namespace penstock::codec
