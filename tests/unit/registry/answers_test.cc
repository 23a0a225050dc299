#include "registry/answers.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/schema_id.h"
#include "registry/asker.h"

namespace penstock::registry {
namespace {

using Kind = codec::SchemaId::Kind;

codec::SchemaId seven_of(Kind kind) {
  codec::SchemaId id{.kind = kind};
  id.bytes.back() = 7;
  return id;
}

const std::string k_hex = "00000000000000000000000000000007";

Options options_of(Api api) {
  return {.api = api, .url = "https://registry.example/base"};
}

Verdict judged(Api api, int status, std::string body, http::Headers headers = {}) {
  const Kind kind = api == Api::azure ? Kind::azure : api == Api::apicurio ? Kind::global_id : Kind::number;
  return judge(options_of(api), seven_of(kind),
               {.status = status, .headers = std::move(headers), .body = std::move(body)});
}

const http::Headers k_azure_avro{{"Content-Type", "application/json; serialization=Avro"},
                                 {"Schema-Id", k_hex}};
const http::Headers k_web_page{{"Content-Type", "text/html; charset=utf-8"}};

TEST(Answers, each_kind_of_id_has_its_address) {
  const auto url = [](Api api, Kind kind) { return request_for(options_of(api), seven_of(kind)).url; };
  EXPECT_EQ(url(Api::confluent, Kind::number), "https://registry.example/base/schemas/ids/7");
  EXPECT_EQ(url(Api::confluent, Kind::guid),
            "https://registry.example/base/schemas/guids/00000000-0000-0000-0000-000000000007");
  EXPECT_EQ(url(Api::azure, Kind::azure),
            "https://registry.example/base/$schemaGroups/$schemas/" + k_hex + "?api-version=2022-10");
  EXPECT_EQ(url(Api::apicurio, Kind::global_id), "https://registry.example/base/ids/globalIds/7");
  EXPECT_EQ(url(Api::apicurio, Kind::content_id), "https://registry.example/base/ids/contentIds/7");
}

TEST(Answers, the_versions_of_a_topic_have_their_addresses) {
  const auto urls = [](Api api) {
    return std::vector<std::string>{request_for_versions(options_of(api), "orders v1").url,
                                    request_for_version(options_of(api), "orders v1", 300).url};
  };
  EXPECT_EQ(
      urls(Api::confluent),
      (std::vector<std::string>{"https://registry.example/base/subjects/orders%20v1-value/versions",
                                "https://registry.example/base/subjects/orders%20v1-value/versions/300"}));
  EXPECT_EQ(urls(Api::apicurio),
            (std::vector<std::string>{
                "https://registry.example/base/groups/default/artifacts/orders%20v1-value/versions?limit=500",
                "https://registry.example/base/ids/globalIds/300"}));
  EXPECT_FALSE(has_subjects(Api::azure));
}

TEST(Answers, the_versions_of_a_topic_are_told_in_their_order_and_found_or_unknown) {
  const auto list = [](Api api, int status, std::string body) {
    return judge_versions(options_of(api), {.status = status, .headers = {}, .body = std::move(body)});
  };
  const auto one = [](Api api, int status, std::string body) {
    return judge_version(options_of(api), 3, {.status = status, .headers = {}, .body = std::move(body)});
  };
  using Numbers = std::vector<std::uint64_t>;
  EXPECT_EQ(list(Api::confluent, 200, "[1,4,2]").versions, (Numbers{1, 2, 4}));
  EXPECT_EQ(list(Api::apicurio, 200,
                 R"({"count":2,"versions":[{"version":"2","globalId":9},{"version":"1","globalId":7}]})")
                .versions,
            (Numbers{7, 9}));
  for (const char* const body : {"[]", "[0]", "[-1]", R"(["1"])", "{}", "<html>", "[1e300]", "[1"}) {
    EXPECT_EQ(list(Api::confluent, 200, body).outcome, SchemaOutcome::unavailable) << body;
  }
  EXPECT_EQ(list(Api::confluent, 404, R"({"error_code":40401,"message":"no"})").outcome,
            SchemaOutcome::unknown);
  EXPECT_EQ(list(Api::apicurio, 404, R"({"error_code":404,"name":"ArtifactNotFoundException"})").outcome,
            SchemaOutcome::unknown);
  EXPECT_EQ(list(Api::confluent, 404, R"({"error_code":404,"message":"no"})").outcome,
            SchemaOutcome::unavailable);
  EXPECT_TRUE(list(Api::confluent, 403, R"({"error_code":40301,"message":"no"})").is_forbidden);
  EXPECT_FALSE(list(Api::confluent, 401, "").is_forbidden);

  const Verdict found =
      one(Api::confluent, 200, R"({"subject":"orders-value","version":3,"id":7,"schema":"\"long\""})");
  ASSERT_EQ(found.outcome, SchemaOutcome::found);
  EXPECT_EQ(found.schema->avro()->root().type, codec::AvroType::int64);
  EXPECT_EQ(one(Api::apicurio, 200, R"("long")").outcome, SchemaOutcome::found);
  EXPECT_EQ(one(Api::confluent, 404, R"({"error_code":40402,"message":"no"})").outcome,
            SchemaOutcome::unknown);
  EXPECT_EQ(one(Api::confluent, 404, R"({"error_code":40403,"message":"no"})").outcome,
            SchemaOutcome::unavailable);
  EXPECT_EQ(judged(Api::confluent, 404, R"({"error_code":40401,"message":"no"})").outcome,
            SchemaOutcome::unavailable);
}

TEST(Answers, a_schema_that_is_there_is_found) {
  for (const Verdict& verdict :
       {judged(Api::confluent, 200, R"({"schema":"\"long\""})"),
        judged(Api::confluent, 200,
               R"({"schema":"{\"type\":\"long\"}","schemaType":"AVRO","references":[]})"),
        judged(Api::azure, 200, R"("long")", k_azure_avro),
        judged(Api::azure, 200, R"("long")", {{"content-type", "Application/JSON;serialization=avro"}}),
        judged(Api::apicurio, 200, R"({"type":"long"})", {{"Content-Type", "application/json"}})}) {
    ASSERT_EQ(verdict.outcome, SchemaOutcome::found) << verdict.message;
    ASSERT_NE(verdict.schema->avro(), nullptr);
    EXPECT_EQ(verdict.schema->avro()->root().type, codec::AvroType::int64);
  }
}

TEST(Answers, a_json_schema_is_found_by_the_kind_that_the_api_tells) {
  const http::Headers azure{{"Content-Type", "application/json; serialization=Json"}, {"Schema-Id", k_hex}};
  const std::string text = R"({"type":"object","properties":{"id":{"type":"integer"}}})";
  for (const Verdict& verdict :
       {judged(Api::confluent, 200,
               R"({"schema":"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}}}",)"
               R"("schemaType":"JSON"})"),
        judged(Api::azure, 200, text, azure), judged(Api::apicurio, 200, text)}) {
    ASSERT_EQ(verdict.outcome, SchemaOutcome::found) << verdict.message;
    EXPECT_EQ(verdict.schema->avro(), nullptr);
    EXPECT_EQ(verdict.schema->written(), text);
    const Result<codec::Table> table = verdict.schema->table();
    ASSERT_TRUE(table.ok()) << table.error().message;
    EXPECT_EQ(table->fields.front().name, "id");
  }
  const Verdict boolean = judged(Api::confluent, 200, R"({"schema":"true","schemaType":"JSON"})");
  ASSERT_EQ(boolean.outcome, SchemaOutcome::found);
  EXPECT_FALSE(boolean.schema->table().ok());
  const Verdict dialect =
      judged(Api::apicurio, 200, R"({"$schema":"http://json-schema.org/draft-07/schema#","type":"string"})");
  ASSERT_EQ(dialect.outcome, SchemaOutcome::found);
  EXPECT_EQ(dialect.schema->avro(), nullptr);
}

TEST(Answers, a_json_schema_with_references_is_found_and_makes_no_columns) {
  const Verdict verdict =
      judged(Api::confluent, 200,
             R"({"schema":"{\"properties\":{\"at\":{\"$ref\":\"at.json\"}}}","schemaType":"JSON",)"
             R"("references":[{"name":"at.json","subject":"at","version":1}]})");
  ASSERT_EQ(verdict.outcome, SchemaOutcome::found);
  const Result<codec::Table> table = verdict.schema->table();
  ASSERT_FALSE(table.ok());
  EXPECT_EQ(table.error().message, "has references to other schemas, which are not resolved");
}

TEST(Answers, a_json_schema_is_of_a_size) {
  const http::Headers azure{{"Content-Type", "application/json; serialization=Json"}};
  const std::string text =
      "{\"description\":\"" + std::string(codec::AvroSchema::k_text_bytes_max, 'd') + "\"}";
  const Verdict verdict = judged(Api::azure, 200, text, azure);
  EXPECT_EQ(verdict.outcome, SchemaOutcome::unusable);
  EXPECT_EQ(verdict.message, "is larger than 1048576 bytes");
}

TEST(Answers, what_is_of_neither_kind_or_needs_more_than_itself_is_unusable) {
  const std::vector<std::pair<Verdict, std::string>> cases{
      {judged(Api::confluent, 200, R"({"schema":"syntax = ...","schemaType":"PROTOBUF"})"),
       "is PROTOBUF, and neither Avro nor a JSON Schema"},
      {judged(Api::confluent, 200,
              R"({"schema":"\"a.B\"","references":[{"name":"a.B","subject":"b","version":1}]})"),
       "has references to other schemas, which are not resolved"},
      {judged(Api::confluent, 200, R"({"schema":"\"lang\""})"),
       "names \"lang\", which is not defined before"},
      {judged(Api::azure, 200, "syntax = ...",
              {{"Content-Type", "text/vnd.ms.protobuf"}, {"Schema-Id", k_hex}}),
       "is neither Avro nor a JSON Schema"},
      {judged(Api::apicurio, 200, R"({"type":"objects"})"), "names \"objects\", which is not defined before"},
  };
  for (const auto& [verdict, why] : cases) {
    EXPECT_EQ(verdict.outcome, SchemaOutcome::unusable);
    EXPECT_EQ(verdict.message, why);
  }
}

TEST(Answers, an_id_is_unknown_only_in_the_words_of_the_api) {
  for (const Verdict& verdict :
       {judged(Api::confluent, 404, R"({"error_code":40403,"message":"Schema 7 not found"})"),
        judged(Api::azure, 404, R"({"error":{"code":"ItemNotFound","message":"no"}})"),
        judged(Api::azure, 404, ""),
        judged(Api::apicurio, 404, R"({"error_code":404,"name":"ContentNotFoundException","message":"no"})"),
        judged(Api::apicurio, 404,
               R"({"error_code":404,"name":"ArtifactNotFoundException","message":"no"})")}) {
    EXPECT_EQ(verdict.outcome, SchemaOutcome::unknown);
  }
}

TEST(Answers, what_is_no_answer_of_a_registry_is_asked_for_again) {
  for (const Verdict& verdict :
       {judged(Api::confluent, 200, "<!DOCTYPE html>", k_web_page), judged(Api::confluent, 200, "{}"),
        judged(Api::confluent, 200, R"({"schema":7})"),
        judged(Api::confluent, 200, R"({"schema":"\"long\"")"), judged(Api::confluent, 200, ""),
        judged(Api::confluent, 404, R"({"error_code":404,"message":"HTTP 404"})"),
        judged(Api::confluent, 404, "<html>", k_web_page), judged(Api::confluent, 404, ""),
        judged(Api::confluent, 302, ""), judged(Api::confluent, 400, "{}"), judged(Api::confluent, 204, ""),
        judged(Api::azure, 200, R"("long")"), judged(Api::azure, 404, "<html>", k_web_page),
        judged(
            Api::azure, 200, R"("long")",
            {{"Content-Type", "application/json; serialization=Avro"}, {"Schema-Id", std::string(32, '1')}}),
        judged(Api::apicurio, 200, "<html>", k_web_page), judged(Api::apicurio, 404, "<html>", k_web_page),
        judged(Api::apicurio, 404, R"({"error_code":404,"name":"NotFoundException"})")}) {
    EXPECT_EQ(verdict.outcome, SchemaOutcome::unavailable);
    EXPECT_TRUE(verdict.message.starts_with("the registry https://registry.example/base answers "))
        << verdict.message;
  }
  EXPECT_EQ(judged(Api::confluent, 503, "").message,
            "the registry https://registry.example/base answers 503");
  EXPECT_EQ(judged(Api::confluent, 429, "", {{"Retry-After", "7"}}).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(judged(Api::confluent, 404, "").message,
            "the registry https://registry.example/base answers 404, and not as a registry does; see whether "
            "registry.type and registry.url are right, and whether something in between answers");
}

TEST(Answers, who_is_not_let_in_is_told_what_to_do) {
  const Verdict confluent = judged(Api::confluent, 401, "");
  EXPECT_EQ(confluent.outcome, SchemaOutcome::refused);
  EXPECT_NE(confluent.message.find("see registry.username and password, or registry.token"),
            std::string::npos);
  const Verdict azure = judged(Api::azure, 403, "");
  EXPECT_EQ(azure.outcome, SchemaOutcome::refused);
  EXPECT_NE(azure.message.find("give the identity the role Schema Registry Reader"), std::string::npos);
}

TEST(Answers, the_id_that_no_registry_has_is_one_of_the_apis) {
  EXPECT_EQ(to_string(no_schema_of(Api::confluent)), "2147483647");
  EXPECT_EQ(to_string(no_schema_of(Api::apicurio)), "2147483647");
  EXPECT_EQ(to_string(no_schema_of(Api::azure)), std::string(32, '0'));
}

}  // namespace
}  // namespace penstock::registry
