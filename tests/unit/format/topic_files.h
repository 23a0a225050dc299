// A topic whose values' schemas ids name, and its files, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/varint.h"
#include "codec/parquet_reader.h"
#include "format/known_schemas.h"
#include "format/shredded_values.h"
#include "format/topic_table.h"
#include "unit/format/fake_schemas.h"
#include "unit/format/parquet_file.h"

namespace penstock::format {

inline const std::string k_id_field = R"({"name":"id","type":"long"})";
inline const std::string k_note_field = R"({"name":"note","type":["null","string"]})";
inline const std::string k_tags_field = R"({"name":"tags","type":{"type":"array","items":"string"}})";

inline std::string record_schema(const std::string& fields, const std::string& name = "R") {
  return R"({"type":"record","name":")" + name + R"(","fields":[)" + fields + "]}";
}

// So many fields behind `id`, from the one of this number on.
inline std::string many_fields(int from, int count) {
  std::string fields = k_id_field;
  for (int i = from; i < from + count; ++i) {
    fields += R"(,{"name":"c)" + std::to_string(i) + R"(","type":["null","int"]})";
  }
  return fields;
}

inline std::string avro_number(std::int64_t value) {
  char text[k_varint_bytes_max];
  return {text, put_zigzag(text, value)};
}

inline std::string avro_sized(std::string_view bytes) {
  return avro_number(static_cast<std::int64_t>(bytes.size())).append(bytes);
}

// `lines`: a list of records that have `n`, and so many fields in all.
inline std::string lines_field(int fields) {
  std::string inner = R"({"name":"n","type":"int"})";
  for (int i = 1; i < fields; ++i) {
    inner += R"(,{"name":"c)" + std::to_string(i) + R"(","type":["null","int"]})";
  }
  return R"({"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[)" + inner +
         "]}}}";
}

// Of those that have `n` alone.
inline std::string lines_value(int items) {
  std::string value = items > 0 ? avro_number(items) : "";
  for (int i = 0; i < items; ++i) {
    value += avro_number(i);
  }
  return value + avro_number(0);
}

// What is in a file is known once it has ended.
class TopicFiles {
 protected:
  explicit TopicFiles(codec::Compression compression) : compression_(compression) { forget_columns(); }

  // As if another topic came. `by_record`: the fields of a record lie in its column.
  void forget_columns(bool by_record = false) {
    auto values = std::make_shared<ShreddedValues>();
    values->framing = codec::SchemaFraming::confluent;
    values->topic = std::make_shared<TopicColumns>(std::make_shared<TopicTable>(), by_record);
    values_ = std::move(values);
    begin();
  }

  void begin() {
    maker_.reset();
    maker_.emplace(compression_, shared_, 64 * 1024, values_, schemas_);
  }

  void knows(std::uint32_t id, const std::string& fields) { knows_record(id, "R", fields); }
  void knows_record(std::uint32_t id, const std::string& name, const std::string& fields) {
    schemas_.known[FakeSchemas::number(id)] = FakeSchemas::avro(record_schema(fields, name));
  }
  void knows_json(std::uint32_t id, const std::string& properties, bool has_references = false) {
    schemas_.known[FakeSchemas::number(id)] =
        FakeSchemas::json(R"({"type":"object","properties":{)" + properties + "}}", has_references);
  }
  void knows_titled(std::uint32_t id, const std::string& title, const std::string& properties) {
    schemas_.known[FakeSchemas::number(id)] =
        FakeSchemas::json(R"({"title":")" + title + R"(","properties":{)" + properties + "}}");
  }

  static std::string framed(std::uint32_t id, const std::string& avro) {
    std::string value(1, '\0');
    for (int i = 3; i >= 0; --i) {
      value.push_back(static_cast<char>(id >> (8 * i)));
    }
    return value + avro;
  }

  bool add(const std::optional<std::string>& value) {
    return maker_->add(Partition{0}, record_at(offset_++, value));
  }
  bool add(std::uint32_t id, const std::string& avro) { return add(framed(id, avro)); }

  // Ends the file and begins the next.
  ParquetTable end() {
    file_ = maker_->end();
    undecoded_ = maker_->undecoded();
    conflicts_ = maker_->conflicts();
    begin();
    auto [table, fault] = read_parquet(file_);
    EXPECT_EQ(fault, "");
    return std::move(table);
  }

  static std::string names_of(const ParquetTable& table) {
    std::string names;
    for (std::size_t i = 0; i + 8 < table.footer.schema.size(); ++i) {
      const codec::parquet::Column& column = table.footer.schema[i];
      names += (i == 0 ? "" : " ") + (column.groups.empty() ? column.name : column.groups.front().name);
    }
    return names;
  }

  static std::string row_of(const ParquetTable& table, std::size_t row) {
    std::string text;
    for (std::size_t i = 0; i + 7 < table.footer.schema.size(); ++i) {
      text += (i == 0 ? "" : "|") + table.columns[i].at(row).value_or("-");
    }
    return text;
  }

  codec::Compression compression_;
  FakeSchemas schemas_;
  std::shared_ptr<const ShreddedValues> values_;
  ParquetShared shared_;
  std::optional<ParquetFileMaker> maker_;
  std::vector<std::byte> file_;
  std::int64_t offset_ = 0;
  std::size_t undecoded_ = 0;
  std::size_t conflicts_ = 0;
};

}  // namespace penstock::format
