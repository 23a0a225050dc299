#include "verify/lake_reader.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "verify/content.h"

namespace penstock::verify {
namespace {

constexpr Duration k_turn = std::chrono::milliseconds(100);
constexpr std::chrono::milliseconds k_first_pause{1000};
constexpr std::chrono::milliseconds k_pause_max{30'000};  // whatever a store asks for

}  // namespace

LakeReader::LakeReader(lake::BlobStore& store, io::Loop& loop, const Clock& clock)
    : store_(store), loop_(loop), clock_(clock) {}

Result<void> LakeReader::each(const std::function<Result<void>(BlobFacts)>& look) {
  std::string marker;
  do {
    Result<lake::BlobPage> page = ask<lake::BlobPage>(
        [&](std::function<void(Result<lake::BlobPage>)> done) { store_.list("", marker, std::move(done)); });
    if (!page.ok()) {
      return std::move(page).error();
    }
    for (lake::BlobEntry& entry : page->blobs) {
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

Result<std::optional<Finding>> LakeReader::check_content(
    const BlobFacts& facts, const std::function<void(std::uint64_t bytes)>& read) {
  ContentCheck check(facts);
  for (std::uint64_t at = 0; at < facts.stored_bytes;) {
    const std::uint64_t wanted = std::min(facts.stored_bytes - at, lake::k_read_bytes_max);
    const Result<std::string> piece = ask<std::string>([&](std::function<void(Result<std::string>)> done) {
      store_.read(facts.name, at, wanted, std::move(done));
    });
    if (!piece.ok() && piece.error().kind == ErrorKind::not_found) {
      return std::optional<Finding>();  // deleted since it was listed
    }
    if (!piece.ok()) {
      return piece.error();
    }
    at += piece->size();
    read(piece->size());
    if (!check.feed(as_bytes(*piece)) || piece->size() < wanted) {
      break;
    }
  }
  return check.end();
}

template <class Value>
Result<Value> LakeReader::ask(const std::function<void(std::function<void(Result<Value>)>)>& question) {
  std::chrono::milliseconds wait = k_first_pause;
  for (int tries = 1;; ++tries) {
    Result<Value> answer = ask_once(question);
    if (answer.ok() || answer.error().action != Action::retry || tries == k_tries_max) {
      return answer;
    }
    pause(std::min(answer.error().retry_after.value_or(wait), k_pause_max));
    wait *= 2;
  }
}

template <class Value>
Result<Value> LakeReader::ask_once(const std::function<void(std::function<void(Result<Value>)>)>& question) {
  const auto answer = std::make_shared<std::optional<Result<Value>>>();
  question([answer](Result<Value> result) { *answer = std::move(result); });
  while (!answer->has_value()) {
    loop_.run_once(k_turn);
  }
  return std::move(**answer);
}

void LakeReader::pause(Duration wait) {
  for (const MonoTime until = clock_.now() + wait; clock_.now() < until;) {
    loop_.run_once(std::min<Duration>(k_turn, until - clock_.now()));
  }
}

}  // namespace penstock::verify
