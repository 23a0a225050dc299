// What happens to the topics of a world: what is written to them, and what becomes of their logs and leaders.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/sim_random.h"
#include "sim/surroundings.h"

namespace penstock::sim {

class TopicLife {
 public:
  // `world` outlives it.
  TopicLife(const Surroundings& world, Random random);

  // The cluster as it is at the beginning, and all that is to happen to it.
  void begin();

  // The troubles are over: everything has a leader and a coordinator, and no transaction is open.
  void calm();

  // A worker stops reading the partition, and says why.
  void stopped(const TopicPartition& id, const Error& error);

  // A worker says that the topic may have been made anew, and that it cannot tell.
  void doubted(const TopicPartition& id);

 private:
  void build();
  void make_log(const TopicPartition& id);
  void plan_records();
  void plan_troubles();
  // So often, at any time.
  void plan(Trouble trouble, std::int64_t most, void (TopicLife::*what)());
  MonoTime any_time();
  Log& any_log(TopicPartition* which = nullptr);
  std::int32_t any_broker();

  void append(const TopicPartition& id, std::int64_t count);
  void append_records(const TopicPartition& id, Log& log, std::int64_t count, Transaction transaction);
  void land(Log& log);
  std::string value_for(const TopicPartition& id, const Log& log, Offset offset);

  void lead(Log& log, std::int32_t broker);
  void move_leader();
  void lose_leader();
  void move_coordinator();
  void restart_broker();
  void take_named_broker_away();
  void add_partition();
  void topics_changed_soon();
  void open_transaction();
  void end_transaction(const TopicPartition& id, std::uint32_t life, Transaction transaction);
  void delete_old();
  void refuse_commits();
  void delete_topic();
  void make_anew();
  void truncate();
  void refuse_reading();

  const Surroundings& world_;
  const Scenario& scenario_;
  Cluster& cluster_;
  Random random_;
  const MonoTime begin_;
  std::int64_t last_producer_ = 0;
};

}  // namespace penstock::sim
