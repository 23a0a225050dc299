#include "pipeline/topic_plan.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::pipeline {

namespace {

// FNV-1a.
std::uint64_t hash_on(std::uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return std::max<std::uint64_t>(hash, 1);
}

}  // namespace

std::uint64_t recipe_hash_of(const TopicPlan& plan, std::string_view group, std::string_view sink) {
  const bool of_envelopes = plan.format.rows == format::RowFormat::envelope;
  const std::string fields = of_envelopes ? std::to_string(plan.envelope_fields.bits()) : std::string();
  return hash_on(0xcbf29ce484222325,
                 concat(fields, format::to_string(plan.format.rows), format::file_extension(plan.format),
                        '\n', plan.by_partition ? "partition" : "topic", '\n', group, '\n', sink));
}

std::uint64_t with_topic_id(std::uint64_t recipe_hash, std::string_view topic_id) {
  return recipe_hash == 0 ? 0 : hash_on(recipe_hash, topic_id);
}

}  // namespace penstock::pipeline
