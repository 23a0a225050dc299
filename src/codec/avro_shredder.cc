// How it works
//
// The schema and the table are compiled to a tree of steps, one for each field of the table. A step knows
// which type its value is read as, and which leaves and levels its cells have. So the walk over a value looks
// at nothing but steps and bytes. Every read is held against the end of the value (avro_input.h).
//
// For example, the schema of avro_schema.h, whose table is `id INT64, note TEXT`, and the bytes 0e 02 04 68
// 69:
//
// 1. Step `id` reads the varint 0e, which is 7: a cell of leaf 0, definition 1. It is 1 since the columns of
//    a table are optional, and its value is there.
// 2. Step `note` is a union with null. 02 stands for branch 1, which is the type of its column. 04 stands for
//    2 bytes: a cell of leaf 1, definition 1, whose text points into the value.
// 3. No byte is left, so this is the row. Were one left, all cells would be taken back.
//
// The table may be that of other versions too. Then the steps are in the order of the schema, as the bytes
// are, and their leaves are those of the columns with their names. For example the table `note TEXT, more
// INT32, id INT32` and the bytes above: `id` is a cell of leaf 2, which an INT32 can hold, `note` one of leaf
// 0, and `more`, which no step is of, is null.
//
// Each item of a list makes a cell at least, also one that has no bytes. So the limit of a row's cells ends
// the walk, whatever number of items the value claims.
#include "codec/avro_shredder.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/avro_input.h"
#include "codec/avro_table.h"
#include "codec/avro_text.h"
#include "codec/decimal.h"
#include "codec/json_check.h"
#include "codec/row_cells.h"
#include "codec/table_growth.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

// The most that a row's columns of JSON and texts may have together. A list of nothings makes many of few
// bytes.
constexpr std::size_t k_json_bytes_max = std::size_t{8} << 20;
constexpr std::size_t k_json_room_min = 256;

struct AvroStep {
  const AvroSchema::Node* written = nullptr;  // as in the schema, perhaps a union
  const AvroSchema::Node* node = nullptr;     // what its value is read as
  FieldType type = FieldType::json;           // of the schema's own table
  FieldType column = FieldType::json;
  std::uint32_t precision = 0;  // of the column, which is a decimal
  bool optional = false;
  bool in_choice = false;
  std::uint32_t branch = 0;  // of the choice: that of `node`
  CellPlace place;
  std::vector<AvroStep> inner;
  std::vector<CellPlace> absent = {};  // of a record: columns that the schema does not have
};

// Of a top field.
struct AvroColumn {
  AvroStep step;
  std::string_view name;      // as JSON: `"id":`
  bool has_conflict = false;  // there is no column that it fits; of the step only `written` is there
};

bool is_text(Bytes bytes) {
  constexpr std::size_t k_short = 64;
  if (bytes.size() > k_short) {
    return is_utf8(as_text(bytes));
  }
  std::uint64_t bits = 0;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    bits |= word;
  }
  for (; at < bytes.size(); ++at) {
    bits |= std::to_integer<std::uint64_t>(bytes[at]);
  }
  return (bits & 0x8080808080808080) == 0 || is_utf8(as_text(bytes));
}

class AvroShredder : public Shredder {
 public:
  AvroShredder(std::shared_ptr<const AvroSchema> schema, const Table& written, Table table,
               std::string_view record)
      : schema_(std::move(schema)), table_(std::move(table)) {
    const FieldHome home = home_of(table_, record);
    places_ = places_of(table_.fields, 0, 0);
    if (home.fields == &table_.fields) {
      compile_fields(written, *home.fields, places_);
      return;
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (home.fields != &table_.fields[i].fields) {
        absent_.push_back(places_[i]);
      }
    }
    static const std::vector<Field> k_none;
    const std::vector<Field>& fields = home.fields != nullptr ? *home.fields : k_none;
    compile_fields(written, fields, places_of(fields, home.leaf, 1));
  }

  const Table& table() const override { return table_; }
  bool was_undecoded() const override { return undecoded_; }
  bool was_in_conflict() const override { return !conflicts_.empty(); }

  const Row& shred(Bytes value) override {
    cells_.clear();
    conflicts_.clear();
    rescues_reason_ = false;
    json_left_ = k_json_bytes_max;
    AvroInput in(value);
    bool whole = true;
    for (std::size_t i = 0; i < columns_.size() && whole; ++i) {
      whole = columns_[i].has_conflict ? rescue(columns_[i], in) : column(columns_[i], in);
    }
    if (whole && !in.left().empty()) {
      whole = in.fail(AvroFault::left_over);
    }
    undecoded_ = !whole;
    if (!whole) {
      refuse(value, to_string(in.fault()));
      return cells_.row();
    }
    for (const CellPlace& place : absent_) {
      cells_.add_missing(place, 0);
    }
    if (!conflicts_.empty() && !rescues_reason_) {
      append_conflicts(cells_.rescued(), conflicts_);
    }
    if (!cells_.rescued().empty()) {
      cells_.rescued() += '}';
    }
    return cells_.row();
  }

 private:
  // Their number: there is none of this very name.
  static std::size_t index_of(const std::vector<Field>& columns, const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(columns, name, &Field::name) - columns.begin());
  }

  static std::vector<CellPlace> places_of(const std::vector<Field>& fields, std::size_t leaf,
                                          std::uint8_t definition) {
    std::vector<CellPlace> places;
    for (const Field& field : fields) {
      places.push_back(cell_place(field, leaf, definition, 0));
      leaf += places.back().leaves;
    }
    return places;
  }

  // Those of the schema, into the columns at these places, all of which have the same `missing`.
  void compile_fields(const Table& written, const std::vector<Field>& fields,
                      const std::vector<CellPlace>& places) {
    const AvroSchema::Node& root = schema_->root();
    const bool is_record = root.type == AvroType::record && root.count > 0;
    std::vector<bool> has_step(fields.size());
    for (std::size_t i = 0; i < written.fields.size(); ++i) {
      const Field& field = written.fields[i];
      const AvroSchema::Node& node = is_record ? schema_->node_of(schema_->part(root, i)) : root;
      AvroColumn& made = columns_.emplace_back();
      made.name = is_record ? schema_->text_of(schema_->part(root, i)).substr(1) : "\"value\":";
      const std::size_t at = index_of(fields, field.name);
      made.has_conflict = at == fields.size() || fit_of(field, fields[at]) != FieldFit::fits;
      made.step.written = &node;
      if (!made.has_conflict) {
        has_step[at] = true;
        made.step = compile(fields[at], field, node, places[at].leaf, places[at].missing, 0);
      }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!has_step[i]) {
        absent_.push_back(places[i]);
      }
    }
  }

  // `field` is what the node is in the schema's own table, and fits the column, whose first leaf is `leaf`.
  AvroStep compile(const Field& column, const Field& field, const AvroSchema::Node& written, std::size_t leaf,
                   std::uint8_t definition, std::uint8_t repetition) {
    const AvroOptional optional = avro_optional(*schema_, written);
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
                                   schema_->node_of(schema_->part(*step.node, 0)), leaf + item,
                                   item_definition, step.place.repetition));
    }
    return step;
  }

  void compile_record(AvroStep& step, const Field& column, const Field& field, std::size_t leaf) {
    std::vector<std::size_t> leaves;
    for (const Field& inner : column.fields) {
      leaves.push_back(leaf);
      leaf += leaf_count(inner);
    }
    std::vector<bool> has_step(column.fields.size());
    for (std::size_t i = 0; i < field.fields.size(); ++i) {
      const std::size_t at = index_of(column.fields, field.fields[i].name);
      has_step[at] = true;
      step.inner.push_back(compile(column.fields[at], field.fields[i],
                                   schema_->node_of(schema_->part(*step.node, i)), leaves[at],
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

  void refuse(Bytes value, std::string_view reason) {
    cells_.clear();
    for (const CellPlace& place : places_) {
      cells_.add_missing(place, 0);
    }
    conflicts_.clear();
    append_rescued_bytes(cells_.rescued(), value, reason);
  }

  // There is no column for it. Null is what its place has without it.
  bool rescue(const AvroColumn& column, AvroInput& in) {
    std::string_view json;
    if (!write_json(*column.step.written, in, json)) {
      return false;
    }
    if (json != "null") {
      add_rescued(column.name, json);
      add_conflict(column.name);
    }
    return true;
  }

  void add_rescued(std::string_view name, std::string_view json) {
    std::string& rescued = cells_.rescued();
    rescued += rescued.empty() ? '{' : ',';
    rescued.append(name).append(json);
    rescues_reason_ = rescues_reason_ || name == "\"_reason\":";
  }

  // The name as it stands in a text of JSON.
  void add_conflict(std::string_view name) {
    conflicts_.append(conflicts_.empty() ? "" : ", ").append(name.substr(1, name.size() - 3));
  }

  bool column(const AvroColumn& column, AvroInput& in) {
    const AvroStep& step = column.step;
    const std::size_t before = cells_.size();
    AvroInput again = in;
    misfit_ = false;
    conflict_ = false;
    if (!walk(step, 0, in)) {
      return false;
    }
    if (!misfit_) {
      return true;
    }
    cells_.cut(before);
    cells_.add_missing(step.place, 0);
    std::string_view json;
    if (!write_json(*step.written, again, json)) {
      return in.fail(again.fault());
    }
    add_rescued(column.name, json);
    if (conflict_) {
      add_conflict(column.name);
    }
    return true;
  }

  // As much room as it needs is found by trying.
  bool write_json(const AvroSchema::Node& node, AvroInput& in, std::string_view& json) {
    const AvroInput begin = in;
    for (std::size_t bytes = k_json_room_min;; bytes *= 4) {
      MutableBytes room = cells_.arena().room(std::min(bytes, json_left_));
      room = room.first(std::min(room.size(), json_left_));
      const std::size_t written = write_avro_json(*schema_, node, in, room);
      if (in.fault() == AvroFault::none) {
        json = cells_.arena().keep(written);
        json_left_ -= written;
        return true;
      }
      if (in.fault() != AvroFault::no_room || room.size() == json_left_) {
        return false;
      }
      bytes = std::max(bytes, room.size());
      in = begin;
    }
  }

  bool walk(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    if (step.type == FieldType::json) {
      return walk_json(step, repetition, in);
    }
    if (step.in_choice) {
      std::uint32_t branch = 0;
      if (!in.take_part(*step.written, AvroFault::bad_branch, branch)) {
        return false;
      }
      if (branch != step.branch) {
        cells_.add_missing(step.place, repetition);
        return true;
      }
    }
    switch (step.type) {
      case FieldType::record:
        for (const AvroStep& inner : step.inner) {
          if (!walk(inner, repetition, in)) {
            return false;
          }
        }
        for (const CellPlace& place : step.absent) {
          cells_.add_missing(place, repetition);
        }
        return true;
      case FieldType::list:
      case FieldType::map:
        return walk_items(step, repetition, in);
      case FieldType::text:
        return walk_text(step, repetition, in);
      default:
        return walk_plain(step, repetition, in);
    }
  }

  bool walk_items(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    AvroBlocks blocks;
    std::uint8_t next = repetition;
    while (blocks.next(in)) {
      for (const AvroStep& inner : step.inner) {
        if (!walk(inner, next, in)) {
          return false;
        }
      }
      next = step.place.repetition;
      if (cells_.is_full()) {
        return in.fail(AvroFault::too_many_items);
      }
    }
    if (next == repetition) {
      cells_.add_nothing(step.place, repetition, step.place.definition);
    }
    return in.fault() == AvroFault::none;
  }

  bool walk_json(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    std::string_view json;
    if (!write_json(*step.written, in, json)) {
      return false;
    }
    if (step.optional && json == "null") {
      cells_.add_missing(step.place, repetition);
    } else {
      cells_.add_text(step.place, repetition, json);
    }
    return true;
  }

  bool walk_plain(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    std::int64_t number = 0;
    Bytes bytes;
    switch (step.node->type) {
      case AvroType::boolean: {
        bool truth = false;
        if (!in.take_boolean(truth)) {
          return false;
        }
        number = truth ? 1 : 0;
        break;
      }
      case AvroType::int32:
        if (!in.take_int(number)) {
          return false;
        }
        break;
      case AvroType::int64:
        if (!in.take_long(number)) {
          return false;
        }
        break;
      case AvroType::float32:
        return walk_float<float>(step, repetition, in);
      case AvroType::float64:
        return walk_float<double>(step, repetition, in);
      case AvroType::date:
      case AvroType::timestamp_millis:
      case AvroType::timestamp_micros:
      case AvroType::local_timestamp_millis:
      case AvroType::local_timestamp_micros:
        if (!(step.node->type == AvroType::date ? in.take_int(number) : in.take_long(number))) {
          return false;
        }
        misfit_ = misfit_ || !is_readable_time(step.type, number);
        break;
      case AvroType::decimal:
      case AvroType::fixed_decimal:
        return walk_decimal(step, repetition, in);
      default:
        if (!(step.node->type == AvroType::fixed ? in.take(step.node->size, bytes) : in.take_sized(bytes))) {
          return false;
        }
        cells_.add_text(step.place, repetition, as_text(bytes));
        return true;
    }
    if (step.column == FieldType::int32 && number != static_cast<std::int32_t>(number)) {
      misfit_ = conflict_ = true;
    }
    cells_.add_number(step.place, repetition, number);
    return true;
  }

  template <class Number>
  bool walk_float(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    Number number{};
    if (!in.take_bits(number)) {
      return false;
    }
    const double real{number};
    if (step.column == FieldType::float32 && !is_float_exactly(real)) {
      misfit_ = conflict_ = true;
    }
    cells_.add_real(step.place, repetition, real);
    return true;
  }

  bool walk_decimal(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    Bytes bytes;
    if (!(step.node->type == AvroType::decimal ? in.take_sized(bytes) : in.take(step.node->size, bytes))) {
      return false;
    }
    const std::uint32_t digits = std::min(step.precision, step.node->precision);
    const std::optional<DecimalBytes> decimal = decimal_of(bytes, digits);
    misfit_ = misfit_ || !decimal;
    conflict_ = conflict_ || (!decimal && digits < step.node->precision);
    if (decimal) {
      std::memcpy(cells_.arena().room(decimal->size()).data(), decimal->data(), decimal->size());
      cells_.add_text(step.place, repetition, cells_.arena().keep(decimal->size()));
    }
    return true;
  }

  bool walk_text(const AvroStep& step, std::uint8_t repetition, AvroInput& in) {
    if (step.node->type == AvroType::text) {
      Bytes bytes;
      if (!in.take_sized(bytes)) {
        return false;
      }
      if (!is_text(bytes)) {
        return in.fail(AvroFault::not_utf8);
      }
      cells_.add_text(step.place, repetition, as_text(bytes));
      return true;
    }
    if (step.node->type == AvroType::symbols) {
      std::uint32_t symbol = 0;
      if (!in.take_part(*step.node, AvroFault::bad_symbol, symbol)) {
        return false;
      }
      cells_.add_text(step.place, repetition, schema_->name_of(schema_->part(*step.node, symbol)));
      return true;
    }
    // What is left is a string without escapes in its JSON.
    std::string_view json;
    if (!write_json(*step.node, in, json)) {
      return false;
    }
    cells_.add_text(step.place, repetition, json.substr(1, json.size() - 2));
    return true;
  }

  std::shared_ptr<const AvroSchema> schema_;
  Table table_;
  std::vector<CellPlace> places_;    // of the table's columns
  std::vector<AvroColumn> columns_;  // in the order of the schema
  std::vector<CellPlace> absent_;    // of columns that none of those is in
  RowCells cells_;
  std::size_t json_left_ = 0;
  bool misfit_ = false;          // what is walked now has something in it that its column cannot have
  bool conflict_ = false;        // since the column is of another version of the schema
  std::string conflicts_;        // the names of the last value's fields of which that is so
  bool rescues_reason_ = false;  // a field of the schema has this name, and is rescued
  bool undecoded_ = false;
};

}  // namespace

std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, Table table) {
  const Table written = table;
  return make_avro_shredder(std::move(schema), written, std::move(table));
}

std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, const Table& written,
                                             Table table, std::string_view record) {
  return std::make_unique<AvroShredder>(std::move(schema), written, std::move(table), record);
}

}  // namespace penstock::codec
