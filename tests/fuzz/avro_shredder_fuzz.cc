// A value in Avro's binary encoding, taken apart. One byte in front: the schema. The cells must make a row
// that can be put together again, whatever the value is. What can be JSON must have columns. So must it in
// the table of another schema that has grown by this one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "../unit/codec/row_assembly.h"
#include "base/check.h"
#include "base/concat.h"
#include "codec/avro_json.h"
#include "codec/avro_shredder.h"
#include "codec/avro_table.h"
#include "codec/json_grammar.h"
#include "codec/table_growth.h"
#include "codec/table_rules.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_room_bytes = std::size_t{1} << 16;

constexpr std::array<const char*, 5> k_schemas{
    R"({"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]},
        {"name":"c","type":{"type":"array","items":{"type":"map","values":["double","null"]}}},
        {"name":"d","type":{"type":"map","values":"bytes"}},{"name":"e","type":"boolean"}]})",
    R"({"type":"record","name":"List","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","List"]},
        {"name":"s","type":["null",{"type":"record","name":"S","fields":[{"name":"x","type":["null","int","string"]},
        {"name":"y","type":{"type":"array","items":{"type":"enum","name":"E","symbols":["a","b\"","c"]}}}]}]}]})",
    R"({"type":"array","items":{"type":"array","items":"null"}})",
    R"({"type":"record","name":"T","fields":[{"name":"a","type":{"type":"int","logicalType":"date"}},
        {"name":"b","type":{"type":"int","logicalType":"time-millis"}},
        {"name":"c","type":{"type":"array","items":{"type":"long","logicalType":"timestamp-millis"}}},
        {"name":"d","type":{"type":"long","logicalType":"timestamp-nanos"}},
        {"name":"e","type":{"type":"long","logicalType":"local-timestamp-micros"}}]})",
    R"({"type":"array","items":{"type":"record","name":"D","fields":[
        {"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":60,"scale":2}},
        {"name":"c","type":{"type":"fixed","name":"F","size":17,"logicalType":"decimal","precision":38,"scale":0}},
        {"name":"d","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},{"name":"e","type":"float"}]}})",
};

struct Target {
  std::shared_ptr<const AvroSchema> schema;
  std::unique_ptr<Shredder> shredder;
  std::unique_ptr<Shredder> into_other;   // the table of another schema, grown by this one
  std::unique_ptr<Shredder> into_record;  // likewise, by a column that has the fields of this one in it
};

Table optional_table_of(const AvroSchema& schema) {
  Table table = table_of_avro(schema).value();
  make_optional(table.fields);
  return table;
}

Target& target_of(std::size_t choice) {
  static std::vector<Target> targets = [] {
    std::vector<Target> made;
    for (std::size_t i = 0; i < k_schemas.size(); ++i) {
      const auto schema = std::make_shared<const AvroSchema>(AvroSchema::parse(k_schemas[i]).value());
      const Table other = optional_table_of(AvroSchema::parse(k_schemas[(i + 1) % k_schemas.size()]).value());
      const Table written = optional_table_of(*schema);
      const auto in_other = std::make_shared<const Table>(grown(other, written));
      const auto in_record = std::make_shared<const Table>(grown(other, written, "R"));
      made.push_back({schema, make_avro_shredder(schema, table_of_avro(*schema).value()),
                      make_avro_shredder(schema, written, in_other),
                      make_avro_shredder(schema, written, in_record, "R")});
    }
    return made;
  }();
  return targets[choice % targets.size()];
}

// Of a row that is refused.
bool has_too_many_cells(const Row& row) {
  return row.rescued.ends_with(concat("\"_reason\":\"", to_string(AvroFault::too_many_items), "\"}"));
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  Target& target = target_of(static_cast<unsigned char>(input.front()));
  const Bytes value = as_bytes(input.substr(1));
  const Row& row = target.shredder->shred(value);
  const std::string columns = RowAssembly::json_of(target.shredder->table(), row);
  CHECK((row.rescued.empty() || follows_json_grammar(row.rescued)));
  const bool was_undecoded = target.shredder->was_undecoded();
  for (Shredder* const other : {target.into_other.get(), target.into_record.get()}) {
    const Row& in_other = other->shred(value);
    RowAssembly::json_of(other->table(), in_other);
    CHECK((in_other.rescued.empty() || follows_json_grammar(in_other.rescued)));
    CHECK((was_undecoded || !other->was_undecoded() || has_too_many_cells(in_other)));
  }
  if (was_undecoded && has_too_many_cells(row)) {  // which is no fault of its JSON
    return;
  }
  static std::vector<std::byte> room(k_room_bytes);
  const AvroJson json = write_avro_json(*target.schema, value, room);
  if (json.fault == AvroFault::no_room) {
    return;
  }
  CHECK(target.shredder->was_undecoded() == (json.fault != AvroFault::none));
  if (row.rescued.empty() && target.schema->root().type == AvroType::record) {
    CHECK(columns == as_text(Bytes(room).first(json.bytes)));
  }
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
