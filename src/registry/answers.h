// The request for a schema, and what the answers mean, for each API. Pure.
//
//   confluent  GET <url>/schemas/ids/7                       {"schema":"{...}"}
//              GET <url>/schemas/guids/0f5f6d21-4ac0-...     {"schema":"{...}", "schemaType":"AVRO"}
//   azure      GET <url>/$schemaGroups/$schemas/<32 hex digits>?api-version=2022-10
//                                                            {...}, the schema itself
//   apicurio   GET <url>/ids/globalIds/7, contentIds/7       {...}, the schema itself
//
// A schema's kind is told by `schemaType`, where it is not Avro, and by Azure's Content-Type. Apicurio's own
// API does not tell it: what has `$schema`, or the type `object`, is a JSON Schema there.
//
// Confluent's API is also Karapace's, Redpanda's, and that of Apicurio below /apis/ccompat/v7.
//
//   answer                                       outcome
//   200, a schema of Avro, or a JSON Schema      found
//   200, of Protobuf, or Avro with references    unusable: an id stands for one text for ever
//   404 in the API's own words                   unknown
//   401, 403                                     refused
//   all else                                     unavailable: 404 of a wrong path, 429, 5xx, a web page
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema_outcome.h"
#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "format/schema_source.h"
#include "http/message.h"
#include "registry/options.h"

namespace penstock::registry {

struct Verdict {
  SchemaOutcome outcome = SchemaOutcome::unavailable;
  // Of `found`.
  std::shared_ptr<const codec::RegisteredSchema> schema = {};
  // Of `unusable` a predicate of the schema; of `refused` and `unavailable` a sentence for the operator.
  std::string message = {};
  // How long the registry wants to be left alone.
  std::optional<std::chrono::milliseconds> retry_after = {};
  // Of `refused`: it knows who asks, who has no right to this.
  bool is_forbidden = false;
  // Of judge_versions(), found: from the first to the last.
  std::vector<std::uint64_t> versions = {};
};

// Without the header Authorization. The id is of a kind that the API has.
http::Request request_for(const Options& options, const codec::SchemaId& id);

Verdict judge(const Options& options, const codec::SchemaId& id, const http::Response& response);

// All versions of the schema of a topic's values, by the name that serializers give it unless they are told
// otherwise, and one of these versions. Apicurio's own API numbers them by their global ids.
//
//   confluent  GET <url>/subjects/orders-value/versions          [1,2]
//              GET <url>/subjects/orders-value/versions/2        {"version":2,"schema":"{...}"}
//   apicurio   GET <url>/groups/default/artifacts/orders-value/versions?limit=500
//                                                                {"count":1,"versions":[{"globalId":7, ...}]}
//              GET <url>/ids/globalIds/7                         {...}, the schema itself
//
// Azure's schemas have a group and a name that no topic tells (has_subjects(); CHECK).
std::string subject_of(std::string_view topic);
bool has_subjects(Api api);
http::Request request_for_versions(const Options& options, std::string_view topic);
Verdict judge_versions(const Options& options, const http::Response& response);
http::Request request_for_version(const Options& options, std::string_view topic, std::uint64_t version);
Verdict judge_version(const Options& options, std::uint64_t version, const http::Response& response);

}  // namespace penstock::registry
