#include "verify/lake_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "lake/landed_marker.h"

namespace penstock::verify {
namespace {

constexpr int k_tries_max = 5;
constexpr std::chrono::milliseconds k_pause_max{30'000};  // whatever a store asks for

}  // namespace

std::optional<Duration> Repeats::pause_after(const Error& error) {
  if (error.action != Action::retry || ++tries_ == k_tries_max) {
    return std::nullopt;
  }
  const Duration pause = std::min(error.retry_after.value_or(wait_), k_pause_max);
  wait_ *= 2;
  return pause;
}

LakeReader::LakeReader(lake::BlobStore& store, io::Loop& loop, const Clock& clock)
    : store_(store), loop_(loop), clock_(clock) {}

Result<void> LakeReader::each(const std::function<Result<void>(BlobFacts)>& look, std::string_view prefix) {
  std::string marker;
  do {
    Result<lake::BlobPage> page = ask<lake::BlobPage>([&](std::function<void(Result<lake::BlobPage>)> done) {
      store_.list(std::string(prefix), marker, std::move(done));
    });
    if (!page.ok()) {
      return std::move(page).error();
    }
    for (lake::BlobEntry& entry : page->blobs) {
      if (entry.name.starts_with(lake::k_landed_directory)) {
        continue;
      }
      if (Result<void> looked = look(facts_of(std::move(entry))); !looked.ok()) {
        return looked;
      }
    }
    marker = std::move(page->next_marker);
  } while (!marker.empty());
  return {};
}

Result<std::optional<BlobFacts>> LakeReader::find(const std::string& name) {
  Result<lake::BlobProperties> found =
      ask<lake::BlobProperties>([&](std::function<void(Result<lake::BlobProperties>)> done) {
        store_.get_properties(name, std::move(done));
      });
  if (found.ok()) {
    return std::optional(facts_of({.name = name, .properties = std::move(found).value()}));
  }
  if (found.error().kind == ErrorKind::not_found && found.error().action == Action::give_up) {
    return std::optional<BlobFacts>();
  }
  return std::move(found).error();
}

Result<std::string> LakeReader::read(const std::string& name, std::uint64_t offset, std::uint64_t bytes) {
  return ask<std::string>([&](std::function<void(Result<std::string>)> done) {
    store_.read(name, offset, bytes, std::move(done));
  });
}

template <class Value>
Result<Value> LakeReader::ask(const std::function<void(std::function<void(Result<Value>)>)>& question) {
  for (Repeats repeats;;) {
    Result<Value> answer = ask_once(question);
    const auto wait = answer.ok() ? std::nullopt : repeats.pause_after(answer.error());
    if (!wait) {
      return answer;
    }
    pause(*wait);
  }
}

template <class Value>
Result<Value> LakeReader::ask_once(const std::function<void(std::function<void(Result<Value>)>)>& question) {
  const auto answer = std::make_shared<std::optional<Result<Value>>>();
  question([answer](Result<Value> result) { *answer = std::move(result); });
  while (!answer->has_value()) {
    loop_.run_once(k_loop_turn);
  }
  return std::move(**answer);
}

void LakeReader::pause(Duration wait) {
  for (const MonoTime until = clock_.now() + wait; clock_.now() < until;) {
    loop_.run_once(std::min<Duration>(k_loop_turn, until - clock_.now()));
  }
}

}  // namespace penstock::verify
