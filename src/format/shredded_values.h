// Values that are taken apart, and become the columns of their file: of RowFormat::parquet with a schema.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "codec/schema_framing.h"
#include "codec/table.h"
#include "format/known_schemas.h"

namespace penstock::format {

struct ShreddedValues {
  // All that it makes are of one table (CHECK), and make their rows in `room`. If that is null, each has its
  // own. Null where ids name the schemas: each file has its own (file_columns.h).
  std::function<std::unique_ptr<codec::Shredder>(std::shared_ptr<codec::ShredRoom> room)> make_shredder;
  // What stands before the values is left out.
  codec::SchemaFraming framing = codec::SchemaFraming::none;
  // Schema and whatever else shapes the columns, as a text that is another one when they are.
  std::string recipe = {};
  // Where ids name the schemas: what the worker knows of the topic's. Null: there is one schema.
  std::shared_ptr<TopicColumns> topic = nullptr;

  // What a file without rows has.
  codec::Table table() const { return topic ? *topic->next().now() : make_shredder(nullptr)->table(); }
};

}  // namespace penstock::format
