// What every source over a real Kafka is started with.
#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "base/record_view.h"
#include "base/types.h"
#include "source/consumer_options.h"

namespace penstock::source {

struct SourceOptions {
  ConsumerOptions consumer;
  RecordHeaders headers = RecordHeaders::skipped;

  // --exit-at-end: the ends of the logs as they were seen at the start, by probe_cluster(). A partition that
  // is not named did not exist then, and counts as at its mark. Without a value there are no marks, and no
  // partition is at one.
  std::optional<std::map<TopicPartition, Position>> end_marks;

  // close() leaves the group, although membership is static (a group_instance_id).
  bool leaves_group = false;

  // For leaving the group.
  std::chrono::milliseconds close_timeout{5000};
};

}  // namespace penstock::source
