// How it works. Each framing has a function that looks where its clients write an id: first at the headers,
// as there the value is Avro or JSON as a whole, then at the value's front. What is found is cut off, and
// told as an id if it is one.
//
// For example, with `confluent` the value 00 00 00 00 07 0e has no header. Its first byte is 0, so the next
// four are an id, 7, and Avro is 0e. With the header `__value_schema_id` of 00 00 00 00 07 the value is
// Avro from its first byte on. Where the header is ff, no schema can be looked up, but the value is Avro
// all the same.
#include "codec/schema_framing.h"

#include <algorithm>
#include <cstddef>

namespace penstock::codec {
namespace {

constexpr std::size_t k_confluent_bytes = 5;
constexpr std::size_t k_azure_zeros = 4;
constexpr std::size_t k_azure_bytes = k_azure_zeros + 32;

// vbin8, str8 and sym8 tell the length in a byte, vbin32, str32 and sym32 in four.
std::string_view without_amqp_prefix(std::string_view text) {
  constexpr std::size_t k_short = 2;
  constexpr std::size_t k_long = 5;
  const auto byte = [text](std::size_t i) { return std::size_t{static_cast<unsigned char>(text[i])}; };
  if (text.size() >= k_short && (byte(0) == 0xa0 || byte(0) == 0xa1 || byte(0) == 0xa3) &&
      byte(1) == text.size() - k_short) {
    return text.substr(k_short);
  }
  if (text.size() >= k_long && (byte(0) == 0xb0 || byte(0) == 0xb1 || byte(0) == 0xb3) &&
      (byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4)) == text.size() - k_long) {
    return text.substr(k_long);
  }
  return text;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Registries count in numbers with a sign, from 0: what is below it is no id.
bool is_number(Bytes bytes) {
  return !bytes.empty() && (bytes.front() & std::byte{0x80}) == std::byte{0};
}

std::optional<SchemaId> binary_id(SchemaId::Kind kind, Bytes bytes) {
  SchemaId id{.kind = kind};
  if (kind != SchemaId::Kind::guid && !is_number(bytes)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    id.bytes[SchemaId::k_bytes - bytes.size() + i] = std::to_integer<std::uint8_t>(bytes[i]);
  }
  return id;
}

std::optional<SchemaId> azure_id(std::string_view hex) {
  SchemaId id{.kind = SchemaId::Kind::azure};
  if (hex.size() != 2 * SchemaId::k_bytes) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < SchemaId::k_bytes; ++i) {
    const int high = digit_of(hex[2 * i]);
    const int low = digit_of(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

// The last header of that name. Null: there is none.
const HeaderView* header_of(const RecordView& record, std::string_view name) {
  const HeaderView* found = nullptr;
  for (const HeaderView& header : record.headers) {
    found = header.key == name ? &header : found;
  }
  return found;
}

std::optional<SchemaId> confluent_header_id(Bytes header) {
  constexpr std::size_t k_guid_bytes = 17;
  if (header.size() == k_confluent_bytes && header.front() == std::byte{0}) {
    return binary_id(SchemaId::Kind::number, header.subspan(1));
  }
  if (header.size() == k_guid_bytes && header.front() == std::byte{1}) {
    return binary_id(SchemaId::Kind::guid, header.subspan(1));
  }
  return std::nullopt;
}

FramedBody confluent_body(const RecordView& record) {
  if (const HeaderView* header = header_of(record, "__value_schema_id")) {
    const Bytes id = as_bytes(without_amqp_prefix(as_text(header->value)));
    return {.bytes = record.value, .id = confluent_header_id(id)};
  }
  if (record.value.size() < k_confluent_bytes || record.value.front() != std::byte{0}) {
    return {.fault = fault_of(SchemaFraming::confluent)};
  }
  return {.bytes = record.value.subspan(k_confluent_bytes),
          .id = binary_id(SchemaId::Kind::number, record.value.subspan(1, k_confluent_bytes - 1))};
}

FramedBody azure_body(const RecordView& record) {
  constexpr std::string_view k_types[] = {"avro/binary+", "application/json+",
                                          "application/json;serialization=Json+"};
  if (const HeaderView* header = header_of(record, "content-type")) {
    const std::string_view type = without_amqp_prefix(as_text(header->value));
    for (const std::string_view before_id : k_types) {
      if (type.starts_with(before_id)) {
        return {.bytes = record.value, .id = azure_id(type.substr(before_id.size()))};
      }
    }
  }
  if (const HeaderView* header = header_of(record, "schemaId")) {
    if (auto id = azure_id(without_amqp_prefix(as_text(header->value)))) {
      return {.bytes = record.value, .id = id};
    }
  }
  const Bytes value = record.value;
  if (value.size() >= k_azure_bytes &&
      std::ranges::all_of(value.first(k_azure_zeros), [](std::byte b) { return b == std::byte{0}; })) {
    if (auto id = azure_id(as_text(value.subspan(k_azure_zeros, k_azure_bytes - k_azure_zeros)))) {
      return {.bytes = value.subspan(k_azure_bytes), .id = id};
    }
  }
  return {.fault = fault_of(SchemaFraming::azure)};
}

FramedBody apicurio_body(const RecordView& record) {
  constexpr std::size_t k_id_bytes = 8;
  const HeaderView* global = header_of(record, "apicurio.value.globalId");
  const HeaderView* header = global != nullptr ? global : header_of(record, "apicurio.value.contentId");
  if (header == nullptr) {
    return {.fault = fault_of(SchemaFraming::apicurio)};
  }
  const Bytes id = as_bytes(without_amqp_prefix(as_text(header->value)));
  const auto kind = global != nullptr ? SchemaId::Kind::global_id : SchemaId::Kind::content_id;
  return {.bytes = record.value, .id = id.size() == k_id_bytes ? binary_id(kind, id) : std::nullopt};
}

}  // namespace

std::string_view fault_of(SchemaFraming framing) {
  switch (framing) {
    case SchemaFraming::none:
      break;
    case SchemaFraming::confluent:
      return "does not begin with an id of Confluent's registry, and no header has one";
    case SchemaFraming::azure:
      return "does not begin with an id of Azure's registry, and no header has one";
    case SchemaFraming::apicurio:
      return "has no id of Apicurio's registry, as no header has one";
  }
  return {};
}

FramedBody framed_body(SchemaFraming framing, const RecordView& record) {
  switch (framing) {
    case SchemaFraming::none:
      break;
    case SchemaFraming::confluent:
      return confluent_body(record);
    case SchemaFraming::azure:
      return azure_body(record);
    case SchemaFraming::apicurio:
      return apicurio_body(record);
  }
  return {.bytes = record.value};
}

}  // namespace penstock::codec
