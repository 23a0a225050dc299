// The text of a schema of either kind. A table that is made of it must be within its bounds, and take values
// apart.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../unit/codec/row_assembly.h"
#include "base/check.h"
#include "base/utf8.h"
#include "codec/json_shredder.h"
#include "codec/table_rules.h"
#include "codec/table_text.h"
#include "codec/value_schema.h"

namespace penstock::codec {
namespace {

std::size_t depth_of(const std::vector<Field>& fields) {
  std::size_t depth = 0;
  for (const Field& field : fields) {
    depth = std::max(depth, 1 + depth_of(field.fields));
  }
  return depth;
}

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

void check_table(const Result<Table>& table) {
  if (!table.ok()) {
    check_message(table.error().message);
    return;
  }
  CHECK(leaf_count(*table) >= 1U);
  CHECK(leaf_count(*table) <= k_table_leaves_max);
  CHECK(depth_of(table->fields) <= k_table_depth_max + 1);
  CHECK(!spark_columns(&*table).empty());
  const auto shredder = make_json_shredder(*table);
  RowAssembly::json_of(shredder->table(), shredder->shred(as_bytes("{\"a\":{\"b\":[1,{}]},\"b\":\"x\"}")));
}

void run(std::string_view text) {
  const ValueSchema schema = ValueSchema::read(text);
  check_table(schema.table_of_avro);
  check_table(schema.table_of_json);
}

}  // namespace
}  // namespace penstock::codec

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::codec::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
