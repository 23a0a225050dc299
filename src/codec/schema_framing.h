// Where the Avro or JSON of a record's value begins: producers that use a schema registry put the schema's id
// before it, or into a header. Pure.
//
//   confluent  header `__value_schema_id`              the value is all of it
//              else 00, id (4 bytes)                   it begins behind these five bytes
//   azure      header `content-type`: avro/binary+...  the value is all of it
//              else header `schemaId` with an id       likewise (JSON of Azure's client for Kafka in Java)
//              else 00 00 00 00, id (32 hex digits)    it begins behind these 36 bytes (clients of 2021)
//   apicurio   header `apicurio.value.globalId`,       the value is all of it
//              or `apicurio.value.contentId`
//   none                                               the value is all of it; headers say nothing
//
// The id in a header, and what it must be to be one:
//
//   __value_schema_id          00, 4 bytes, or 01 and the 16 bytes of a GUID
//   content-type               avro/binary+, 32 hex digits; of JSON application/json+ before these (.NET,
//                              JavaScript), or application/json;serialization=Json+ (Python)
//   schemaId                   32 hex digits; what is not that says nothing, as anybody may call a header so
//   apicurio.value.globalId    8 bytes; so is contentId, which counts where there is no globalId
//
// A header that came over AMQP has its type and length in front, `a1 2b avro/...`, which are passed over. Of
// two headers of one name the last counts. Nothing is guessed: 00 is also a value of Avro, so the bytes alone
// do not tell whether an id is there. Apicurio's clients may be told to write as Confluent's do.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/record_view.h"
#include "base/types.h"
#include "codec/schema_id.h"

namespace penstock::codec {

enum class SchemaFraming : std::uint8_t { none, confluent, azure, apicurio };

struct FramedBody {
  Bytes bytes = {};
  // A predicate of the value, where no id is where the framing has it. Else empty.
  std::string_view fault = {};
  // None: the framing has none, or what stands in its place is no id.
  std::optional<SchemaId> id = {};
};

// Of a record whose value is not null.
FramedBody framed_body(SchemaFraming framing, const RecordView& record);

// That of values whose bytes are not as the framing has them, and of no others. Not of `none`.
std::string_view fault_of(SchemaFraming framing);

// Whether framed_body() looks at the record's headers.
constexpr bool reads_headers(SchemaFraming framing) {
  return framing != SchemaFraming::none;
}

}  // namespace penstock::codec
