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

// Of the quarantine's batches none is used again after a restart.
void set_rules(TopicPlan& plan, const format::RecordRules& rules) {
  plan.rules = rules;
  plan.quarantine.reset();
  if (rules.any()) {
    plan.quarantine = std::make_shared<TopicPlan>(TopicPlan{.topic = plan.topic,
                                                            .max_age = plan.max_age,
                                                            .max_bytes = plan.max_bytes,
                                                            .by_partition = plan.by_partition,
                                                            .format = format::k_quarantine_format,
                                                            .path = {}});
  }
}

std::vector<std::byte> tombstone_file_of(const TopicPlan& plan, std::string_view blob) {
  format::RecordFormat format = format::format_of(blob);
  format.text_values = plan.format.text_values;
  return format::empty_file(format, plan.shredded.get());
}

std::uint64_t recipe_hash_of(const TopicPlan& plan, std::string_view group, std::string_view sink) {
  const bool of_envelopes = plan.format.rows == format::RowFormat::envelope;
  const std::string fields = of_envelopes ? std::to_string(plan.envelope_fields.bits()) : std::string();
  const std::string rules =
      plan.rules.any() ? concat(plan.rules.json ? "json " : "", plan.rules.value_bytes_max, '\n') : "";
  const std::string decoding =
      plan.decoding ? concat(static_cast<int>(plan.decoding->framing),
                             plan.decoding->schema ? plan.decoding->schema->written() : "by id", '\n')
                    : "";
  const std::string columns =
      plan.shredded ? concat(static_cast<int>(plan.shredded->framing), plan.shredded->recipe, '\n') : "";
  return hash_on(0xcbf29ce484222325,
                 concat(rules, decoding, columns, fields, format::to_string(plan.format.rows),
                        format::file_extension(plan.format), '\n', plan.by_partition ? "partition" : "topic",
                        '\n', group, '\n', sink));
}

std::uint64_t with_topic_id(std::uint64_t recipe_hash, std::string_view topic_id) {
  return recipe_hash == 0 ? 0 : hash_on(recipe_hash, topic_id);
}

}  // namespace penstock::pipeline
