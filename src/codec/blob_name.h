// Blob names: the configured template, then the writer's incarnation and the batch's counter, so that no name
// is ever used twice. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"

namespace penstock::codec {

// The longest name that a claim can carry (PROTOCOL.md, Limits), in bytes.
inline constexpr std::size_t k_blob_name_bytes_max = 900;

// The longest extension that a name may end in: ".json.zst".
inline constexpr std::size_t k_extension_bytes_max = 9;

// A parsed `batch.path`: "{topic}/{yyyy}/{MM}/{dd}/{HH}/{topic}-{yyyy}{MM}{dd}T{HH}{mm}{ss}Z". Placeholders:
// topic, partition (only with group_by: partition), yyyy MM dd HH mm ss (UTC, when the batch was opened), and
// namespace, which is the same in all names.
class PathTemplate {
 public:
  // Errors name the placeholder or the part: unknown placeholder, unclosed brace, a leading or trailing '/',
  // and what no name may have (name_rules.h), with placeholders taken for ordinary text.
  static Result<PathTemplate> parse(std::string_view text, std::string_view name_space = "namespace");

  bool uses_partition() const;

  // A name of the topic's that none exceeds, in its length or in that of any part.
  std::string longest_name(std::string_view topic) const;

  // "<expanded>-<incarnation, 16 hex>-<counter, decimal><extension>". `partition` only if uses_partition().
  std::string expand(std::string_view topic, std::optional<Partition> partition, WallTime opened,
                     const BatchId& batch, std::string_view extension) const;

 private:
  enum class Field : unsigned char { literal, topic, partition, yyyy, MM, dd, HH, mm, ss };
  struct Part {
    Field field;
    std::string literal;
  };
  std::vector<Part> parts_;
};

}  // namespace penstock::codec
