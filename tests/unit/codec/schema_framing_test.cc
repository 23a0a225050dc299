#include "codec/schema_framing.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::codec {
namespace {

using std::string_literals::operator""s;

const std::string k_id = "0123456789abcdefABCDEF0123456789";
const std::string k_content_type = "avro/binary+" + k_id;

// What is taken for Avro, or "-" where no id is where the framing has it.
std::string body_of(SchemaFraming framing, const std::string& value, const std::string& header = "",
                    const std::string& header_value = "") {
  const HeaderView view{.key = header, .value = as_bytes(header_value)};
  RecordView record{
      .offset = Offset{1}, .key = {}, .value = as_bytes(value), .headers = {}, .null_value = false};
  if (!header.empty()) {
    record.headers = {&view, 1};
  }
  const FramedBody body = framed_body(framing, record);
  return body.fault.empty() ? std::string(as_text(body.bytes)) : "-";
}

TEST(SchemaFraming, without_one_the_value_is_avro_whatever_it_begins_with) {
  for (const std::string& value : {""s, "\0\0\0\0\x07rest"s, "\0\0\0\0"s + k_id + "rest"}) {
    EXPECT_EQ(body_of(SchemaFraming::none, value), value);
    EXPECT_EQ(body_of(SchemaFraming::none, value, "content-type", k_content_type), value);
  }
}

TEST(SchemaFraming, confluents_id_stands_before_the_value_or_in_a_header) {
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\0\0\0\x07rest"s), "rest");
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\xff\xff\xff\xff"s), "");
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\0\0\0"s), "-");
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\x01\0\0\0\x07rest"s), "-");
  EXPECT_EQ(body_of(SchemaFraming::confluent, ""), "-");
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\0\0\0\x07rest"s, "__value_schema_id", "\0\0\0\0\x07"s),
            "\0\0\0\0\x07rest"s);
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\0\0\0\x07rest"s, "__key_schema_id", "\0\0\0\0\x07"s),
            "rest");
}

TEST(SchemaFraming, azures_id_stands_in_a_header_or_before_the_value) {
  EXPECT_EQ(body_of(SchemaFraming::azure, "rest", "content-type", k_content_type), "rest");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\0"s + k_id + "rest"), "rest");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\0"s + k_id + "rest", "content-type", k_content_type),
            "\0\0\0\0"s + k_id + "rest");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\0"s + k_id + "rest", "content-type", "application/json"),
            "rest");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\x01"s + k_id), "-");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\0"s + k_id.substr(1)), "-");
  EXPECT_EQ(body_of(SchemaFraming::azure, "\0\0\0\0"s + k_id.substr(1) + "g"), "-");
  EXPECT_EQ(body_of(SchemaFraming::azure, "rest"), "-");
}

TEST(SchemaFraming, a_header_that_came_over_amqp_has_its_type_in_front) {
  const std::string bytes(1, static_cast<char>(k_content_type.size()));
  for (const std::string& prefix :
       {"\xa1" + bytes, "\xa3" + bytes, "\xb1\0\0\0"s + bytes, "\xb3\0\0\0"s + bytes}) {
    EXPECT_EQ(body_of(SchemaFraming::azure, "rest", "content-type", prefix + k_content_type), "rest");
    EXPECT_EQ(body_of(SchemaFraming::azure, "rest", "content-type", prefix + k_content_type + "x"), "-");
  }
  EXPECT_EQ(body_of(SchemaFraming::azure, "rest", "content-type", "\xa1"), "-");
  EXPECT_EQ(body_of(SchemaFraming::azure, "rest", "content-type", "\xb1\0\0"s), "-");
}

// The record {"n": 7, "s": "hi"}, by confluent-kafka 2.16.1 (AvroSerializer, with its id in front and in a
// header), azure-schemaregistry-avroencoder 1.0.0 and azure-schemaregistry-avroserializer 1.0.0b4.
TEST(SchemaFraming, what_the_clients_of_the_registries_write) {
  const std::string avro = "\x0e\x04hi";
  EXPECT_EQ(body_of(SchemaFraming::confluent, "\0\0\0\0\x01\x0e\x04hi"s), avro);
  EXPECT_EQ(body_of(SchemaFraming::confluent, avro, "__value_schema_id",
                    "\x01\x57\x4a\x1f\x64\xc6\x86\x42\xcd\x9f\xc6\xc8\x2d\xab\x3b\xda\x43"),
            avro);
  EXPECT_EQ(
      body_of(SchemaFraming::azure, avro, "content-type", "avro/binary+1fba2c7e51b04d6fb8d50f4b6c3e9a02"),
      avro);
  EXPECT_EQ(body_of(SchemaFraming::azure,
                    "\0\0\0\0"
                    "1fba2c7e51b04d6fb8d50f4b6c3e9a02"s +
                        avro),
            avro);
}

// JSON of azure-schemaregistry 1.3.0 (JsonSchemaEncoder), of Azure's clients for .NET and JavaScript, and of
// its KafkaJsonSerializer in Java.
TEST(SchemaFraming, azures_clients_of_json_write_the_id_into_headers) {
  const std::string json = R"({"n":7})";
  const std::string id = "1fba2c7e51b04d6fb8d50f4b6c3e9a02";
  const std::string old = "\0\0\0\0"s + k_id + json;
  for (const std::string type : {"application/json+", "application/json;serialization=Json+"}) {
    EXPECT_EQ(body_of(SchemaFraming::azure, json, "content-type", type + id), json);
    EXPECT_EQ(body_of(SchemaFraming::azure, old, "content-type", type + id), old);
  }
  EXPECT_EQ(body_of(SchemaFraming::azure, json, "schemaId", id), json);
  EXPECT_EQ(body_of(SchemaFraming::azure, json, "schemaId", "\xa1\x20" + id), json);
  EXPECT_EQ(body_of(SchemaFraming::azure, json, "schemaId", "7"), "-");
  EXPECT_EQ(body_of(SchemaFraming::azure, old, "schemaId", "7"), json);
  EXPECT_EQ(body_of(SchemaFraming::azure, json, "content-type", "application/json; charset=utf-8"), "-");
  EXPECT_EQ(body_of(SchemaFraming::confluent, json, "schemaId", id), "-");
}

TEST(SchemaFraming, the_fault_says_whose_id_is_not_there) {
  const RecordView record{
      .offset = Offset{1}, .key = {}, .value = as_bytes("{}"), .headers = {}, .null_value = false};
  EXPECT_EQ(framed_body(SchemaFraming::confluent, record).fault,
            "does not begin with an id of Confluent's registry, and no header has one");
  EXPECT_EQ(framed_body(SchemaFraming::azure, record).fault,
            "does not begin with an id of Azure's registry, and no header has one");
  EXPECT_EQ(framed_body(SchemaFraming::apicurio, record).fault,
            "has no id of Apicurio's registry, as no header has one");
}

// The id as its registry's address has it, with its kind; "-": none.
std::string id_of(SchemaFraming framing, const std::string& value,
                  const std::vector<HeaderView>& headers = {}) {
  const RecordView record{
      .offset = Offset{1}, .key = {}, .value = as_bytes(value), .headers = headers, .null_value = false};
  const FramedBody body = framed_body(framing, record);
  return body.id ? std::to_string(static_cast<int>(body.id->kind)) + " " + to_string(*body.id) : "-";
}

TEST(SchemaFraming, the_id_is_told_wherever_it_stands) {
  const std::string number = "\0\0\x01\x02\x03"s;
  const std::string guid = "\x01\x0f\x5f\x6d\x21\x4a\xc0\x11\xf0\x9c\xd2\x02\x42\xac\x12\0\x02"s;
  EXPECT_EQ(id_of(SchemaFraming::none, number + "rest"), "-");
  EXPECT_EQ(id_of(SchemaFraming::confluent, number + "rest"), "0 66051");
  EXPECT_EQ(id_of(SchemaFraming::confluent, "\0\x7f\xff\xff\xff"s), "0 2147483647");
  EXPECT_EQ(id_of(SchemaFraming::confluent, "\0\x80\0\0\0"s), "-");
  EXPECT_EQ(
      id_of(SchemaFraming::confluent, "rest", {{.key = "__value_schema_id", .value = as_bytes(number)}}),
      "0 66051");
  EXPECT_EQ(id_of(SchemaFraming::confluent, "rest", {{.key = "__value_schema_id", .value = as_bytes(guid)}}),
            "1 0f5f6d21-4ac0-11f0-9cd2-0242ac120002");
  EXPECT_EQ(id_of(SchemaFraming::azure, "\0\0\0\0"s + k_id + "rest"), "2 0123456789abcdefabcdef0123456789");
  EXPECT_EQ(id_of(SchemaFraming::azure, "rest", {{.key = "content-type", .value = as_bytes(k_content_type)}}),
            "2 0123456789abcdefabcdef0123456789");
  const std::string json_type = "application/json+" + k_id;
  EXPECT_EQ(id_of(SchemaFraming::azure, "{}", {{.key = "content-type", .value = as_bytes(json_type)}}),
            "2 0123456789abcdefabcdef0123456789");
  EXPECT_EQ(id_of(SchemaFraming::azure, "{}", {{.key = "schemaId", .value = as_bytes(k_id)}}),
            "2 0123456789abcdefabcdef0123456789");
  EXPECT_EQ(id_of(SchemaFraming::azure, "{}",
                  {{.key = "content-type", .value = as_bytes("application/json+soon")},
                   {.key = "schemaId", .value = as_bytes(k_id)}}),
            "-");
  const std::string eight = "\0\0\0\x01\0\0\0\x02"s;
  EXPECT_EQ(
      id_of(SchemaFraming::apicurio, "rest", {{.key = "apicurio.value.globalId", .value = as_bytes(eight)}}),
      "3 4294967298");
  EXPECT_EQ(
      id_of(SchemaFraming::apicurio, "rest", {{.key = "apicurio.value.contentId", .value = as_bytes(eight)}}),
      "4 4294967298");
}

TEST(SchemaFraming, a_header_that_came_over_amqp_has_its_id_behind_its_type) {
  const std::string binary = "\xa0\x05\0\0\0\0\x07"s;
  const std::string text = "\xa1\x2c" + k_content_type;
  const std::string large = "\xb1\0\0\0\x2c"s + k_content_type;
  EXPECT_EQ(
      id_of(SchemaFraming::confluent, "rest", {{.key = "__value_schema_id", .value = as_bytes(binary)}}),
      "0 7");
  for (const std::string& type : {text, large}) {
    EXPECT_EQ(id_of(SchemaFraming::azure, "rest", {{.key = "content-type", .value = as_bytes(type)}}),
              "2 0123456789abcdefabcdef0123456789");
  }
}

TEST(SchemaFraming, a_header_that_holds_no_id_gives_none_and_the_last_of_a_name_counts) {
  const std::string seven = "\0\0\0\0\x07"s;
  const HeaderView first{.key = "__value_schema_id", .value = as_bytes(seven)};
  for (const std::string& odd :
       {""s, "\0\0\0\x07"s, "\0\0\0\0\0\x07"s, "\x02\0\0\0\x07"s, "\x01\0\0\0\x07"s}) {
    EXPECT_EQ(id_of(SchemaFraming::confluent, "rest",
                    {first, {.key = "__value_schema_id", .value = as_bytes(odd)}}),
              "-");
  }
  for (const std::string& odd : {"avro/binary+"s, k_content_type + "0", k_content_type.substr(0, 43) + "g"}) {
    EXPECT_EQ(id_of(SchemaFraming::azure, "rest", {{.key = "content-type", .value = as_bytes(odd)}}), "-");
  }
  EXPECT_EQ(
      id_of(SchemaFraming::apicurio, "rest", {{.key = "apicurio.value.globalId", .value = as_bytes(seven)}}),
      "-");
}

}  // namespace
}  // namespace penstock::codec
