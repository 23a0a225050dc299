// How it works
//
// ask() decides the fate of a request when it is sent. Chance may name several, and the first that applies
// counts:
//
//   fate                at the lake                    the caller hears
//   refused, outage     nothing                        an error, after the way there and back
//   credential ended    nothing                        the same
//   lost                nothing                        a reset within 1 s, or a time-out after 20 s
//   late                takes effect within 60 s       the same as for lost
//   reply lost          takes effect after the way     the same as for lost
//   none of these       takes effect after the way     the lake's answer, after the way back
//
// For example, put_blob(X) is late, and the caller hears of a reset after 0.4 s. It asks again and creates X.
// After 30 s the first request reaches the lake, which refuses it because X exists. Nobody hears that answer.
// If the worker is killed instead of asking again, the first request still creates X.
#include "sim/sim_blob_store.h"

#include <chrono>
#include <utility>

#include "unit/lake/service_limits.h"

namespace penstock::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string joined(lake::Body body) {
  std::string bytes;
  for (const Bytes piece : body) {
    bytes += as_text(piece);
  }
  return bytes;
}

}  // namespace

SimBlobStore::SimBlobStore(const SimClock& clock, Agenda& agenda, SimLake& lake, const Faults& faults,
                           ProcessPtr process, Random random, Verdict& verdict)
    : clock_(clock),
      agenda_(agenda),
      lake_(lake),
      faults_(faults),
      process_(std::move(process)),
      random_(random),
      verdict_(verdict) {}

Duration SimBlobStore::latency() {
  return random_.chance(faults_[&FaultRates::store_slow])
             ? random_.between(milliseconds(100), seconds(10))
             : random_.between(milliseconds(1), milliseconds(40));
}

Error SimBlobStore::refusal() {
  switch (random_.below(4)) {
    case 0: {
      Error error = store_error(ErrorKind::throttled, Action::retry);
      if (random_.chance(0.5)) {
        error.retry_after = milliseconds(random_.between(100, 5000));
      }
      return error;
    }
    case 1:
      return store_error(ErrorKind::unauthenticated, Action::give_up);
    case 2:  // a role that was taken away: a person's matter, until it is given back
      return store_error(ErrorKind::forbidden, Action::fatal);
    default:
      return store_error(ErrorKind::unavailable, Action::retry);
  }
}

std::optional<Error> SimBlobStore::out_of_limits(const std::string& name) {
  if (lake_.limits.refuses(name)) {
    return store_error(ErrorKind::forbidden, Action::fatal);
  }
  if (!lake_.limits.takes_one_more(clock_.now())) {
    return store_error(ErrorKind::throttled, Action::retry);
  }
  return std::nullopt;
}

template <class Value>
void SimBlobStore::ask(const std::string& name, const CallsOf<Value>& calls,
                       std::function<void(Result<Value>)> done, std::function<Result<Value>()> effect) {
  const std::uint64_t call = calls->add(std::move(done));
  if (process_->killed) {
    return;
  }
  const auto is = [this](double FaultRates::*kind) { return random_.chance(faults_[kind]); };
  const std::weak_ptr<Process> process = process_;
  const std::weak_ptr<Calls<Result<Value>>> waiting = calls;
  const bool refused = is(&FaultRates::store_refused);
  const bool lost = is(&FaultRates::store_lost);
  const bool late = is(&FaultRates::store_late);
  const bool untold = is(&FaultRates::store_reply_lost);
  const MonoTime arrives = clock_.now() + (late ? random_.between(milliseconds(1), seconds(60)) : latency());
  const Duration back = latency();
  if (faults_.store_credential_ended) {
    reply<Result<Value>>(process, waiting, call, arrives + back,
                         Result<Value>(store_error(ErrorKind::unauthenticated, Action::give_up)));
    return;
  }
  if (refused || faults_.store_is_out) {
    reply<Result<Value>>(process, waiting, call, arrives + back, Result<Value>(refusal()));
    return;
  }
  if (const std::optional<Error> beyond = out_of_limits(name)) {
    reply<Result<Value>>(process, waiting, call, arrives + back, Result<Value>(*beyond));
    return;
  }
  if (lost || late || untold) {  // a reset soon, or a time-out
    const bool reset = random_.chance(0.5);
    reply<Result<Value>>(
        process, waiting, call,
        clock_.now() + (reset ? random_.between(milliseconds(1), seconds(1)) : Duration(seconds(20))),
        Result<Value>(store_error(reset ? ErrorKind::unavailable : ErrorKind::timed_out, Action::retry)));
  }
  if (lost) {
    return;
  }
  const bool told = !late && !untold;
  agenda_.at(arrives, [&clock = clock_, effect = std::move(effect), process, waiting, call, back, told] {
    Result<Value> answer = effect();
    if (told) {
      reply<Result<Value>>(process, waiting, call, clock.now() + back, std::move(answer));
    }
  });
}

// A body stays as it is until the answer: nobody else may have got its memory.
lake::Done SimBlobStore::unless_changed(lake::Body body, const std::string& bytes, lake::Done done) {
  return [this, pieces = std::vector<Bytes>(body.begin(), body.end()), bytes,
          done = std::move(done)](Result<void> result) {
    if (joined(pieces) != bytes) {
      verdict_.fail(process_->name, " changed a body while it was being sent");
    }
    done(std::move(result));
  };
}

// What the service itself would refuse is never asked of it.
void SimBlobStore::expect_taken(const std::string& refusal) {
  if (!refusal.empty()) {
    verdict_.fail(process_->name, " asks the store for what it does not take: ", refusal);
  }
}

void SimBlobStore::put_block(const std::string& name, const lake::BlockRef& block, lake::Body body,
                             lake::Done done) {
  const std::string bytes = joined(body);
  if (bytes.size() != block.bytes) {
    verdict_.fail(process_->name, " puts a block of ", bytes.size(), " bytes and says ", block.bytes);
  }
  expect_taken(lake::refusal_of_name(name));
  expect_taken(lake::refusal_of_block(block));
  ask<void>(name, writes_, unless_changed(body, bytes, std::move(done)),
            [&lake = lake_, name, index = block.index, bytes] { return lake.put_block(name, index, bytes); });
}

void SimBlobStore::commit_blocks(const std::string& name, std::span<const lake::BlockRef> blocks,
                                 const Metadata& metadata, lake::Done done) {
  std::uint64_t offset = 0;
  for (const lake::BlockRef& block : blocks) {
    if (block.offset != offset) {
      verdict_.fail(process_->name, " lists a block at ", block.offset, " that begins at ", offset);
    }
    offset += block.bytes;
  }
  expect_taken(lake::refusal_of_name(name));
  expect_taken(lake::refusal_of_list(blocks));
  expect_taken(lake::refusal_of_metadata(metadata));
  const bool loses = random_.chance(faults_[&FaultRates::store_loses_blocks]);
  ask<void>(name, writes_, std::move(done),
            [&lake = lake_, name, listed = std::vector<lake::BlockRef>(blocks.begin(), blocks.end()),
             metadata, loses] {
              if (loses) {
                lake.lose_blocks(name);
              }
              return lake.commit_blocks(name, listed, metadata);
            });
}

void SimBlobStore::put_blob(const std::string& name, lake::Body body, const Metadata& metadata,
                            lake::Done done) {
  const std::string bytes = joined(body);
  expect_taken(lake::refusal_of_name(name));
  expect_taken(lake::refusal_of_blob(bytes.size()));
  expect_taken(lake::refusal_of_metadata(metadata));
  ask<void>(name, writes_, unless_changed(body, bytes, std::move(done)),
            [&lake = lake_, process = process_, name, bytes, metadata] {
              Result<void> put = lake.put_blob(name, bytes, metadata);
              if (put.ok() && is_tombstone(metadata)) {
                process->names_closed.insert(name);
              }
              return put;
            });
}

void SimBlobStore::get_properties(const std::string& name,
                                  std::function<void(Result<lake::BlobProperties>)> done) {
  ask<lake::BlobProperties>(name, reads_, std::move(done),
                            [&lake = lake_, name] { return lake.properties(name); });
}

void SimBlobStore::list(const std::string& prefix, const std::string& marker,
                        std::function<void(Result<lake::BlobPage>)> done) {
  ask<lake::BlobPage>({}, lists_, std::move(done), [&lake = lake_, prefix, marker] {
    return Result<lake::BlobPage>(lake.list(prefix, marker));
  });
}

void SimBlobStore::read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
                        std::function<void(Result<std::string>)> done) {
  ask<std::string>(name, bodies_, std::move(done),
                   [&lake = lake_, name, offset, bytes] { return lake.read(name, offset, bytes); });
}

void SimBlobStore::probe(lake::Done done) {
  ask<void>({}, writes_, std::move(done), [] { return Result<void>(); });
}

}  // namespace penstock::sim
