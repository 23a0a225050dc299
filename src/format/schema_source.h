// The seam between a framer and what knows the schemas of records that name theirs by an id.
//
//   record ── schema_framing.h ──► id ── SchemaSource ──► known: a schema
//                                                   ├─► waits: not known yet, and asked for
//                                                   └─► none: there is none, or none that can be used
//
// A framer stops at a record whose schema is waited for (Framed::waits). That record, and what follows it in
// its partition, is offered again later. Of one id and topic the answer goes from `waits` to one of the
// others, or from `none` to `known`. It never goes back to `waits` but after forget_waits(), or for an id
// that has not been looked for in a very long time.
//
// registry::Client serves it, and a double in the tests.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/schema_outcome.h"
#include "codec/registered_schema.h"
#include "codec/schema_id.h"

namespace penstock::format {

struct SchemaAnswer {
  enum class State : std::uint8_t { known, waits, none };
  State state = State::waits;
  // Of `known`.
  std::shared_ptr<const codec::RegisteredSchema> schema = {};
  // Of `none`: what a row says of it, at most k_schema_fault_bytes_max letters that JSON does not escape.
  // Stays until the next find(), or until the loop turns again.
  std::string_view fault = {};
};
inline constexpr std::size_t k_schema_fault_bytes_max = 160;

// The text as such a fault: cut, and with other letters where JSON would escape one.
std::string schema_fault(std::string text);

// A topic of which a record waits for its schema.
struct SchemaWait {
  MonoTime since{};
  // "the schema 7 is not known to the registry http://127.0.0.1:8081 yet", for people.
  std::string reason;
};

// One per worker, on its thread.
class SchemaSource {
 public:
  virtual ~SchemaSource() = default;

  // Cheap where the answer is known. Otherwise it is asked for, and the topic is among waiting() until it is.
  virtual SchemaAnswer find(std::string_view topic, const codec::SchemaId& id) = 0;

  // Asks for it, unless it is known. Nobody waits for it: a record further on in what the topic has names it.
  virtual void ask_ahead(std::string_view /*topic*/, const codec::SchemaId& /*id*/) {}

  // The topics that wait: of each, until everything that find() answered `waits` for is answered otherwise.
  virtual const std::map<std::string, SchemaWait, std::less<>>& waiting() = 0;

  // The assignment is over: nobody waits any more.
  virtual void forget_waits() = 0;

  // Since the start, by outcome.
  virtual std::array<std::uint64_t, k_schema_outcomes> requests() const = 0;

  // Since the start: how often a topic began to wait, and how many schemas were let go for want of room.
  virtual std::uint64_t waits() const { return 0; }
  virtual std::uint64_t evicted() const { return 0; }
};

}  // namespace penstock::format
