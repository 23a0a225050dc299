// Asks a registry for one schema, over HTTP: once, without a pause or a second try.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include <penstock/result.h>

#include "base/alive.h"
#include "codec/schema_id.h"
#include "http/client.h"
#include "io/loop.h"
#include "registry/answers.h"
#include "registry/options.h"

namespace penstock::registry {

class Asker {
 public:
  // Error: of http::Client::create(). The loop outlives it.
  static Result<std::unique_ptr<Asker>> create(Options options, io::Loop& loop);

  // `done` runs once, from the loop, unless the asker is gone by then. An id of a kind that the API does not
  // have is a bug.
  void ask(const codec::SchemaId& id, std::function<void(Verdict)> done);

  // Which versions there are of the topic's subject, and one of them, likewise.
  void ask_versions(std::string_view topic, std::function<void(Verdict)> done);
  void ask_version(std::string_view topic, std::uint64_t version, std::function<void(Verdict)> done);

  const Options& options() const { return options_; }

 private:
  Asker(Options options, io::Loop& loop, std::unique_ptr<http::Client> client)
      : options_(std::move(options)), loop_(loop), client_(std::move(client)) {}

  using Judgement = std::function<Verdict(const http::Response&)>;
  void send(http::Request request, Judgement judged, std::function<void(Verdict)> done);

  const Options options_;
  io::Loop& loop_;
  const std::unique_ptr<http::Client> client_;
  Alive alive_;
};

// An id that the API has, and that no registry knows: who asks for it learns whether it is let in.
codec::SchemaId no_schema_of(Api api);

}  // namespace penstock::registry
