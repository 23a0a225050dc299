#include "registry/asker.h"

#include <string>
#include <utility>

namespace penstock::registry {

Result<std::unique_ptr<Asker>> Asker::create(Options options, io::Loop& loop) {
  http::ClientOptions http = options.http;
  http.connections_max = k_requests_max;
  http.upload_buffer_bytes = std::size_t{16} * 1024;  // nothing is uploaded
  Result<std::unique_ptr<http::Client>> client = http::Client::create(http, loop);
  if (!client.ok()) {
    return std::move(client).error();
  }
  return std::unique_ptr<Asker>(new Asker(std::move(options), loop, std::move(client).value()));
}

void Asker::ask(const codec::SchemaId& id, std::function<void(Verdict)> done) {
  send(
      request_for(options_, id),
      [this, id](const http::Response& response) { return judge(options_, id, response); }, std::move(done));
}

void Asker::ask_versions(std::string_view topic, std::function<void(Verdict)> done) {
  send(
      request_for_versions(options_, topic),
      [this](const http::Response& response) { return judge_versions(options_, response); }, std::move(done));
}

void Asker::ask_version(std::string_view topic, std::uint64_t version, std::function<void(Verdict)> done) {
  send(
      request_for_version(options_, topic, version),
      [this, version](const http::Response& response) { return judge_version(options_, version, response); },
      std::move(done));
}

void Asker::send(http::Request request, Judgement judged, std::function<void(Verdict)> done) {
  std::string shown;
  if (options_.authorization) {
    Result<std::string> authorization = options_.authorization();
    if (!authorization.ok()) {
      loop_.defer(alive_.guard(
          [done = std::move(done), why = authorization.error().message] { done({.message = why}); }));
      return;
    }
    shown = std::move(authorization).value();
    request.headers.add("Authorization", shown);
  }
  client_->send(std::move(request), [this, shown, judged = std::move(judged),
                                     done = std::move(done)](Result<http::Response> got) {
    constexpr int k_unauthorized = 401;
    if (got.ok() && got->status == k_unauthorized && options_.refused) {
      options_.refused(shown);
    }
    done(got.ok() ? judged(*got) : Verdict{.message = got.error().message});
  });
}

codec::SchemaId no_schema_of(Api api) {
  using Kind = codec::SchemaId::Kind;
  constexpr std::size_t k_first_of_number = codec::SchemaId::k_bytes - 4;
  switch (api) {
    case Api::azure:
      return {.kind = Kind::azure};
    case Api::confluent:
    case Api::apicurio:
    case Api::none:
      break;
  }
  // The largest that a registry of 32 bits could have.
  codec::SchemaId id{.kind = api == Api::apicurio ? Kind::content_id : Kind::number};
  id.bytes[k_first_of_number] = 0x7f;
  for (std::size_t i = k_first_of_number + 1; i < codec::SchemaId::k_bytes; ++i) {
    id.bytes[i] = 0xff;
  }
  return id;
}

}  // namespace penstock::registry
