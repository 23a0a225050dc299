// Values in Avro as JSON: records of twelve fields, small ones and ones with a text of half a kilobyte.
// Beside it the check of the same records as JSON, which records that come as JSON need.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/types.h"
#include "codec/avro_json.h"
#include "codec/avro_schema.h"
#include "codec/json_check.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_avro_values = 1024;

const char* const k_avro_schema = R"({"type":"record","name":"Request","fields":[
  {"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"method","type":"string"},
  {"name":"path","type":"string"},{"name":"status","type":"int"},{"name":"duration_us","type":"long"},
  {"name":"user","type":["null","string"]},{"name":"trace_id","type":"string"},{"name":"cached","type":"boolean"},
  {"name":"score","type":"double"},{"name":"tags","type":{"type":"array","items":"string"}},
  {"name":"region","type":{"type":"enum","name":"Region","symbols":["westeurope","northeurope"]}},
  {"name":"body","type":["null","string"]}]})";

void put_long(std::string& out, std::int64_t number) {
  auto bits = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
  for (; bits >= 0x80; bits >>= 7) {
    out += static_cast<char>(bits | 0x80);
  }
  out += static_cast<char>(bits);
}

void put_text(std::string& out, std::string_view text) {
  put_long(out, static_cast<std::int64_t>(text.size()));
  out += text;
}

std::string avro_request(std::size_t number, std::size_t body_bytes) {
  std::string out;
  put_long(out, 1'764'432'000'000 + static_cast<std::int64_t>(number) * 37);
  put_text(out, "GET");
  put_text(out, "/v1/orders/" + std::to_string(100'000 + number));
  put_long(out, 200);
  put_long(out, static_cast<std::int64_t>(1000 + number * 13 % 90'000));
  put_long(out, 1);
  put_text(out, "user-" + std::to_string(number % 977));
  put_text(out, "4bf92f3577b34da6a3ce929d0e0e4736");
  out += static_cast<char>(number % 2);
  const double score = static_cast<double>(number % 1000) / 8;
  out.append(reinterpret_cast<const char*>(&score), sizeof score);
  put_long(out, 2);
  put_text(out, "mobile");
  put_text(out, "eu");
  put_long(out, 0);
  put_long(out, static_cast<std::int64_t>(number % 2));
  put_long(out, body_bytes == 0 ? 0 : 1);
  if (body_bytes > 0) {
    put_text(out, std::string(body_bytes, 'b'));
  }
  return out;
}

struct AvroSample {
  explicit AvroSample(std::size_t body_bytes) {
    for (std::size_t i = 0; i < k_avro_values; ++i) {
      values.push_back(avro_request(i, body_bytes));
      bytes += values.back().size();
    }
  }

  std::vector<std::string> values;
  std::size_t bytes = 0;
};

// Bytes are those of the values in Avro; the label has those of the JSON.
void avro_to_json(benchmark::State& state) {
  const codec::AvroSchema schema = codec::AvroSchema::parse(k_avro_schema).value();
  const AvroSample sample(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> slab(8 * sample.bytes + 4096);
  std::size_t used = 0;
  for (auto _ : state) {
    used = 0;
    for (const std::string& value : sample.values) {
      const codec::AvroJson json =
          codec::write_avro_json(schema, as_bytes(value), MutableBytes(slab).subspan(used));
      CHECK(json.fault == codec::AvroFault::none);
      used += json.bytes;
    }
    benchmark::ClobberMemory();
  }
  std::size_t regions = 0;
  const std::string_view text = as_text(Bytes(slab).first(used));
  for (std::size_t at = 0; (at = text.find("europe\",\"body\":", at)) != std::string_view::npos; ++at) {
    ++regions;
  }
  if (regions != k_avro_values) {
    state.SkipWithError("a value is not decoded");
    return;
  }
  state.SetLabel(std::to_string(sample.bytes / k_avro_values) + " bytes of Avro, " +
                 std::to_string(used / k_avro_values) + " of JSON");
  state.SetItemsProcessed(static_cast<std::int64_t>(k_avro_values) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(sample.bytes) * state.iterations());
}

// The JSON that the other writes. Bytes are those of the JSON.
void json_check_of_the_same(benchmark::State& state) {
  const codec::AvroSchema schema = codec::AvroSchema::parse(k_avro_schema).value();
  const AvroSample sample(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> slab(8 * sample.bytes + 4096);
  std::vector<std::size_t> ends{0};
  for (const std::string& value : sample.values) {
    ends.push_back(
        ends.back() +
        codec::write_avro_json(schema, as_bytes(value), MutableBytes(slab).subspan(ends.back())).bytes);
  }
  codec::JsonCheck check;
  std::size_t good = 0;
  for (auto _ : state) {
    good = 0;
    for (std::size_t i = 0; i < k_avro_values; ++i) {
      good += check.is_json_padded(Bytes(slab).subspan(ends[i], ends[i + 1] - ends[i])) ? 1 : 0;
    }
  }
  if (good != k_avro_values) {
    state.SkipWithError("a value is not taken for JSON");
    return;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(k_avro_values) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(ends.back()) * state.iterations());
}

BENCHMARK(avro_to_json)->Arg(0)->Arg(512);
BENCHMARK(json_check_of_the_same)->Arg(0)->Arg(512);

}  // namespace
}  // namespace penstock::bench
