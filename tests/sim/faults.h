// How often what goes wrong, by operation; all of it ends when the world says so.
#pragma once

namespace penstock::sim {

struct FaultRates {
  double disk_slow = 0;
  double disk_short = 0;  // reads and writes
  double disk_write_error = 0;
  double disk_full = 0;
  double disk_read_error = 0;  // ends a worker: a block that cannot be read back is for a person

  double store_slow = 0;
  double store_refused = 0;     // 429, 500, 503, an expired token, a missing right: no effect
  double store_reply_lost = 0;  // took effect, and nobody was told
  double store_late = 0;        // takes effect long after the caller gave it up
  double store_lost = 0;
  double store_loses_blocks = 0;  // those of a blob, before they are committed

  double net_slow = 0;     // of what travels between workers and brokers
  double net_cut = 0;      // of sends and answers that are cut into parts
  double net_reset = 0;    // of requests whose connection breaks, but for commits
  double net_refused = 0;  // of connections

  double throttled = 0;  // of answers to a Fetch that ask for a pause

  double entry_unread = 0;
  double commit_not_done = 0;
  double commit_partly = 0;   // one partition rejected, the others done
  double commit_refused = 0;  // REBALANCE_IN_PROGRESS, for the moment
  double commit_denied = 0;   // done, and answered with NOT_COORDINATOR
  double commit_lost = 0;
  double commit_reply_lost = 0;
  double commit_late = 0;          // processed up to fence_wait after it was sent, the caller knows nothing
  double commit_visible_late = 0;  // accepted, answered and visible only later
  double worker_stalls = 0;        // a turn that takes long
};

class Faults {
 public:
  explicit Faults(const FaultRates& rates) : rates_(rates) {}

  double operator[](double FaultRates::*kind) const { return on_ ? rates_.*kind : 0; }
  const FaultRates& rates() const { return rates_; }
  void end() { on_ = false; }
  bool on() const { return on_; }

  // Servers that answer nothing at all.
  bool store_is_out = false;
  bool store_credential_ended = false;  // it answers, and refuses everything
  bool group_is_out = false;

 private:
  FaultRates rates_;
  bool on_ = true;
};

}  // namespace penstock::sim
