// The records field of a Fetch response, decoded: checksum, decompression and a view of each record; and with
// a copy of each value behind that, as the batch writer makes it. One partition's share of a response, 128
// KiB of it or one gzip batch.
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "codec/checksum.h"
#include "codec/compressor.h"
#include "codec/decompressor.h"
#include "micro/sample_records.h"
#include "wire/byte_writer.h"
#include "wire/records_cursor.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_batch_bytes = std::size_t{16} << 10;  // librdkafka's and Java's default batch size
constexpr std::size_t k_response_bytes = std::size_t{128} << 10;
constexpr std::size_t k_records_a_step = 1000;

void varint(wire::Buffer& out, std::int64_t value) {
  wire::ByteWriter(out).unsigned_varint(static_cast<std::uint32_t>(value << 1 ^ value >> 63));
}

void append_record(wire::Buffer& out, std::int64_t delta, const std::string& value) {
  wire::Buffer body;
  body.push_back(std::byte{0});
  varint(body, delta);  // a millisecond each
  varint(body, delta);
  varint(body, -1);  // no key
  varint(body, static_cast<std::int64_t>(value.size()));
  body.insert(body.end(), as_bytes(value).begin(), as_bytes(value).end());
  varint(body, 0);
  varint(out, static_cast<std::int64_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
}

wire::Buffer gzipped(Bytes plain) {
  const auto compressor = codec::make_compressor(codec::Compression::gzip);
  wire::Buffer out(plain.size() + 1000);
  const auto step = compressor->compress(plain, out, codec::Compressor::End::member);
  CHECK(step.member_ended);
  out.resize(step.produced);
  return out;
}

void append_batch(wire::Buffer& out, std::int64_t base_offset, std::int32_t count, Bytes records, bool gzip) {
  wire::Buffer checked;
  wire::ByteWriter writer(checked);
  writer.int16(gzip ? 1 : 0);
  writer.int32(count - 1);
  writer.int64(1'769'817'600'000);
  writer.int64(1'769'817'600'000);
  writer.int64(-1);
  writer.int16(-1);
  writer.int32(-1);
  writer.int32(count);
  writer.raw(gzip ? gzipped(records) : wire::Buffer(records.begin(), records.end()));
  wire::ByteWriter whole(out);
  whole.int64(base_offset);
  whole.int32(static_cast<std::int32_t>(checked.size() + 9));
  whole.int32(0);
  whole.int8(2);
  whole.int32(static_cast<std::int32_t>(codec::crc32c(checked)));
  whole.raw(checked);
}

struct Response {
  wire::Buffer field;
  std::size_t records = 0;
  std::size_t value_bytes = 0;
  std::uint32_t checksum = 0;  // of all values in a row
};

Response make_response(std::size_t value_bytes, bool gzip) {
  Response response;
  const std::size_t count = k_response_bytes / value_bytes;
  const std::vector<std::string> values = sample_records(count, value_bytes);
  wire::Buffer batch;
  std::int32_t in_batch = 0;
  for (std::size_t i = 0; i < count; ++i) {
    append_record(batch, in_batch++, values[i]);
    response.checksum = codec::crc32c(as_bytes(values[i]), response.checksum);
    // Compressed batches hold more: the size that closes them is that of what is sent.
    if (batch.size() >= (gzip ? k_response_bytes : k_batch_bytes) || i + 1 == count) {
      append_batch(response.field, static_cast<std::int64_t>(response.records), in_batch, batch, gzip);
      response.records += static_cast<std::size_t>(in_batch);
      batch.clear();
      in_batch = 0;
    }
  }
  response.value_bytes = count * value_bytes;
  return response;
}

// `see(value)` for every value; false: the cursor gave an error.
template <class See>
bool read_all(wire::RecordsCursor& cursor, std::vector<RecordView>& views, const Response& response,
              See see) {
  cursor.begin(response.field, Position{0}, {}, RecordHeaders::skipped);
  for (;;) {
    const auto step = cursor.next(views, k_records_a_step);
    if (!step.ok()) {
      return false;
    }
    if (step->kind == wire::RecordsCursor::Step::end) {
      return step->next.value == static_cast<std::int64_t>(response.records);
    }
    for (const RecordView& view : views) {
      see(view.value);
    }
  }
}

void run(benchmark::State& state, bool gzip, bool copies) {
  const Response response = make_response(static_cast<std::size_t>(state.range(0)), gzip);
  codec::Decompressor decompressor(std::size_t{16} << 20);
  wire::RecordsCursor cursor(decompressor);
  std::vector<RecordView> views;
  std::vector<std::byte> slab(response.value_bytes);
  bool good = true;
  for (auto _ : state) {
    std::byte* to = slab.data();
    std::size_t seen = 0;
    good = read_all(cursor, views, response,
                    [&](Bytes value) {
                      if (copies) {
                        std::memcpy(to, value.data(), value.size());
                        to += value.size();
                      }
                      ++seen;
                    }) &&
           seen == response.records && good;
    benchmark::ClobberMemory();
  }
  std::uint32_t checksum = 0;
  good = read_all(cursor, views, response, [&](Bytes value) { checksum = codec::crc32c(value, checksum); }) &&
         good;
  if (!good || checksum != response.checksum || (copies && codec::crc32c(slab) != response.checksum)) {
    state.SkipWithError("the records are not those that were put in");
    return;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(response.value_bytes) * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(response.records) * state.iterations());
}

void record_decode(benchmark::State& state) {
  run(state, false, false);
}

void record_decode_gzip(benchmark::State& state) {
  run(state, true, false);
}

void record_decode_and_copy(benchmark::State& state) {
  run(state, false, true);
}

BENCHMARK(record_decode)->Arg(300)->Arg(1024);
BENCHMARK(record_decode_and_copy)->Arg(300)->Arg(1024);
BENCHMARK(record_decode_gzip)->Arg(300)->Arg(1024);

}  // namespace
}  // namespace penstock::bench
