// What is known of the schemas that ids name, which are asked for next, and which topics wait. Pure: it is
// told the time and the answers.
//
// A schema that was found is kept as its text, since an id stands for one text for ever. One that the
// registry does not know is waited for: it may be younger than the replica that answered. But a topic waits
// no longer than `patience`, and then not again for as long, whatever ids it has: so one whose values have no
// schema at all goes on. An id that was given up is given up for every topic, until the registry knows it. A
// registry that does not answer, or does not let us in, is waited for without an end.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/schema_outcome.h"
#include "codec/registered_schema.h"
#include "codec/schema_id.h"
#include "format/schema_source.h"
#include "registry/answers.h"

namespace penstock::registry {

// What is kept, but for what somebody waits for, or has. A schema counts as its text and k_entry_bytes.
// Beyond the bound an id goes that is no schema, or was not looked for in k_stale, and else the one that came
// last. So ids by turns that are a few too many cost a few requests, and do not push each other out one and
// all.
inline constexpr std::size_t k_entry_bytes = 512;
inline constexpr Duration k_stale = std::chrono::minutes(10);
// Schemas of Avro that are compiled, those that were looked for last. Each counts as four times its text,
// which is what its nodes and names may take.
inline constexpr std::size_t k_compiled_bytes_max = std::size_t{4} << 20;

class Lookup {
 public:
  struct Options {
    // "the registry https://registry.example", for sentences.
    std::string place;
    Duration patience{};
    std::size_t schemas_bytes_max = std::size_t{8} << 20;
  };
  explicit Lookup(Options options) : options_(std::move(options)) {}

  // As SchemaSource::find().
  format::SchemaAnswer find(std::string_view topic, const codec::SchemaId& id, MonoTime now);

  // As SchemaSource::ask_ahead().
  void ask_ahead(std::string_view topic, const codec::SchemaId& id, MonoTime now);

  // An id to be asked for now: it counts as on its way from here on. None: nothing is due, or as many are on
  // their way as may be. While the registry fails that is one, so that it is asked once a pause.
  std::optional<codec::SchemaId> to_ask(MonoTime now);

  // When to_ask() may have another one. None: not before the next answer or find().
  std::optional<MonoTime> due() const;

  // `spread`, 0 to 1, is drawn by chance: up to a quarter of a pause comes on top.
  void answered(const codec::SchemaId& id, Verdict verdict, MonoTime now, double spread);

  // As those of SchemaSource.
  const std::map<std::string, format::SchemaWait, std::less<>>& waiting() const { return waiting_; }
  void forget_waits();
  std::array<std::uint64_t, k_schema_outcomes> requests() const { return requests_; }

  std::size_t size() const { return entries_.size(); }
  // As those of SchemaSource.
  std::uint64_t waits() const { return waits_; }
  std::uint64_t evicted() const { return evicted_; }
  // How many are compiled.
  std::size_t compiled() const { return compiled_.size(); }

 private:
  using State = format::SchemaAnswer::State;
  struct Compiled {
    codec::SchemaId id;
    std::shared_ptr<const codec::AvroSchema> avro;
    std::size_t bytes = 0;
  };
  struct Entry {
    State state = State::waits;
    std::shared_ptr<const codec::RegisteredSchema> schema = {};
    std::string fault = {};
    bool on_its_way = false;
    MonoTime due{};  // when it is asked for next, if it is among open_
    std::uint32_t tries = 0;
    std::size_t bytes = 0;
    std::uint64_t came = 0;  // counts those that were found
    MonoTime used{};
    bool fresh = false;  // nobody who waited for it has had it yet
    std::list<Compiled>::iterator compiled = {};
    bool is_compiled = false;
    std::set<std::string, std::less<>> topics = {};  // that wait for it
    std::string reason = {};
  };
  // Of a topic that had to wait for an id that is not known.
  struct Waited {
    std::optional<MonoTime> since;
    MonoTime no_more_until{};
  };
  using Entries = std::map<codec::SchemaId, Entry>;

  void after_unknown(Entries::iterator at, MonoTime now, double spread);
  void begin(Entries::iterator at, MonoTime now);
  void keep(Entries::iterator at, Verdict& verdict, MonoTime now);
  void decided(Entries::iterator at, std::size_t bytes, MonoTime now);
  void compile(const codec::SchemaId& id, Entry& entry);
  void drop_compiled(Entry& entry);
  void settle(Entries::iterator at);
  void say(Entry& entry, std::string reason);
  void evict(MonoTime now);

  const Options options_;
  Entries entries_;
  std::set<codec::SchemaId> open_;  // to be asked for, or on their way
  std::map<std::string, format::SchemaWait, std::less<>> waiting_;
  std::map<std::string, Waited, std::less<>> waited_;
  std::array<std::uint64_t, k_schema_outcomes> requests_{};
  std::size_t bytes_ = 0;
  std::uint64_t came_ = 0;
  std::uint64_t evicted_ = 0;
  std::uint64_t waits_ = 0;
  std::list<Compiled> compiled_;  // the one that was looked for last at the end
  std::size_t compiled_bytes_ = 0;
  std::uint32_t on_their_way_ = 0;
  bool fails_ = false;
};

}  // namespace penstock::registry
