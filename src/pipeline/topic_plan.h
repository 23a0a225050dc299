// How the batches of one topic are made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/envelope_fields.h"
#include "codec/blob_name.h"
#include "format/quarantine.h"
#include "format/record_format.h"
#include "format/shredded_values.h"

namespace penstock::pipeline {

// Whose time is in the name of a blob: of the moment when its batch was opened, or of its first record.
enum class NameClock : std::uint8_t { wall, record };

struct TopicPlan {
  std::string topic;
  Duration max_age{};
  // A batch that has fewer bytes than these at its max_age stays open until it has them, at the longest up to
  // this age. 0: none does.
  std::uint64_t min_bytes = 0;
  Duration small_max_age{};
  std::uint64_t max_bytes = 0;
  bool by_partition = false;  // a batch of its own for each partition
  bool empty_files = false;   // for silent partitions: EmptyWindows. Only with by_partition
  format::RecordFormat format;
  EnvelopeFields envelope_fields = EnvelopeFields::all();  // of RowFormat::envelope
  // Of RowFormat::envelope and capture; of parquet where ids name the schemas. Null: values are not decoded.
  std::shared_ptr<const format::ValueDecoding> decoding = nullptr;
  // Of RowFormat::parquet; null: values are one column.
  std::shared_ptr<const format::ShreddedValues> shredded = nullptr;
  codec::PathTemplate path;
  NameClock name_clock = NameClock::wall;

  // What does not meet the rules goes into batches by the plan `quarantine`: set_rules().
  format::RecordRules rules = {};
  std::shared_ptr<const TopicPlan> quarantine = nullptr;

  // A staged batch is used again after a restart only if its recipe is this one, and its topic is still the
  // one with this id: with_topic_id(). 0: no batch is used again.
  std::uint64_t recipe_hash = 0;
};

void set_rules(TopicPlan& plan, const format::RecordRules& rules);

// What is put at a claimed name of the topic, a valid file without records. The name may be of a format that
// the topic had before.
std::vector<std::byte> tombstone_file_of(const TopicPlan& plan, std::string_view blob);

// A hash of the settings that shape a batch's bytes and its place: format, fields of envelopes, schema,
// compression, rules, grouping, group and sink. For TopicPlan::recipe_hash; never 0.
std::uint64_t recipe_hash_of(const TopicPlan& plan, std::string_view group, std::string_view sink);

// The recipe of batches of one incarnation of the topic. A topic that was made anew has its former name, and
// the topic of another cluster may have it too. Both have another id. The same as `recipe_hash` where the
// brokers have no ids; 0 stays 0.
std::uint64_t with_topic_id(std::uint64_t recipe_hash, std::string_view topic_id);

}  // namespace penstock::pipeline
