// Values that are taken apart, and become the columns of their file: of RowFormat::parquet with a schema.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "codec/avro_framing.h"
#include "codec/table.h"

namespace penstock::format {

struct ShreddedValues {
  // All that it makes are of one table (CHECK). Shredders come and go while files are open: it should be
  // cheap. Null where ids name the schemas: each file has its own (file_columns.h).
  std::function<std::unique_ptr<codec::Shredder>()> make_shredder;
  // What stands before the values is left out.
  codec::AvroFraming framing = codec::AvroFraming::none;
  // Schema and whatever else shapes the columns, as a text that is another one when they are.
  std::string recipe = {};
  // Where ids name the schemas: what the topic's next file begins with. It grows with each version that
  // comes, and is empty when a worker begins. Null: there is one schema.
  std::shared_ptr<codec::Table> next = nullptr;
  // Then: the fields of a record lie in a column that is called as the record is.
  bool by_record = false;

  // What a file without rows has.
  codec::Table table() const { return next ? *next : make_shredder()->table(); }
};

}  // namespace penstock::format
