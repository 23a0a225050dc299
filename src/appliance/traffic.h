// How much comes into the topics, as their logs tell: from it `penstock check` predicts files and calls.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <penstock/result.h>

#include "appliance/file_plan.h"
#include "base/clock.h"
#include "base/types.h"
#include "config/settings.h"
#include "rdkafka/cluster_probe.h"
#include "rdkafka/record_probe.h"
#include "source/start_position.h"

namespace penstock::appliance {

struct Traffic {
  std::vector<TopicTraffic> topics;
  // How far back was looked: a day, or to the first record of the youngest logs.
  Duration span{};
};

// What the brokers say of the last day.
struct LogDay {
  std::map<TopicPartition, source::LogBounds> logs;
  // The first record of that day, or the log's end.
  std::map<TopicPartition, Position> begins;
  // Of partitions that records_to_read() names.
  std::map<TopicPartition, rdkafka::RecordProbe> records;
  WallTime now;
};

// One record a topic: of the partition that has most of that day. Where its log is younger than a day it is
// the first record, whose time tells how old the log is. Otherwise it is one of the last. Where a topic has
// few records in all, the first of its other young logs too. Pure.
std::map<TopicPartition, Position> records_to_read(const LogDay& day);

// The size of the busiest partition's record stands for all of its topic. Without it the bytes are not
// known. Pure.
Traffic traffic_of(std::span<const rdkafka::ProbedTopic> topics, const LogDay& day);

// What `penstock check` says of it: files and calls a day, their cost, and what batch.min_bytes would spare
// where that is much. Pure.
std::string files_sentence(const config::Settings& settings, const Traffic& traffic, std::uint32_t workers,
                           double price_per_10k);

// Asks the brokers for all that. Blocks for some seconds. Error: they did not answer.
Result<Traffic> measure_traffic(const config::Settings& settings, const rdkafka::ProbeReport& cluster);

}  // namespace penstock::appliance
