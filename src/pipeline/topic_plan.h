// How the batches of one topic are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/envelope_fields.h"
#include "codec/blob_name.h"
#include "format/record_format.h"

namespace penstock::pipeline {

struct TopicPlan {
  std::string topic;
  Duration max_age{};
  std::uint64_t max_bytes = 0;
  bool by_partition = false;  // a batch of its own for each partition
  format::RecordFormat format;
  EnvelopeFields envelope_fields = EnvelopeFields::all();  // of RowFormat::envelope
  codec::PathTemplate path;

  // A staged batch is used again after a restart only if its recipe is this one, and its topic is still the
  // one with this id: with_topic_id(). 0: no batch is used again.
  std::uint64_t recipe_hash = 0;
};

// A hash of the settings that shape a batch's bytes and its place: format, fields of envelopes, compression,
// grouping, group and sink. For TopicPlan::recipe_hash; never 0.
std::uint64_t recipe_hash_of(const TopicPlan& plan, std::string_view group, std::string_view sink);

// The recipe of batches of one incarnation of the topic. A topic that was made anew has its former name, and
// the topic of another cluster may have it too. Both have another id. The same as `recipe_hash` where the
// brokers have no ids; 0 stays 0.
std::uint64_t with_topic_id(std::uint64_t recipe_hash, std::string_view topic_id);

}  // namespace penstock::pipeline
