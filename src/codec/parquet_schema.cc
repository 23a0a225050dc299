// How it works. A footer has the schema as a list of elements: each group, with how many members it has, and
// behind it these members. write_fields() makes them from columns that share their first groups, depth by
// depth. SchemaReader goes the other way: it keeps the groups that are open, and gives each column a copy.
//
// For example, the columns id, and key and value in tags and key_value, are five elements: the root with 2
// members, id, tags with 1, key_value with 2, key and value.
#include "codec/parquet_schema.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace penstock::codec::parquet {
namespace {

using Columns = std::span<const Column>;

// SchemaElement.converted_type.
constexpr std::int64_t k_utf8 = 0;
constexpr std::int64_t k_map = 1;
constexpr std::int64_t k_list = 3;
constexpr std::int64_t k_decimal = 5;
constexpr std::int64_t k_date = 6;
constexpr std::int64_t k_timestamp_millis = 9;
constexpr std::int64_t k_timestamp_micros = 10;
// LogicalType's members.
constexpr std::int16_t k_logical_string = 1;
constexpr std::int16_t k_logical_map = 2;
constexpr std::int16_t k_logical_list = 3;
constexpr std::int16_t k_logical_decimal = 5;
constexpr std::int16_t k_logical_date = 6;
constexpr std::int16_t k_logical_timestamp = 8;
// TimeUnit's.
constexpr std::int16_t k_milliseconds = 1;
constexpr std::int16_t k_microseconds = 2;

// From a table

void append_field(const Field& field, std::string name, std::vector<Group>& groups, Schema& schema);

void append_list(const Field& list, std::vector<Group>& groups, Schema& schema) {
  groups.push_back({.name = "list", .repetition = Repetition::repeated});
  append_field(list.fields.front(), "element", groups, schema);
  groups.pop_back();
}

void append_map(const Field& map, std::vector<Group>& groups, Schema& schema) {
  groups.push_back({.name = "key_value", .repetition = Repetition::repeated});
  append_field(map.fields[0], "key", groups, schema);
  append_field(map.fields[1], "value", groups, schema);
  groups.pop_back();
}

struct Kind {
  Type type;
  Meaning meaning = Meaning::none;
};

Kind kind_of(FieldType type) {
  switch (type) {
    case FieldType::boolean:
      return {Type::boolean};
    case FieldType::int32:
      return {Type::int32};
    case FieldType::int64:
      return {Type::int64};
    case FieldType::float32:
      return {Type::float32};
    case FieldType::float64:
      return {Type::float64};
    case FieldType::bytes:
      return {Type::byte_array};
    case FieldType::text:
    case FieldType::json:
      return {Type::byte_array, Meaning::text};
    case FieldType::date:
      return {Type::int32, Meaning::date};
    case FieldType::timestamp_millis:
      return {Type::int64, Meaning::time_ms};
    case FieldType::timestamp_micros:
      return {Type::int64, Meaning::time_us};
    case FieldType::local_timestamp_millis:
      return {Type::int64, Meaning::local_time_ms};
    case FieldType::local_timestamp_micros:
      return {Type::int64, Meaning::local_time_us};
    case FieldType::decimal:
      return {Type::fixed, Meaning::decimal};
    case FieldType::record:
    case FieldType::list:
    case FieldType::map:
      break;
  }
  return {Type::byte_array};
}

void append_field(const Field& field, std::string name, std::vector<Group>& groups, Schema& schema) {
  if (field.fields.empty()) {
    const Kind kind = kind_of(field.type);
    const bool is_decimal = field.type == FieldType::decimal;
    schema.push_back({.name = std::move(name),
                      .type = kind.type,
                      .optional = field.optional,
                      .meaning = kind.meaning,
                      .precision = is_decimal ? field.precision : 0,
                      .scale = is_decimal ? field.scale : 0,
                      .length = is_decimal ? decimal_bytes(field.precision) : 0,
                      .groups = groups});
    return;
  }
  const GroupMeaning meaning = field.type == FieldType::list  ? GroupMeaning::list
                               : field.type == FieldType::map ? GroupMeaning::map
                                                              : GroupMeaning::none;
  groups.push_back({.name = std::move(name),
                    .repetition = field.optional ? Repetition::optional : Repetition::required,
                    .meaning = meaning});
  if (meaning == GroupMeaning::list) {
    append_list(field, groups, schema);
  } else if (meaning == GroupMeaning::map) {
    append_map(field, groups, schema);
  } else {
    for (const Field& inner : field.fields) {
      append_field(inner, inner.name, groups, schema);
    }
  }
  groups.pop_back();
}

// Writing

bool is_time(Meaning meaning) {
  return meaning == Meaning::time_ms || meaning == Meaning::time_us || meaning == Meaning::local_time_ms ||
         meaning == Meaning::local_time_us;
}

bool is_local(Meaning meaning) {
  return meaning == Meaning::local_time_ms || meaning == Meaning::local_time_us;
}

bool is_in_millis(Meaning meaning) {
  return meaning == Meaning::time_ms || meaning == Meaning::local_time_ms;
}

// The older way to tell it, which has no times without a zone. -1: none.
std::int64_t converted_type(Meaning meaning) {
  switch (meaning) {
    case Meaning::text:
      return k_utf8;
    case Meaning::date:
      return k_date;
    case Meaning::time_ms:
      return k_timestamp_millis;
    case Meaning::time_us:
      return k_timestamp_micros;
    case Meaning::decimal:
      return k_decimal;
    case Meaning::none:
    case Meaning::local_time_ms:
    case Meaning::local_time_us:
      break;
  }
  return -1;
}

void write_time(ThriftWriter& out, Meaning meaning) {
  out.begin(k_logical_timestamp);
  out.boolean(1, !is_local(meaning));
  out.begin(2);
  out.begin(is_in_millis(meaning) ? k_milliseconds : k_microseconds);
  out.end();
  out.end();
}

// Fields 6 to 10.
void write_meaning(ThriftWriter& out, const Column& column) {
  if (const std::int64_t converted = converted_type(column.meaning); converted >= 0) {
    out.int32(6, converted);
  }
  if (column.meaning == Meaning::none) {
    return;
  }
  if (column.meaning == Meaning::decimal) {
    out.int32(7, column.scale);
    out.int32(8, column.precision);
  }
  out.begin(10);
  if (is_time(column.meaning)) {
    write_time(out, column.meaning);
  } else if (column.meaning == Meaning::decimal) {
    out.begin(k_logical_decimal);
    out.int32(1, column.scale);
    out.int32(2, column.precision);
  } else {
    out.begin(column.meaning == Meaning::text ? k_logical_string : k_logical_date);
  }
  out.end();
  out.end();
}

void write_column(ThriftWriter& out, const Column& column) {
  out.begin_element();
  out.int32(1, static_cast<std::int64_t>(column.type));
  if (column.type == Type::fixed) {
    out.int32(2, column.length);
  }
  out.int32(3, static_cast<std::int64_t>(column.optional ? Repetition::optional : Repetition::required));
  out.binary(4, column.name);
  write_meaning(out, column);
  out.end();
}

void write_group_element(ThriftWriter& out, const Group& group, std::size_t members) {
  out.begin_element();
  out.int32(3, static_cast<std::int64_t>(group.repetition));
  out.binary(4, group.name);
  out.int32(5, static_cast<std::int64_t>(members));
  if (group.meaning != GroupMeaning::none) {
    const bool is_list = group.meaning == GroupMeaning::list;
    out.int32(6, is_list ? k_list : k_map);
    out.begin(10);
    out.begin(is_list ? k_logical_list : k_logical_map);
    out.end();
    out.end();
  }
  out.end();
}

// How many columns from the front are the first member of what lies in `depth` groups: one, or those of a
// group.
std::size_t first_member(Columns columns, std::size_t depth) {
  const Column& first = columns.front();
  std::size_t count = 1;
  while (first.groups.size() > depth && count < columns.size() && columns[count].groups.size() > depth &&
         columns[count].groups[depth] == first.groups[depth]) {
    ++count;
  }
  return count;
}

std::size_t count_members(Columns columns, std::size_t depth) {
  std::size_t count = 0;
  for (; !columns.empty(); ++count) {
    columns = columns.subspan(first_member(columns, depth));
  }
  return count;
}

std::size_t count_elements(Columns columns, std::size_t depth) {
  std::size_t count = 0;
  while (!columns.empty()) {
    const Columns member = columns.first(first_member(columns, depth));
    count += member.front().groups.size() > depth ? 1 + count_elements(member, depth + 1) : 1;
    columns = columns.subspan(member.size());
  }
  return count;
}

void write_members(ThriftWriter& out, Columns columns, std::size_t depth) {
  while (!columns.empty()) {
    const Columns member = columns.first(first_member(columns, depth));
    if (member.front().groups.size() > depth) {
      write_group_element(out, member.front().groups[depth], count_members(member, depth + 1));
      write_members(out, member, depth + 1);
    } else {
      write_column(out, member.front());
    }
    columns = columns.subspan(member.size());
  }
}

// Reading

struct Element {
  std::int64_t type = -1;
  std::int64_t repetition = 0;
  std::int64_t children = 0;
  Column column;
  GroupMeaning group_meaning = GroupMeaning::none;
  bool is_known = true;
};

Meaning time_of(bool is_utc, bool in_millis) {
  if (is_utc) {
    return in_millis ? Meaning::time_ms : Meaning::time_us;
  }
  return in_millis ? Meaning::local_time_ms : Meaning::local_time_us;
}

void read_time(ThriftReader& in, Element& element) {
  bool is_utc = false;
  std::int16_t unit = 0;
  while (const auto field = in.next()) {
    if (field->id == 1) {
      is_utc = in.boolean(*field);
    } else if (field->id == 2) {
      in.enter(*field);
      while (const auto member = in.next()) {
        unit = member->id;
        in.skip(*member);
      }
    } else {
      in.skip(*field);
    }
  }
  element.is_known = element.is_known && (unit == k_milliseconds || unit == k_microseconds);
  element.column.meaning = time_of(is_utc, unit == k_milliseconds);
}

void read_meaning(ThriftReader& in, Element& element) {
  while (const auto member = in.next()) {
    switch (member->id) {
      case k_logical_timestamp:
        in.enter(*member);
        read_time(in, element);
        continue;
      case k_logical_string:
        element.column.meaning = Meaning::text;
        break;
      case k_logical_date:
        element.column.meaning = Meaning::date;
        break;
      case k_logical_decimal:
        element.column.meaning = Meaning::decimal;
        break;
      case k_logical_list:
        element.group_meaning = GroupMeaning::list;
        break;
      case k_logical_map:
        element.group_meaning = GroupMeaning::map;
        break;
      default:
        element.is_known = false;
    }
    in.skip(*member);
  }
}

std::uint32_t read_small(ThriftReader& in, const ThriftReader::Field& field) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(in.integer(field), 0, INT32_MAX));
}

Element read_element(ThriftReader& in) {
  Element element;
  while (const auto field = in.next()) {
    switch (field->id) {
      case 1:
        element.type = in.integer(*field);
        break;
      case 2:
        element.column.length = read_small(in, *field);
        break;
      case 3:
        element.repetition = in.integer(*field);
        break;
      case 4:
        element.column.name = in.binary(*field);
        break;
      case 5:
        element.children = in.integer(*field);
        break;
      case 7:
        element.column.scale = read_small(in, *field);
        break;
      case 8:
        element.column.precision = read_small(in, *field);
        break;
      case 10:
        in.enter(*field);
        read_meaning(in, element);
        break;
      default:
        in.skip(*field);
    }
  }
  return element;
}

bool is_number(Type type) {
  return type == Type::int32 || type == Type::int64;
}

// Whether the type is one that we write, and has the meaning that it may have.
bool is_column(const Element& element) {
  const Column& column = element.column;
  if (element.type < 0 || element.type == 3 || element.type > 7 || element.repetition > 1 ||
      element.group_meaning != GroupMeaning::none) {
    return false;
  }
  const auto type = static_cast<Type>(element.type);
  switch (column.meaning) {
    case Meaning::none:
      return type != Type::fixed;
    case Meaning::text:
      return type == Type::byte_array;
    case Meaning::date:
      return type == Type::int32;
    case Meaning::decimal:
      return type == Type::fixed && column.precision >= 1 && column.precision <= 38 &&
             column.length == decimal_bytes(column.precision);
    case Meaning::time_ms:
    case Meaning::time_us:
    case Meaning::local_time_ms:
    case Meaning::local_time_us:
      break;
  }
  return type == Type::int64;
}

class SchemaReader {
 public:
  explicit SchemaReader(Schema& schema) : schema_(schema) {}

  // The next element, behind the root. False: it is none of ours.
  bool add(Element element) {
    if (open_.empty() || !element.is_known || element.repetition < 0 || element.repetition > 2) {
      return false;
    }
    --open_.back();
    if (element.children > 0) {
      if (element.type >= 0 || groups_.size() == k_group_depth_max) {
        return false;
      }
      groups_.push_back({.name = std::move(element.column.name),
                         .repetition = static_cast<Repetition>(element.repetition),
                         .meaning = element.group_meaning});
      open_.push_back(element.children);
      return true;
    }
    if (!is_column(element)) {
      return false;
    }
    Column& column = schema_.emplace_back(std::move(element.column));
    column.type = static_cast<Type>(element.type);
    column.optional = element.repetition == 1;
    column.groups = groups_;
    close();
    return true;
  }

  void open_root(std::int64_t members) { open_.push_back(members); }
  bool is_whole() const { return open_.empty(); }

 private:
  // Those that have all their members.
  void close() {
    while (!open_.empty() && open_.back() == 0) {
      open_.pop_back();
      if (!groups_.empty()) {
        groups_.pop_back();
      }
    }
  }

  Schema& schema_;
  std::vector<Group> groups_;
  std::vector<std::int64_t> open_;  // members that are missing, of the root and of each of groups_
};

}  // namespace

std::uint8_t Column::definition_max() const {
  const auto counts = [](const Group& group) { return group.repetition != Repetition::required; };
  return static_cast<std::uint8_t>(std::ranges::count_if(groups, counts) + (optional ? 1 : 0));
}

std::uint8_t Column::repetition_max() const {
  const auto counts = [](const Group& group) { return group.repetition == Repetition::repeated; };
  return static_cast<std::uint8_t>(std::ranges::count_if(groups, counts));
}

unsigned level_bits(std::uint8_t greatest) {
  return static_cast<unsigned>(std::bit_width(unsigned{greatest}));
}

// Of the precision p, log2(10^p) bits and one for the sign; for example 18 digits: 59.8, so 61 bits, 8 bytes.
std::uint32_t decimal_bytes(std::uint32_t precision) {
  constexpr std::uint32_t k_bits_of_digit = 33'220;  // times 10,000, rounded up
  const std::uint32_t bits = (precision * k_bits_of_digit + 9'999) / 10'000 + 1;
  return (bits + 7) / 8;
}

Schema columns_of(const Table& table) {
  Schema schema;
  std::vector<Group> groups;
  for (const Field& field : table.fields) {
    append_field(field, field.name, groups, schema);
  }
  return schema;
}

Encoding encoding_of(Type type, bool has_dictionary) {
  if (is_number(type)) {
    return Encoding::delta_binary_packed;
  }
  return has_dictionary ? Encoding::rle_dictionary : Encoding::plain;
}

void write_schema(ThriftWriter& out, const Schema& schema) {
  out.begin_list(2, ThriftType::structure, 1 + count_elements(schema, 0));
  out.begin_element();
  out.binary(4, "record");
  out.int32(5, static_cast<std::int64_t>(count_members(schema, 0)));
  out.end();
  write_members(out, schema, 0);
}

bool read_schema(ThriftReader& in, const ThriftReader::Field& field, Schema& schema) {
  const ThriftReader::List list = in.list(field);
  if (list.count < 2 || list.count > k_elements_max) {
    return false;
  }
  SchemaReader reader(schema);
  for (std::size_t i = 0; i < list.count; ++i) {
    in.enter(list.element);
    Element element = read_element(in);
    if (in.failed()) {
      return false;
    }
    if (i == 0) {
      reader.open_root(element.children);
    } else if (!reader.add(std::move(element))) {
      return false;
    }
  }
  return reader.is_whole();
}

}  // namespace penstock::codec::parquet
