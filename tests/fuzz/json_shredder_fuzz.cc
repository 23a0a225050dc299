// A value that may be JSON, taken apart. One byte in front: the schema. What has columns must be just what
// follows the grammar of JSON and is an object, and what is rescued must be JSON.
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

Shredder& shredder_of(std::size_t choice) {
  static const std::vector<std::unique_ptr<Shredder>> shredders = [] {
    std::vector<std::unique_ptr<Shredder>> made;
    for (const char* text : k_schemas) {
      made.push_back(make_json_shredder(ValueSchema::read(text).table_of_json.value()));
    }
    return made;
  }();
  return *shredders[choice % shredders.size()];
}

void run(std::string_view input) {
  if (input.empty()) {
    return;
  }
  Shredder& shredder = shredder_of(static_cast<unsigned char>(input.front()));
  // In memory of its own, so that a read behind it is seen.
  const std::vector<char> value(input.begin() + 1, input.end());
  const std::string_view text(value.data(), value.size());
  const Row& row = shredder.shred(as_bytes(text));
  RowAssembly::json_of(shredder.table(), row);
  CHECK((row.rescued.empty() || follows_json_grammar(row.rescued)));
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_object = first != std::string_view::npos && text[first] == '{' && follows_json_grammar(text);
  CHECK(shredder.was_undecoded() == !is_object);
  CHECK((is_object || !row.rescued.empty()));
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
