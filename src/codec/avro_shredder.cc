// How it works
//
// The schema and the table are compiled to a tree of steps (avro_steps.h). The walk over a value looks at
// nothing but steps and bytes. Every read is held against the end of the value (avro_input.h).
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
//
// A column that only another version has in the items of a list is a null in each of them. A value of many
// short items can become too large by these alone. shred_narrow() makes the row without such lists.
#include "codec/avro_shredder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/avro_input.h"
#include "codec/avro_steps.h"
#include "codec/avro_text.h"
#include "codec/decimal.h"
#include "codec/json_check.h"
#include "codec/row_cells.h"
#include "codec/shred_room.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

// The most that a row's columns of JSON and texts may have together. A list of nothings makes many of few
// bytes.
constexpr std::size_t k_json_bytes_max = std::size_t{8} << 20;
constexpr std::size_t k_json_room_min = 256;

constexpr std::string_view k_misplaced[] = {
    "has fields that their columns cannot take: ",
    "table-full: has fields for which there are no more columns: ",
    "has fields that would become too large in columns: ",
    "has fields that can be no columns: ",
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
  AvroShredder(std::shared_ptr<const AvroSchema> schema, const Table& written,
               std::shared_ptr<const Table> table, std::string_view record, std::shared_ptr<ShredRoom> room)
      : schema_(std::move(schema)),
        table_(std::move(table)),
        steps_(avro_steps(*schema_, written, *table_, record)),
        room_(room ? std::move(room) : std::make_shared<ShredRoom>()),
        cells_(room_->cells) {}

  const Table& table() const override { return *table_; }
  bool was_undecoded() const override { return undecoded_; }
  bool was_in_conflict() const override {
    return std::ranges::any_of(misplaced_, [](const std::string& names) { return !names.empty(); });
  }

  const Row& shred(Bytes value) override { return shred(value, std::nullopt); }
  const Row* shred_narrow(Bytes value, Narrow form) override {
    return steps_.can_be_narrow ? &shred(value, form) : nullptr;
  }

 private:
  const Row& shred(Bytes value, std::optional<Narrow> narrow) {
    clear();
    AvroInput in(value);
    bool whole = true;
    for (std::size_t i = 0; i < steps_.columns.size() && whole; ++i) {
      const AvroColumn& each = steps_.columns[i];
      if (each.misplaced) {
        whole = rescue(each, *each.misplaced, in);
      } else if (narrow && each.has_absent_in_items) {
        cells_.add_missing(each.step.place, 0);
        whole = rescue(each, Misplaced::too_large, in, *narrow);
      } else {
        whole = column(each, in);
      }
    }
    if (whole && !in.left().empty()) {
      whole = in.fail(AvroFault::left_over);
    }
    undecoded_ = !whole;
    if (!whole) {
      refuse(value, to_string(in.fault()));
      return cells_.row();
    }
    for (const CellPlace& place : steps_.absent) {
      cells_.add_missing(place, 0);
    }
    if (was_in_conflict() && !rescues_reason_) {
      add_reason();
    }
    if (!cells_.rescued().empty()) {
      cells_.rescued() += '}';
    }
    return cells_.row();
  }

  void clear() {
    cells_.clear();
    for (std::string& names : misplaced_) {
      names.clear();
    }
    rescues_reason_ = false;
    json_left_ = k_json_bytes_max;
  }

  void refuse(Bytes value, std::string_view reason) {
    clear();
    for (const CellPlace& place : steps_.places) {
      cells_.add_missing(place, 0);
    }
    append_rescued_bytes(cells_.rescued(), value, reason);
  }

  // It is in no column. Null is what its place has without it.
  bool rescue(const AvroColumn& column, Misplaced why, AvroInput& in, Narrow form = Narrow::json) {
    const Bytes before = in.left();
    std::string_view json;
    if (!write_json(*column.step.written, in, json)) {
      return false;
    }
    if (json != "null") {
      add_rescued(column.name, form == Narrow::json ? json : "");
      if (form == Narrow::bytes) {
        append_rescued_bytes(cells_.rescued(), before.first(before.size() - in.left().size()),
                             "would become too large as JSON");
      }
      add_misplaced(column.name, why);
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
  void add_misplaced(std::string_view name, Misplaced why) {
    std::string& names = misplaced_[static_cast<std::size_t>(why)];
    names.append(names.empty() ? "" : ", ").append(name.substr(1, name.size() - 3));
  }

  void add_reason() {
    std::string& rescued = cells_.rescued();
    std::string_view before = ",\"_reason\":\"";
    for (std::size_t why = 0; why < misplaced_.size(); ++why) {
      if (!misplaced_[why].empty()) {
        rescued.append(std::exchange(before, "; ")).append(k_misplaced[why]).append(misplaced_[why]);
      }
    }
    rescued += '"';
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
      add_misplaced(column.name, Misplaced::conflict);
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
  std::shared_ptr<const Table> table_;
  AvroSteps steps_;
  std::shared_ptr<ShredRoom> room_;
  RowCells& cells_;
  std::size_t json_left_ = 0;
  bool misfit_ = false;    // what is walked now has something in it that its column cannot have
  bool conflict_ = false;  // since the column is of another version of the schema
  std::array<std::string, std::size(k_misplaced)> misplaced_;  // names of the last value's fields
  bool rescues_reason_ = false;  // a field of the schema has this name, and is rescued
  bool undecoded_ = false;
};

}  // namespace

std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, Table table,
                                             std::shared_ptr<ShredRoom> room) {
  const auto own = std::make_shared<const Table>(std::move(table));
  return make_avro_shredder(std::move(schema), *own, own, {}, std::move(room));
}

std::unique_ptr<Shredder> make_avro_shredder(std::shared_ptr<const AvroSchema> schema, const Table& written,
                                             std::shared_ptr<const Table> table, std::string_view record,
                                             std::shared_ptr<ShredRoom> room) {
  return std::make_unique<AvroShredder>(std::move(schema), written, std::move(table), record,
                                        std::move(room));
}

}  // namespace penstock::codec
