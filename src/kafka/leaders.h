// Who leads which partition of an assignment, as the cluster tells it: asked for at the beginning, and again
// whenever somebody finds that a leader has moved or is away, with a pause that grows.
//
//   need() ─► due ─► poll() asks the cluster ─► (an answer) ─► moved, gone, unknown; or due again
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <penstock/result.h>

#include "base/alive.h"
#include "base/clock.h"
#include "base/types.h"
#include "kafka/wake_timer.h"
#include "wire/cluster_client.h"

namespace penstock::kafka {

class Leaders {
 public:
  struct Events {
    // Another broker leads the partition now, or the first one that is known, or one at another address.
    std::function<void(PartitionSlot, const wire::BrokerAddress&)> moved;

    // Nobody leads it at the moment.
    std::function<void(PartitionSlot)> gone;

    // The cluster will not say: the topic has been unknown for some seconds, or we have no right to it.
    // give_up() is the answer.
    std::function<void(PartitionSlot, Error)> unknown;

    // Passes by itself; often.
    std::function<void(Error)> trouble;
  };

  // All outlive it.
  Leaders(const Clock& clock, wire::ClusterClient& cluster, WakeTimer& wake, Events events);

  // A new assignment. end() before the next.
  void begin(std::shared_ptr<const std::vector<TopicPartition>> ids);
  void end();

  // The leaders are to be asked for, at this time or before.
  void need(MonoTime not_before);
  bool needed() const { return due_.has_value(); }

  // Asks, if it is time.
  void poll();

  // None: not known, or nobody leads the partition.
  const std::optional<wire::PartitionLeader>& of(PartitionSlot slot) const {
    return partitions_[slot.value].leader;
  }

  // Whoever is named next is believed, and told as `moved`.
  void forget(PartitionSlot slot) { partitions_[slot.value].leader.reset(); }

  // A leader has answered for this partition, so its topic is known.
  void heard_of(PartitionSlot slot) { partitions_[slot.value].unknown_answers = 0; }

  // The partition has failed: nobody needs its leader any more.
  void give_up(PartitionSlot slot) { partitions_[slot.value].given_up = true; }

 private:
  struct Known {
    std::optional<wire::PartitionLeader> leader;
    std::uint32_t unknown_answers = 0;  // in a row, to who leads it
    std::uint32_t older_answers = 0;    // in a row, that name a leader of an earlier epoch
    bool given_up = false;
  };

  void ask();
  void on_view(const Result<wire::ClusterView>& view);
  void on_leader(PartitionSlot slot, const wire::PartitionLeader& leader);
  void on_no_leader(PartitionSlot slot, const wire::ClusterView& view);
  static bool believed(Known& partition, const wire::PartitionLeader& leader);

  const Clock& clock_;
  wire::ClusterClient& cluster_;
  WakeTimer& wake_;
  const Events events_;

  std::shared_ptr<const std::vector<TopicPartition>> ids_;  // of partitions_
  std::vector<Known> partitions_;
  bool asked_ = false;
  std::optional<MonoTime> due_;
  std::uint32_t failures_ = 0;
  std::uint64_t epoch_ = 0;  // counts assignments
  Alive alive_;
};

}  // namespace penstock::kafka
