// Tables and values of them by chance, and a shredder that makes these values up: what it is given is only
// the number of the row.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_string.h"
#include "codec/table.h"

namespace penstock::codec {

using TableRandom = std::mt19937_64;
__extension__ using Wide = unsigned __int128;

inline bool one_in(TableRandom& random, std::uint64_t times) {
  return random() % times == 0;
}

// A value of a field; of a record, a list or a map its members, of a map key and value by turns.
struct MadeValue {
  bool is_null = false;
  std::int64_t number = 0;
  double real = 0;
  std::string text = {};
  std::vector<MadeValue> members = {};
};

inline bool is_text_type(FieldType type) {
  return type == FieldType::text || type == FieldType::json || type == FieldType::bytes;
}

inline Field random_field(TableRandom& random, std::string name, unsigned depth, bool may_be_required) {
  Field field{.name = std::move(name), .optional = !may_be_required || !one_in(random, 3)};
  const unsigned types = depth == 0 ? 14 : 17;
  field.type = static_cast<FieldType>(random() % types);
  if (field.type == FieldType::decimal) {
    field.precision = 1 + static_cast<std::uint32_t>(random() % 38);
    field.scale = static_cast<std::uint32_t>(random() % (field.precision + 1));
  } else if (field.type == FieldType::record) {
    for (std::uint64_t i = 0; i < 1 + random() % 4; ++i) {
      field.fields.push_back(random_field(random, "m" + std::to_string(i), depth - 1, true));
    }
  } else if (field.type == FieldType::list) {
    field.fields.push_back(random_field(random, "item", depth - 1, true));
  } else if (field.type == FieldType::map) {
    field.fields.push_back({.name = "key", .type = FieldType::text, .optional = false});
    field.fields.push_back(random_field(random, "value", depth - 1, true));
  }
  return field;
}

inline Table random_table(TableRandom& random, std::size_t fields) {
  Table table;
  for (std::size_t i = 0; i < fields; ++i) {
    table.fields.push_back(random_field(random, "f" + std::to_string(i), 3, false));
  }
  return table;
}

// What is often equal, and what never is: so that dictionaries help, and do not.
inline std::string random_text(TableRandom& random) {
  constexpr std::array<std::string_view, 6> k_words{
      "", "new", "shipped", "größer", "\xf0\x9f\x9a\x80 lift-off", "\"quoted\"\n\\"};
  switch (random() % 4) {
    case 0:
      return std::string(k_words[random() % k_words.size()]);
    case 1:
      return "id-" + std::to_string(random());
    case 2: {  // characters of any length around the 64 bytes of bounds
      std::string text(60 + random() % 6, 'z');
      return text + (one_in(random, 2) ? "\xf0\x90\x80\x80" : "\xed\x9f\xbf") + std::to_string(random() % 10);
    }
    default:
      return std::to_string(random() % 7);
  }
}

// Two's complement in 16 bytes, the highest first; of `digits` digits at most.
inline std::string random_decimal(TableRandom& random, std::uint32_t digits) {
  Wide unscaled = 0;
  for (std::uint64_t i = random() % (digits + 1); i > 0; --i) {
    unscaled = unscaled * 10 + random() % 10;
  }
  if (one_in(random, 2)) {
    unscaled = 0 - unscaled;
  }
  std::string bytes(16, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(unscaled >> (8 * (15 - i))));
  }
  return bytes;
}

inline double random_real(TableRandom& random, bool narrow) {
  constexpr double k_infinity = std::numeric_limits<double>::infinity();
  constexpr std::array<double, 7> k_special{
      0.0, -0.0, k_infinity, -k_infinity, 1.5, std::numeric_limits<double>::quiet_NaN(), -2.25};
  if (one_in(random, 3)) {
    return k_special[random() % k_special.size()];
  }
  const double real = (static_cast<double>(random() % 2'000'001) - 1e6) / 7;
  return narrow ? static_cast<double>(static_cast<float>(real)) : real;
}

inline std::int64_t random_number(TableRandom& random, FieldType type) {
  constexpr std::int64_t k_second_ms = 1'000;
  constexpr std::int64_t k_years_s = std::int64_t{4'000'000'000};  // of a hundred years around 1970, about
  const std::int64_t near = static_cast<std::int64_t>(random() % (2 * k_years_s)) - k_years_s;
  switch (type) {
    case FieldType::boolean:
      return static_cast<std::int64_t>(random() % 2);
    case FieldType::int32:
      return one_in(random, 4) ? static_cast<std::int32_t>(random())
                               : static_cast<std::int64_t>(random() % 9);
    case FieldType::date:
      return near / 100'000;
    case FieldType::timestamp_millis:
    case FieldType::local_timestamp_millis:
      return near * k_second_ms + static_cast<std::int64_t>(random() % k_second_ms);
    case FieldType::timestamp_micros:
    case FieldType::local_timestamp_micros:
      return near * k_second_ms * k_second_ms + static_cast<std::int64_t>(random() % 1'000'000);
    default:
      return one_in(random, 4) ? static_cast<std::int64_t>(random())
                               : static_cast<std::int64_t>(random() % 9);
  }
}

inline MadeValue random_value(TableRandom& random, const Field& field) {
  MadeValue value;
  if (field.optional && one_in(random, 4)) {
    value.is_null = true;
    return value;
  }
  if (field.type == FieldType::record) {
    for (const Field& member : field.fields) {
      value.members.push_back(random_value(random, member));
    }
  } else if (field.type == FieldType::list) {
    for (std::uint64_t left = one_in(random, 3) ? 0 : random() % 5; left > 0; --left) {
      value.members.push_back(random_value(random, field.fields.front()));
    }
  } else if (field.type == FieldType::map) {
    for (std::uint64_t left = one_in(random, 3) ? 0 : random() % 4; left > 0; --left) {
      value.members.push_back({.text = "k" + std::to_string(left) + random_text(random)});
      value.members.push_back(random_value(random, field.fields.back()));
    }
  } else if (is_text_type(field.type)) {
    value.text = field.type == FieldType::json ? json_string(random_text(random)) : random_text(random);
    if (field.type == FieldType::bytes) {
      value.text += "\xff";
    }
  } else if (field.type == FieldType::decimal) {
    value.text = random_decimal(random, field.precision);
  } else if (field.type == FieldType::float32 || field.type == FieldType::float64) {
    value.real = random_real(random, field.type == FieldType::float32);
  } else {
    value.number = random_number(random, field.type);
  }
  return value;
}

// Takes values apart, as table.h says it.
class CellMaker {
 public:
  explicit CellMaker(std::vector<Cell>& cells) : cells_(cells) {}

  void add_row(const Table& table, const std::vector<MadeValue>& values) {
    leaf_ = 0;
    for (std::size_t i = 0; i < table.fields.size(); ++i) {
      add(table.fields[i], values.empty() ? nullptr : &values[i], 0, 0, 0);
    }
  }

 private:
  // null: there is none, and `definition` is what is there of the path.
  void add(const Field& field, const MadeValue* value, unsigned repetition, unsigned definition,
           unsigned lists) {
    const bool is_there = value != nullptr && !value->is_null;
    const unsigned here = definition + (is_there && field.optional ? 1 : 0);
    const MadeValue* const inside = is_there ? value : nullptr;
    if (field.fields.empty()) {
      add_leaf(field, inside, repetition, here);
    } else if (field.type == FieldType::record) {
      for (std::size_t i = 0; i < field.fields.size(); ++i) {
        add(field.fields[i], is_there ? &value->members[i] : nullptr, repetition, here, lists);
      }
    } else {
      add_items(field, inside, repetition, here, lists + 1);
    }
  }

  void add_items(const Field& field, const MadeValue* value, unsigned repetition, unsigned definition,
                 unsigned lists) {
    const std::uint16_t first_leaf = leaf_;
    const std::size_t parts = field.fields.size();
    const std::size_t items = value == nullptr ? 0 : value->members.size() / parts;
    for (std::size_t item = 0; item < std::max<std::size_t>(items, 1); ++item) {
      leaf_ = first_leaf;
      for (std::size_t part = 0; part < parts; ++part) {
        add(field.fields[part], items == 0 ? nullptr : &value->members[item * parts + part],
            item == 0 ? repetition : lists, definition + (items == 0 ? 0 : 1), lists);
      }
    }
  }

  void add_leaf(const Field& field, const MadeValue* value, unsigned repetition, unsigned definition) {
    Cell cell;
    cell.leaf = leaf_++;
    cell.repetition = static_cast<std::uint8_t>(repetition);
    cell.definition = static_cast<std::uint8_t>(definition);
    if (value != nullptr) {
      if (is_text_type(field.type) || field.type == FieldType::decimal) {
        cell.text = value->text.data();
        cell.bytes = static_cast<std::uint32_t>(value->text.size());
      } else if (field.type == FieldType::float32 || field.type == FieldType::float64) {
        cell.real = value->real;
      } else {
        cell.number = value->number;
      }
    }
    cells_.push_back(cell);
  }

  std::vector<Cell>& cells_;
  std::uint16_t leaf_ = 0;
};

// What is given to a RandomShredder for the value of this seed: as long as a value with so many cells would
// be.
inline std::string seeded_value(std::uint64_t seed) {
  std::string value = std::to_string(seed);
  value.resize(2'000, ' ');
  return value;
}

// A value by chance for each row, from the seed that it is given. Of some nothing fits.
class RandomShredder final : public Shredder {
 public:
  explicit RandomShredder(Table table) : table_(std::move(table)) {}

  const Table& table() const override { return table_; }

  const Row& shred(Bytes value) override {
    row_.cells.clear();
    row_.rescued.clear();
    values_ = values_of(table_, as_text(value));
    undecoded_ = values_.empty();
    if (undecoded_) {
      row_.rescued = rescued_of(as_text(value));
    }
    CellMaker(row_.cells).add_row(table_, values_);
    return row_;
  }
  bool was_undecoded() const override { return undecoded_; }

  static std::string rescued_of(std::string_view value) {
    return R"({"_value":")" + std::string(value.substr(0, value.find(' '))) + R"("})";
  }

  // Empty: it does not fit the table.
  static std::vector<MadeValue> values_of(const Table& table, std::string_view seed) {
    TableRandom random(std::stoull(std::string(seed)));
    std::vector<MadeValue> values;
    if (!one_in(random, 50)) {
      for (const Field& field : table.fields) {
        values.push_back(random_value(random, field));
      }
    }
    return values;
  }

 private:
  Table table_;
  std::vector<MadeValue> values_;
  Row row_;
  bool undecoded_ = false;
};

}  // namespace penstock::codec
