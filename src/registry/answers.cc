// How it works. The status decides first. Of 200 and 404 the body must be what the API answers itself, as
// something in between may answer anything: a page that asks for a login comes with 200, and a path that is
// not there with 404. Such an answer says nothing of the schema, and is asked for again.
//
// For example Confluent's API, asked for schema 7:
//
//   200 {"schema":"\"long\""}                                found, a long
//   200 {"schema":"{...}","schemaType":"JSON"}               found, a JSON Schema
//   200 {"schema":"...","schemaType":"PROTOBUF"}             unusable: "is PROTOBUF, and neither Avro ..."
//   200 <!DOCTYPE html>...                                   unavailable: not the registry
//   404 {"error_code":40403,"message":"Schema not found"}    unknown
//   404 {"error_code":404,"message":"HTTP 404 Not Found"}    unavailable: no such path
#include "registry/answers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/letter_case.h"
#include "base/percent_encode.h"
#include "base/schema_outcome.h"
#include "codec/json_members.h"
#include "codec/json_value.h"
#include "identity/retry_after.h"

namespace penstock::registry {
namespace {

constexpr double k_subject_not_found = 40401;
constexpr double k_version_not_found = 40402;
constexpr double k_schema_not_found = 40403;

// Larger numbers are not whole in JSON everywhere.
constexpr double k_version_end = 1ULL << 53;

std::string path_of(const codec::SchemaId& id) {
  using Kind = codec::SchemaId::Kind;
  const std::string name = to_string(id);
  switch (id.kind) {
    case Kind::number:
      return concat("/schemas/ids/", name);
    case Kind::guid:
      return concat("/schemas/guids/", name);
    case Kind::azure:
      return concat("/$schemaGroups/$schemas/", name, "?api-version=2022-10");
    case Kind::global_id:
      return concat("/ids/globalIds/", name);
    case Kind::content_id:
      return concat("/ids/contentIds/", name);
  }
  return {};
}

codec::SchemaId global_id(std::uint64_t number) {
  codec::SchemaId id{.kind = codec::SchemaId::Kind::global_id};
  for (std::size_t i = codec::SchemaId::k_bytes; number > 0; number >>= 8) {
    id.bytes[--i] = static_cast<std::uint8_t>(number);
  }
  return id;
}

std::string path_of_subject(Api api, std::string_view topic) {
  CHECK(has_subjects(api));
  return concat(api == Api::confluent ? "/subjects/" : "/groups/default/artifacts/",
                percent_encode(subject_of(topic)));
}

// The kinds that a registry may answer with. One that is not asked for would be refused with 406.
std::string_view accepted_by(Api api) {
  switch (api) {
    case Api::confluent:
      return "application/vnd.schemaregistry.v1+json, application/json";
    case Api::azure:
      return "application/json; serialization=Avro, application/json; serialization=json, "
             "text/plain; charset=utf-8, text/vnd.ms.protobuf";
    case Api::apicurio:
    case Api::none:
      break;
  }
  return "*/*";
}

http::Request request_of(const Options& options, const std::string& path) {
  return {.method = http::Method::get,
          .url = options.url + path,
          .headers = {{"Accept", std::string(accepted_by(options.api))}},
          .body = {},
          .timeout = k_request_timeout,
          .response_bytes_max = k_answer_bytes_max};
}

Verdict unusable(std::string predicate) {
  return {.outcome = SchemaOutcome::unusable, .message = std::move(predicate)};
}

Verdict found(Result<codec::RegisteredSchema> schema) {
  if (!schema.ok()) {
    return unusable(schema.error().message);
  }
  return {.outcome = SchemaOutcome::found,
          .schema = std::make_shared<const codec::RegisteredSchema>(*std::move(schema))};
}

// Of a text that nobody says the kind of. No type of Avro is called `object`.
bool is_json_schema(std::string_view text) {
  const std::optional<codec::JsonMembers> schema = codec::json_members(text);
  if (!schema) {
    return false;
  }
  const auto type = schema->texts.find("type");
  return schema->texts.contains("$schema") || (type != schema->texts.end() && type->second == "object");
}

class Judge {
 public:
  // `id`: null of a request for what a subject has.
  Judge(const Options& options, const codec::SchemaId* id, const http::Response& response)
      : options_(options), id_(id), response_(response) {}

  Verdict of_versions() const { return response_.status == 200 ? versions() : verdict(); }

  Verdict verdict() const {
    switch (response_.status) {
      case 200:
        return of_body();
      case 404:
        return knows_no_schema() ? Verdict{.outcome = SchemaOutcome::unknown} : not_the_registry();
      case 401:
        return {.outcome = SchemaOutcome::refused,
                .message = concat(answers(), "401: it does not believe who asks; ", login_advice())};
      case 403:
        return {.outcome = SchemaOutcome::refused,
                .message = concat(answers(), "403: who asks has no right to read schemas; ", right_advice()),
                .is_forbidden = true};
      default:
        break;
    }
    Verdict other = response_.status >= 300 && response_.status < 500 && response_.status != 429
                        ? not_the_registry()
                        : Verdict{.message = concat(answers(), response_.status)};
    other.retry_after = identity::retry_after_of(response_);
    return other;
  }

 private:
  std::string answers() const { return concat("the registry ", options_.url, " answers "); }

  Verdict not_the_registry() const {
    return {.message = concat(answers(), response_.status,
                              ", and not as a registry does; see whether registry.type and registry.url are "
                              "right, and whether something in between answers")};
  }

  std::string_view login_advice() const {
    return options_.api == Api::azure ? "see registry.url and the identity that check shows"
                                      : "see registry.username and password, or registry.token";
  }
  std::string_view right_advice() const {
    return options_.api == Api::azure ? "give the identity the role Schema Registry Reader on the namespace"
                                      : "give its user the right to read them";
  }

  Verdict of_body() const {
    switch (options_.api) {
      case Api::confluent:
        return of_confluent();
      case Api::azure:
        return of_azure();
      case Api::apicurio:
        return of_apicurio();
      case Api::none:
        break;
    }
    return not_the_registry();
  }

  Verdict of_confluent() const {
    const std::optional<codec::JsonValue> answer = codec::json_object(response_.body);
    if (!answer || (*answer)["schema"].text.empty()) {
      return not_the_registry();
    }
    const std::string& type = (*answer)["schemaType"].text;
    const std::string& text = (*answer)["schema"].text;
    const bool has_references = !(*answer)["references"].items.empty();
    if (type == "JSON") {
      return found(codec::RegisteredSchema::of_json(text, has_references));
    }
    if (!type.empty() && type != "AVRO") {
      return unusable(concat("is ", type, ", and neither Avro nor a JSON Schema"));
    }
    if (has_references) {
      return unusable("has references to other schemas, which are not resolved");
    }
    return found(codec::RegisteredSchema::of_avro(text));
  }

  // "application/json; serialization=Avro". What speaks so is the registry, also where it leaves out the id.
  Verdict of_azure() const {
    const std::string type = header("Content-Type");
    const std::string id = header("Schema-Id");
    if (is_web_page() || (!id.empty() && id_ != nullptr && id != to_string(*id_))) {
      return not_the_registry();
    }
    if (type.find("serialization=avro") != std::string::npos) {
      return found(codec::RegisteredSchema::of_avro(response_.body));
    }
    if (type.find("serialization=json") != std::string::npos) {
      return found(codec::RegisteredSchema::of_json(response_.body));
    }
    return id.empty() ? not_the_registry() : unusable("is neither Avro nor a JSON Schema");
  }

  Verdict of_apicurio() const {
    if (is_web_page()) {
      return not_the_registry();
    }
    return found(is_json_schema(response_.body) ? codec::RegisteredSchema::of_json(response_.body)
                                                : codec::RegisteredSchema::of_avro(response_.body));
  }

  Verdict versions() const {
    const bool is_confluent = options_.api == Api::confluent;
    const std::optional<codec::JsonValue> answer = codec::json_object(
        is_confluent ? concat(R"({"versions":)", response_.body, "}") : std::string(response_.body));
    Verdict verdict{.outcome = SchemaOutcome::found};
    if (!answer || (*answer)["versions"].items.empty()) {
      return not_the_registry();
    }
    for (const codec::JsonValue& each : (*answer)["versions"].items) {
      const std::optional<double> number = is_confluent ? each.number : each["globalId"].number;
      if (!number || !(*number >= 1 && *number < k_version_end)) {
        return not_the_registry();
      }
      verdict.versions.push_back(static_cast<std::uint64_t>(*number));
    }
    std::ranges::sort(verdict.versions);
    return verdict;
  }

  bool knows_no_schema() const {
    const std::optional<codec::JsonValue> answer = codec::json_object(response_.body);
    switch (options_.api) {
      case Api::confluent:
        return answer && (id_ != nullptr ? (*answer)["error_code"].number == k_schema_not_found
                                         : (*answer)["error_code"].number == k_subject_not_found ||
                                               (*answer)["error_code"].number == k_version_not_found);
      case Api::azure:  // its words are documented nowhere
        return !is_web_page();
      case Api::apicurio:  // "ContentNotFoundException"; of a path that it does not have it is "NotFound..."
        return answer && (*answer)["name"].text.ends_with("NotFoundException") &&
               (*answer)["name"].text != "NotFoundException";
      case Api::none:
        break;
    }
    return false;
  }

  bool is_web_page() const { return header("Content-Type").find("html") != std::string::npos; }

  // In lower case, without spaces and without the dashes of an id.
  std::string header(std::string_view name) const {
    std::string text = lower(response_.headers.find(name).value_or(""));
    std::erase_if(text, [name](char c) { return c == ' ' || (c == '-' && name == "Schema-Id"); });
    return text;
  }

  const Options& options_;
  const codec::SchemaId* const id_;
  const http::Response& response_;
};

}  // namespace

http::Request request_for(const Options& options, const codec::SchemaId& id) {
  return request_of(options, path_of(id));
}

Verdict judge(const Options& options, const codec::SchemaId& id, const http::Response& response) {
  return Judge(options, &id, response).verdict();
}

std::string subject_of(std::string_view topic) {
  return concat(topic, "-value");
}

bool has_subjects(Api api) {
  return api == Api::confluent || api == Api::apicurio;
}

http::Request request_for_versions(const Options& options, std::string_view topic) {
  return request_of(options, concat(path_of_subject(options.api, topic), "/versions",
                                    options.api == Api::apicurio ? "?limit=500" : ""));
}

Verdict judge_versions(const Options& options, const http::Response& response) {
  return Judge(options, nullptr, response).of_versions();
}

http::Request request_for_version(const Options& options, std::string_view topic, std::uint64_t version) {
  return request_of(options, options.api == Api::confluent
                                 ? concat(path_of_subject(options.api, topic), "/versions/", version)
                                 : path_of(global_id(version)));
}

Verdict judge_version(const Options& options, std::uint64_t version, const http::Response& response) {
  const codec::SchemaId id = global_id(version);
  return Judge(options, options.api == Api::confluent ? nullptr : &id, response).verdict();
}

}  // namespace penstock::registry
