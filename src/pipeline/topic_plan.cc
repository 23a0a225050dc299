#include "pipeline/topic_plan.h"

#include <algorithm>

#include "base/concat.h"

namespace penstock::pipeline {

std::uint64_t recipe_hash_of(const TopicPlan& plan, std::string_view group, std::string_view sink) {
  const std::string recipe = concat(format::to_string(plan.format.rows), format::file_extension(plan.format),
                                    '\n', plan.by_partition ? "partition" : "topic", '\n', group, '\n', sink);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : recipe) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return std::max<std::uint64_t>(hash, 1);
}

}  // namespace penstock::pipeline
