// A value that may be JSON, taken apart. One byte in front: the schema. What has columns must be just what
// follows the grammar of JSON and is an object, and what is rescued must be JSON. So must it be in the table
// of another schema that has grown by this one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "../unit/codec/row_assembly.h"
#include "base/check.h"
#include "codec/json_grammar.h"
#include "codec/json_shredder.h"
#include "codec/table_growth.h"
#include "codec/table_rules.h"
#include "codec/value_schema.h"

namespace penstock::codec {
namespace {

constexpr std::array<const char*, 3> k_schemas{
    R"({"properties":{"a":{"type":"integer"},"b":{"type":["string","null"]},"c":{"items":{"properties":{
        "x":{"type":"number"},"y":{"additionalProperties":{"type":"boolean"}}}}},"d":{},
        "e":{"properties":{"at":{"type":"string","format":"date-time"},"day":{"type":"string","format":"date"}}}}})",
    R"({"type":"record","name":"R","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":9,
        "scale":2}},{"name":"b","type":"bytes"},{"name":"c","type":"int"},{"name":"d","type":"float"},
        {"name":"e","type":{"type":"long","logicalType":"local-timestamp-millis"}}]})",
    R"({"properties":{"a":{"items":{"items":{"type":"string"}}}}})",
};

struct Target {
  std::unique_ptr<Shredder> shredder;
  std::unique_ptr<Shredder> into_other;   // the table of another schema, grown by this one
  std::unique_ptr<Shredder> into_record;  // the same, with this one's fields in a column
};

Table optional_table_of(std::size_t schema) {
  Table table = ValueSchema::read(k_schemas[schema % k_schemas.size()]).table_of_json.value();
  make_optional(table.fields);
  return table;
}

Target& target_of(std::size_t choice) {
  static std::vector<Target> targets = [] {
    std::vector<Target> made;
    for (std::size_t i = 0; i < k_schemas.size(); ++i) {
      const Table written = optional_table_of(i);
      const Table other = optional_table_of(i + 1);
      const auto into_other = std::make_shared<const Table>(grown(other, written));
      const auto into_record = std::make_shared<const Table>(grown(other, written, "R"));
      made.push_back({make_json_shredder(written), make_json_shredder(written, into_other),
                      make_json_shredder(written, into_record, "R")});
    }
    return made;
  }();
  return targets[choice % targets.size()];
}

void check_row(Shredder& shredder, std::string_view text, bool is_object) {
  const Row& row = shredder.shred(as_bytes(text));
  RowAssembly::json_of(shredder.table(), row);
  CHECK((row.rescued.empty() || follows_json_grammar(row.rescued)));
  CHECK(shredder.was_undecoded() == !is_object);
  CHECK((is_object || !row.rescued.empty()));
  CHECK((!shredder.was_in_conflict() || (is_object && !row.rescued.empty())));
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  Target& target = target_of(static_cast<unsigned char>(input.front()));
  // In memory of its own, so that a read behind it is seen.
  const std::vector<char> value(input.begin() + 1, input.end());
  const std::string_view text(value.data(), value.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_object = first != std::string_view::npos && text[first] == '{' && follows_json_grammar(text);
  check_row(*target.shredder, text, is_object);
  CHECK(!target.shredder->was_in_conflict());
  check_row(*target.into_other, text, is_object);
  check_row(*target.into_record, text, is_object);
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
