// The text of an Avro schema. One that is taken must have values: what it makes of some bytes is JSON.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "codec/avro_json.h"
#include "codec/avro_schema.h"
#include "codec/json_grammar.h"

namespace penstock::codec {
namespace {

constexpr std::size_t k_room_bytes = 4096;

// One line of text for an operator, whatever the schema holds.
void check_message(std::string_view message) {
  CHECK(!message.empty());
  while (!message.empty()) {
    const std::size_t length = utf8_sequence(message);
    CHECK(length > 0U);
    CHECK(static_cast<unsigned char>(message.front()) >= 0x20);
    message.remove_prefix(length);
  }
}

void run(std::string_view text) {
  const Result<AvroSchema> schema = AvroSchema::parse(text);
  if (!schema.ok()) {
    check_message(schema.error().message);
    return;
  }
  CHECK(schema->written() == text);
  std::vector<std::byte> room(k_room_bytes);
  std::array<std::byte, 256> value{};
  for (const std::byte each : {std::byte{0}, std::byte{2}, std::byte{1}}) {
    value.fill(each);
    for (std::size_t bytes = 0; bytes < value.size(); ++bytes) {
      const AvroJson json = write_avro_json(*schema, Bytes(value).first(bytes), room);
      CHECK(json.bytes <= room.size());
      if (json.fault == AvroFault::none) {
        CHECK(follows_json_grammar(as_text(Bytes(room).first(json.bytes))));
      }
    }
  }
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
