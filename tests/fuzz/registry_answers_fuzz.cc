// What a schema registry, or somebody in its place, answers. The first byte chooses the API. Then come the
// status, the Content-Type and the Schema-Id, a line each, and the body.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/json_grammar.h"
#include "registry/answers.h"
#include "registry/asker.h"
#include "registry/lookup.h"

namespace penstock::registry {
namespace {

using format::SchemaAnswer;

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  return line;
}

void run(std::string_view input) {
  constexpr Api k_apis[] = {Api::confluent, Api::azure, Api::apicurio};
  if (input.empty()) {
    return;
  }
  const Options options{.api = k_apis[static_cast<unsigned char>(input.front()) % 3], .url = "https://r"};
  input.remove_prefix(1);
  http::Response response;
  const std::string_view status = take_line(input);
  std::from_chars(status.data(), status.data() + status.size(), response.status);
  response.headers.add("Content-Type", std::string(take_line(input)));
  response.headers.add("Schema-Id", std::string(take_line(input)));
  response.body = std::string(input);

  const codec::SchemaId id = no_schema_of(options.api);
  const Verdict verdict = judge(options, id, response);
  CHECK((verdict.schema != nullptr) == (verdict.outcome == SchemaOutcome::found));
  if (verdict.outcome == SchemaOutcome::found) {
    const Result<codec::Table> table = verdict.schema->table(verdict.schema->record_name());
    CHECK((table.ok() || !table.error().message.empty()));
    CHECK(verdict.schema->written().size() <= codec::AvroSchema::k_text_bytes_max);
  }
  if (verdict.outcome == SchemaOutcome::found || verdict.outcome == SchemaOutcome::unusable) {
    CHECK(response.status == 200);
  }
  if (verdict.outcome == SchemaOutcome::unknown) {
    CHECK(response.status == 404);
  }
  if (verdict.outcome == SchemaOutcome::refused || verdict.outcome == SchemaOutcome::unavailable) {
    CHECK(verdict.message.starts_with("the registry https://r answers "));
    CHECK(verdict.message.size() < 300U);  // nothing of the answer is in it
  }

  // Whatever it says of a schema may stand in a row.
  Lookup lookup({.place = "r", .patience = Duration::zero()});
  const MonoTime now{std::chrono::hours(1)};
  lookup.find("orders", id, now);
  CHECK((lookup.to_ask(now) == id));
  lookup.answered(id, verdict, now, 0);
  const SchemaAnswer answer = lookup.find("orders", id, now);
  CHECK(lookup.waiting().contains("orders") == (answer.state == SchemaAnswer::State::waits));
  if (answer.state == SchemaAnswer::State::none) {
    CHECK(!answer.fault.empty());
    CHECK(answer.fault.size() <= format::k_schema_fault_bytes_max);
    CHECK(codec::follows_json_grammar("\"" + std::string(answer.fault) + "\""));
  }
}

}  // namespace
}  // namespace penstock::registry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::registry::run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
