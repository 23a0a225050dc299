#include "base/types.h"

#include "base/concat.h"

namespace penstock {

std::string named(const TopicPartition& id) {
  return concat("topic ", id.topic, ", partition ", id.partition.value);
}

}  // namespace penstock
