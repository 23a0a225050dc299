// The versions of a topic's schema, taken in the registry's order before a record that names one is read.
// Pure: no I/O, no clock.
//
//   an id that comes to a topic for the first time ──► which versions has `orders-value`?
//                                                          │ those that the topic's table has not taken
//                                                          ▼
//                                     one after the other ──► format::TopicTable ──► the topic goes on
//
// The type of a column follows from the first version that has it (format/topic_table.h). Were it the first
// one that is read, two processes could write files with two types of one column, which no reader takes
// together. A subject that is not there leaves it at what is read, in that order.
//
// A topic waits for this as for a schema, and holds up no other. It goes on without it
//
//   at once              where there is no such subject, or who asks may not see it
//   after `patience`     where the registry does not answer; then nothing is asked for as long again
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "codec/schema_id.h"
#include "format/schema_source.h"
#include "format/topic_table.h"
#include "registry/answers.h"

namespace penstock::registry {

// Where the versions of a topic go. Without a table none are wanted.
struct VersionColumns {
  std::shared_ptr<format::TopicTable> table = nullptr;
  bool by_record = false;  // as TopicTable::take_version() has it
};
using ColumnsOfTopic = std::function<VersionColumns(const std::string& topic)>;

class SubjectVersions {
 public:
  // The first of a subject, so that these are the same ones whenever a process starts.
  static constexpr std::size_t k_versions_max = 256;
  // Of a topic. One more makes nothing be asked for.
  static constexpr std::size_t k_ids_max = 4096;

  struct Options {
    std::string place;  // as that of Lookup
    Duration patience{};
    // Empty: nothing is ever asked for.
    ColumnsOfTopic columns = {};
  };
  explicit SubjectVersions(Options options) : options_(std::move(options)) {}

  // Whether all is taken that is to be taken before a record with this id is read. False: the topic waits.
  bool has(std::string_view topic, const codec::SchemaId& id, MonoTime now);

  // Which versions a topic's subject has, or, with a number, one of them.
  struct Question {
    std::string topic;
    std::optional<std::uint64_t> version = {};
  };
  // These three as those of Lookup.
  std::optional<Question> to_ask(MonoTime now);
  std::optional<MonoTime> due() const;
  void answered(const Question& question, Verdict verdict, MonoTime now, double spread);

  const std::map<std::string, format::SchemaWait, std::less<>>& waiting() const { return waiting_; }
  void forget_waits() { waiting_.clear(); }

 private:
  struct Topic {
    VersionColumns columns = {};
    std::set<codec::SchemaId> ids = {};     // that need not be waited for
    std::set<codec::SchemaId> coming = {};  // came since the versions were last asked for
    std::set<codec::SchemaId> asked = {};   // came before
    std::deque<std::uint64_t> left = {};    // to be asked for
    bool is_open = false;
    bool on_its_way = false;
    MonoTime since{};  // is_open
    MonoTime due{};
    MonoTime no_more_until{};
    std::uint32_t tries = 0;
  };

  bool is_free() const;
  void go_on(const std::string& name, Topic& topic, MonoTime now);
  void end(const std::string& name, Topic& topic);

  const Options options_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<std::string, format::SchemaWait, std::less<>> waiting_;
  std::size_t on_their_way_ = 0;
  bool fails_ = false;  // the last answer was none
};

}  // namespace penstock::registry
