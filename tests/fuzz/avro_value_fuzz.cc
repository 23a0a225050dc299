// A value in Avro's binary encoding. Two bytes in front: which schema it is read by, and how much room there
// is. The room must never be left, and what fits must be JSON, and the same in a larger room.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/avro_json.h"
#include "codec/avro_schema.h"
#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_mode_bytes = 2;
constexpr std::size_t k_guard_bytes = 64;
constexpr std::size_t k_large_room_bytes = std::size_t{1} << 16;

constexpr std::array<const char*, 8> k_schemas{
    R"({"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]},
        {"name":"c","type":{"type":"array","items":"double"}},{"name":"d","type":{"type":"map","values":"bytes"}}]})",
    R"({"type":"record","name":"List","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","List"]}]})",
    R"({"type":"array","items":{"type":"array","items":"null"}})",
    R"({"type":"map","values":{"type":"enum","name":"E","symbols":["a","b\"","c"]}})",
    R"({"type":"array","items":[{"type":"int","logicalType":"date"},{"type":"int","logicalType":"time-millis"},
        {"type":"long","logicalType":"time-micros"},{"type":"long","logicalType":"timestamp-millis"},
        {"type":"long","logicalType":"timestamp-micros"},{"type":"long","logicalType":"timestamp-nanos"},
        {"type":"long","logicalType":"local-timestamp-millis"}]})",
    R"({"type":"array","items":[{"type":"bytes","logicalType":"decimal","precision":150,"scale":150},
        {"type":"bytes","logicalType":"decimal","precision":9,"scale":0},
        {"type":"fixed","name":"D","size":70,"logicalType":"decimal","precision":20,"scale":2}]})",
    R"({"type":"record","name":"F","fields":[{"name":"u","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
        {"name":"d","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
        {"name":"f","type":{"type":"fixed","name":"F3","size":3}},{"name":"x","type":"float"},{"name":"y","type":"boolean"}]})",
    R"("string")",
};

const AvroSchema& schema_of(std::size_t choice) {
  static const std::vector<AvroSchema> schemas = [] {
    std::vector<AvroSchema> made;
    for (const char* text : k_schemas) {
      made.push_back(AvroSchema::parse(text).value());
    }
    return made;
  }();
  return schemas[choice % schemas.size()];
}

void run(std::string_view input) {
  if (input.size() < k_mode_bytes) {
    return;
  }
  const auto byte = [&input](std::size_t i) { return std::size_t{static_cast<unsigned char>(input[i])}; };
  const AvroSchema& schema = schema_of(byte(0));
  const Bytes value = as_bytes(input.substr(k_mode_bytes));
  const std::size_t room_bytes = byte(1) * 4;
  std::vector<std::byte> room(room_bytes + k_guard_bytes, std::byte{'#'});
  const AvroJson json = write_avro_json(schema, value, MutableBytes(room).first(room_bytes));
  CHECK(json.bytes <= room_bytes);
  CHECK(
      std::ranges::all_of(Bytes(room).subspan(room_bytes), [](std::byte b) { return b == std::byte{'#'}; }));
  static std::vector<std::byte> large(k_large_room_bytes);
  const AvroJson again = write_avro_json(schema, value, large);
  if (json.fault != AvroFault::no_room) {
    CHECK(again.fault == json.fault);
  }
  if (again.fault == AvroFault::none) {
    const std::string_view text = as_text(Bytes(large).first(again.bytes));
    CHECK(follows_json_grammar(text));
    CHECK((text.find('\n') == text.npos && text.find('\r') == text.npos));
    CHECK((json.fault != AvroFault::none || as_text(Bytes(room).first(json.bytes)) == text));
  }
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
