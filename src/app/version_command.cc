#include <cstdio>
#include <string>

#include <dlfcn.h>

#include <penstock/penstock.h>

#include "app/commands.h"
#include "app/exit_code.h"
#include "base/concat.h"
#include "base/json_string.h"
#include "io/loop.h"

namespace penstock::app {
namespace {

// What a library that is loaded says of itself; asked by name, so that this file needs none of their headers.
template <class Function>
Function* symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string text_of(const char* function) {
  auto* ask = symbol<const char*()>(function);
  return ask != nullptr ? ask() : "not loaded";
}

std::string mimalloc_version() {
  auto* ask = symbol<int()>("mi_version");
  return ask != nullptr ? std::to_string(ask()) : "not loaded";
}

}  // namespace

int run_version(const VersionCommand& command) {
  std::string backend = "none";
  std::string flags;
  std::string reason;
  const Result<std::unique_ptr<io::Loop>> loop = io::make_loop(io::LoopOptions{}, system_clock());
  if (loop.ok()) {
    const io::Grant& grant = (*loop)->grant();
    backend = grant.backend == io::Backend::io_uring ? "io_uring" : "portable";
    flags = grant.flags;
    reason = grant.reason;
  } else {
    reason = loop.error().message;
  }
  const std::string kafka = text_of("rd_kafka_version_str");
  const std::string curl = text_of("curl_version");
  if (command.json) {
    std::printf(
        "{\"version\":%s,\"commit\":%s,\"librdkafka\":%s,\"libcurl\":%s,\"mimalloc\":%s,\"io\":%s,\"io_"
        "flags\":%s,"
        "\"io_note\":%s}\n",
        json_string(version()).c_str(), json_string(PENSTOCK_COMMIT).c_str(), json_string(kafka).c_str(),
        json_string(curl).c_str(), json_string(mimalloc_version()).c_str(), json_string(backend).c_str(),
        json_string(flags).c_str(), json_string(reason).c_str());
    return k_done;
  }
  std::printf("penstock %s (%s)\n", version(), PENSTOCK_COMMIT);
  std::printf("librdkafka  %s\nlibcurl     %s\nmimalloc    %s\n", kafka.c_str(), curl.c_str(),
              mimalloc_version().c_str());
  std::printf("I/O         %s %s%s%s\n", backend.c_str(), flags.c_str(), reason.empty() ? "" : "; ",
              reason.c_str());
  return k_done;
}

}  // namespace penstock::app
