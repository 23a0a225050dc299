#include "verify/content_reader.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "verify/content.h"
#include "verify/lake_reader.h"

namespace penstock::verify {

struct ContentReader::Reading {
  explicit Reading(BlobFacts blob) : facts(std::move(blob)), check(facts) {}

  const BlobFacts facts;
  ContentCheck check;
  std::string end;  // what of the blob's end was read before all else, while it is wanted
  std::uint64_t at = 0;
  Repeats repeats;
  io::TimerId timer = io::TimerId::none;
};

ContentReader::ContentReader(lake::BlobStore& store, io::Loop& loop, Events events)
    : store_(store), loop_(loop), events_(std::move(events)) {}

ContentReader::~ContentReader() {
  *alive_ = false;
  for (const auto& reading : readings_) {
    loop_.cancel_timer(reading->timer);
  }
}

Result<void> ContentReader::add(BlobFacts facts) {
  if (Result<void> fewer = wait_for_fewer_than(k_blobs_max); !fewer.ok()) {
    return fewer;
  }
  const auto reading = std::make_shared<Reading>(std::move(facts));
  readings_.insert(reading);
  go_on(reading);
  return {};
}

Result<void> ContentReader::finish() {
  return wait_for_fewer_than(1);
}

Result<void> ContentReader::wait_for_fewer_than(std::size_t count) {
  while (!error_ && readings_.size() >= count) {
    loop_.run_once(k_loop_turn);
  }
  return error_ ? Result<void>(*error_) : Result<void>();
}

void ContentReader::go_on(const std::shared_ptr<Reading>& reading) {
  if (const std::optional<std::uint64_t> from = reading->check.wants_end_from()) {
    read_end(reading, *from);
    return;
  }
  if (reading->at == reading->facts.stored_bytes) {
    end(reading);
    return;
  }
  const std::uint64_t wanted = std::min(reading->facts.stored_bytes - reading->at, lake::k_read_bytes_max);
  store_.read(reading->facts.name, reading->at, wanted,
              [this, alive = alive_, reading, wanted](Result<std::string> piece) {
                if (*alive) {
                  answered(reading, wanted, std::move(piece));
                }
              });
}

// The end may be longer than what the store gives at once.
void ContentReader::read_end(const std::shared_ptr<Reading>& reading, std::uint64_t from) {
  reading->at = from + reading->end.size();
  const std::uint64_t wanted = std::min(reading->facts.stored_bytes - reading->at, lake::k_read_bytes_max);
  store_.read(reading->facts.name, reading->at, wanted,
              [this, alive = alive_, reading, wanted](Result<std::string> piece) {
                if (*alive) {
                  answered(reading, wanted, std::move(piece));
                }
              });
}

// False: nothing more need be read.
bool ContentReader::take_end(const std::shared_ptr<Reading>& reading, const std::string& piece) {
  reading->end += piece;
  if (reading->at < reading->facts.stored_bytes) {
    return true;
  }
  reading->at = 0;
  return reading->check.give_end(as_bytes(std::exchange(reading->end, {})));
}

void ContentReader::answered(const std::shared_ptr<Reading>& reading, std::uint64_t wanted,
                             Result<std::string> piece) {
  if (!piece.ok() && piece.error().kind == ErrorKind::not_found &&
      piece.error().action == Action::give_up) {  // not so without the container
    readings_.erase(reading);                     // deleted since it was listed
    return;
  }
  if (!piece.ok()) {
    if (const auto pause = reading->repeats.pause_after(piece.error())) {
      reading->timer = loop_.start_timer(*pause, [this, reading] { go_on(reading); });
    } else {
      error_ = std::move(piece).error();
      readings_.erase(reading);
    }
    return;
  }
  reading->repeats = {};
  reading->at += piece->size();
  events_.read(piece->size());
  const bool is_end = reading->check.wants_end_from().has_value();
  const bool more = is_end ? take_end(reading, *piece) : reading->check.feed(as_bytes(*piece));
  if (!more || piece->size() < wanted) {
    end(reading);
  } else {
    go_on(reading);
  }
}

void ContentReader::end(const std::shared_ptr<Reading>& reading) {
  if (std::optional<Finding> wrong = reading->check.end()) {
    events_.found(*std::move(wrong));
  }
  readings_.erase(reading);
}

}  // namespace penstock::verify
