// Values taken apart into columns: the shredders alone, and from records to the bytes of a file, in spans and
// slabs as BatchWriter has them. The values are the same requests as JSON and as Avro. A file has so many
// slabs here, and then its end.
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/record_view.h"
#include "base/types.h"
#include "codec/avro_schema.h"
#include "codec/avro_shredder.h"
#include "codec/avro_table.h"
#include "codec/json_shredder.h"
#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "format/file_columns.h"
#include "format/known_schemas.h"
#include "format/parquet_encoder.h"
#include "format/parquet_table_encoder.h"
#include "format/record_format.h"
#include "format/shredded_values.h"
#include "format/topic_table.h"
#include "replay/requests.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_columns_slab_bytes = std::size_t{1} << 20;
constexpr std::size_t k_columns_span_records = 256;
constexpr std::size_t k_columns_slabs = 16;  // of a file
constexpr std::size_t k_cells_beside_lists = 12;
constexpr std::size_t k_cells_of_item = 4;

enum class Written { json, avro };

// Their rows fit into a slab, with what a row has beside the value.
std::size_t slab_records(std::size_t json_bytes_mean) {
  return k_columns_slab_bytes / (json_bytes_mean + 128);
}

struct Requests {
  Requests(Written written, std::size_t json_bytes_mean)
      : schema(std::make_shared<const codec::AvroSchema>(codec::AvroSchema::parse(k_request_schema).value())),
        is_json(written == Written::json) {
    RequestStream stream(1, json_bytes_mean);
    while (values.size() < k_columns_slabs * slab_records(json_bytes_mean)) {
      const Request request = stream.next();
      const std::string json = request.json();
      values.push_back(is_json ? json : request.avro());
      bytes += values.back().size();
      cells += k_cells_beside_lists + std::max<std::size_t>(request.tags.size(), 1) +
               k_cells_of_item * std::max<std::size_t>(request.items.size(), 1);
    }
  }

  std::unique_ptr<codec::Shredder> shredder() const {
    codec::Table table = codec::table_of_avro(*schema).value();
    return is_json ? codec::make_json_shredder(std::move(table))
                   : codec::make_avro_shredder(schema, std::move(table));
  }

  std::shared_ptr<const codec::AvroSchema> schema;
  std::vector<std::string> values;
  bool is_json;
  std::size_t bytes = 0;
  std::size_t cells = 0;
};

void shred(benchmark::State& state, Written written) {
  const Requests requests(written, static_cast<std::size_t>(state.range(0)));
  const std::unique_ptr<codec::Shredder> shredder = requests.shredder();
  std::size_t cells = 0;
  bool whole = true;
  for (auto _ : state) {
    cells = 0;
    for (const std::string& value : requests.values) {
      const codec::Row& row = shredder->shred(as_bytes(value));
      cells += row.cells.size();
      whole = whole && row.rescued.empty() && !shredder->was_undecoded();
    }
  }
  if (!whole || cells != requests.cells) {
    state.SkipWithError("a value does not become its cells");
    return;
  }
  state.SetLabel(std::to_string(requests.bytes / requests.values.size()) + " bytes each");
  state.SetItemsProcessed(static_cast<std::int64_t>(requests.values.size()) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(requests.bytes) * state.iterations());
}

struct WrittenFile {
  std::size_t bytes = 0;
  std::size_t undecoded = 0;

  void add(const format::Encoder::Step& step) {
    bytes += step.produced;
    undecoded += step.undecoded;
  }
};

// Each slab of records is framed, and taken apart; then the file ends.
WrittenFile write_file(format::Encoder& encoder, const format::RowContext& context,
                       std::span<const RecordView> records, MutableBytes raw, MutableBytes out) {
  WrittenFile file;
  encoder.begin_file({.attempt = "00112233445566778899aabbccddeeff", .begun = false, .topic = "orders"});
  const std::size_t in_slab = records.size() / k_columns_slabs;
  for (; records.size() >= in_slab; records = records.subspan(in_slab)) {
    std::size_t bytes = 0;
    for (std::size_t at = 0; at < in_slab;) {
      const std::size_t count = std::min(k_columns_span_records, in_slab - at);
      const format::Framed framed = format::frame(context, records.subspan(at, count), raw.subspan(bytes));
      CHECK(framed.records == count);
      at += count;
      bytes += framed.bytes;
    }
    encoder.begin_unit(in_slab, bytes);
    for (Bytes left = Bytes(raw).first(bytes); !left.empty();) {
      const format::Encoder::Step step = encoder.encode(left, out, format::Encoder::End::more);
      left = left.subspan(step.consumed);
      file.add(step);
    }
  }
  for (bool ended = false; !ended;) {
    const format::Encoder::Step step = encoder.encode({}, out, format::Encoder::End::file);
    ended = step.ended;
    file.add(step);
  }
  return file;
}

std::vector<RecordView> records_of(const std::vector<std::string>& values) {
  std::vector<RecordView> records;
  for (const std::string& value : values) {
    records.push_back({.offset = Offset{static_cast<std::int64_t>(records.size())},
                       .timestamp_ms = 1'764'432'000'000,
                       .key = {},
                       .value = as_bytes(value),
                       .headers = {},
                       .null_key = true,
                       .null_value = false,
                       .timestamp_type = TimestampType::created});
  }
  return records;
}

void columns(benchmark::State& state, Written written, codec::Compression compression) {
  const Requests requests(written, static_cast<std::size_t>(state.range(0)));
  const auto values = std::make_shared<const format::ShreddedValues>(format::ShreddedValues{
      .make_shredder = [&requests](const auto& /*room*/) { return requests.shredder(); }});
  const format::RowContext context{
      .rows = format::RowFormat::parquet, .topic = "orders", .shredded = values.get()};
  const std::vector<RecordView> records = records_of(requests.values);
  std::vector<std::byte> raw(k_columns_slab_bytes);
  std::vector<std::byte> out(2 * k_columns_slab_bytes);
  format::ParquetShared shared;
  WrittenFile file;
  for (auto _ : state) {
    file = write_file(*format::make_parquet_table_encoder(compression, shared, values), context, records, raw,
                      out);
    benchmark::ClobberMemory();
  }
  if (file.undecoded > 0) {
    state.SkipWithError("a value is not decoded");
    return;
  }
  state.SetLabel(std::to_string(requests.bytes / records.size()) + " bytes each, the file has " +
                 std::to_string(100 * file.bytes / requests.bytes) + " %");
  state.SetItemsProcessed(static_cast<std::int64_t>(records.size()) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(requests.bytes) * state.iterations());
}

// Values whose ids name so many versions of their schema, by turns. The versions differ only in the id.
void columns_versions(benchmark::State& state) {
  const auto versions = static_cast<std::size_t>(state.range(0));
  const Requests requests(Written::avro, 300);
  std::vector<std::string> values;
  for (const std::string& value : requests.values) {
    const char id = static_cast<char>(values.size() % versions);
    values.push_back(std::string(4, '\0') + id + value);
  }
  const std::vector<RecordView> records = records_of(values);
  auto shredded = std::make_shared<format::ShreddedValues>();
  shredded->framing = codec::SchemaFraming::confluent;
  shredded->topic = std::make_shared<format::TopicColumns>(std::make_shared<format::TopicTable>());
  std::vector<std::byte> raw(k_columns_slab_bytes);
  std::vector<std::byte> out(2 * k_columns_slab_bytes);
  format::ParquetShared shared;
  WrittenFile file;
  const auto schema = std::make_shared<const codec::RegisteredSchema>(
      codec::RegisteredSchema::of_avro(k_request_schema).value());
  for (auto _ : state) {
    const auto columns = std::make_shared<format::FileColumns>(shredded->topic, shared.schemas);
    for (std::size_t i = 0; i < versions; ++i) {
      codec::SchemaId id;
      id.bytes.back() = static_cast<std::uint8_t>(i);
      CHECK(columns->admit(id, schema, nullptr, false));
    }
    const format::RowContext context{.rows = format::RowFormat::parquet,
                                     .topic = "orders",
                                     .shredded = shredded.get(),
                                     .columns = columns.get()};
    file =
        write_file(*format::make_parquet_table_encoder(codec::Compression::none, shared, shredded, columns),
                   context, records, raw, out);
    benchmark::ClobberMemory();
  }
  if (file.undecoded > 0) {
    state.SkipWithError("a value is not decoded");
    return;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(records.size()) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(requests.bytes) * state.iterations());
}

void shred_json(benchmark::State& state) {
  shred(state, Written::json);
}
void shred_avro(benchmark::State& state) {
  shred(state, Written::avro);
}
void columns_json_none(benchmark::State& state) {
  columns(state, Written::json, codec::Compression::none);
}
void columns_json_zstd(benchmark::State& state) {
  columns(state, Written::json, codec::Compression::zstd);
}
void columns_avro_none(benchmark::State& state) {
  columns(state, Written::avro, codec::Compression::none);
}
void columns_avro_zstd(benchmark::State& state) {
  columns(state, Written::avro, codec::Compression::zstd);
}

BENCHMARK(shred_json)->Arg(300)->Arg(1024);
BENCHMARK(shred_avro)->Arg(300)->Arg(1024);
BENCHMARK(columns_json_none)->Arg(300)->Arg(1024);
BENCHMARK(columns_json_zstd)->Arg(300)->Arg(1024);
BENCHMARK(columns_avro_none)->Arg(300)->Arg(1024);
BENCHMARK(columns_avro_zstd)->Arg(300)->Arg(1024);
BENCHMARK(columns_versions)->Arg(1)->Arg(16);

}  // namespace
}  // namespace penstock::bench
