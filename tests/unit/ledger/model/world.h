// A small world for the claim protocol: logs of a few records, a group coordinator with generations, commits
// that become visible late or lose their replies, a store with conditional creates, and up to three workers
// that crash, pause past their session, and come back as zombies. One seed decides everything.
//
// Only the protocol is the one that ships; its driver here is the plainest that keeps the contract of
// protocol.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/group_entry.h"
#include "ledger/mutants.h"
#include "ledger/protocol.h"

namespace penstock::ledger::model {

// SplitMix64: seeded in no time, since most runs are short.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool percent(std::uint64_t chance) { return below(100) < chance; }

 private:
  std::uint64_t state_;
};

struct Verdict {
  bool doubled = false;
  bool lost = false;
  bool stuck = false;  // records were left when the faults were over, and nothing moved
  std::string what;

  bool unsafe() const { return doubled || lost; }
};

struct Counters {
  std::uint64_t blobs = 0;
  std::uint64_t tombstones = 0;
  std::uint64_t commits = 0;
  std::uint64_t drops = 0;
  std::uint64_t zombies = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  // Chaos, then peace until everything is in the lake.
  Verdict run();
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::int64_t k_fence_wait = 6;  // ticks of a second

  struct Knobs {  // drawn once a seed, so that seeds differ in kind
    int partitions = 1;
    int records = 2;
    int workers = 2;
    bool pin = false;
    bool batch_a_partition = false;
    int finish_pause = 1;
    std::uint64_t steps = 200, time = 20, lose_reply = 10, slow_commit = 50, crash = 3, pause = 3,
                  rebalance = 3, partial = 0, put_trouble = 10, hole = 0, drain = 6, malice = 0, kick = 0,
                  tidy = 0;
  };
  struct Blob {
    bool tombstone = false;
    std::int64_t made = 0;
    std::string attempt;
    std::map<int, Range> ranges;
    std::vector<std::pair<int, std::int64_t>> records;
  };
  struct DriverBatch {
    std::string name;
    Blob blob;
    bool sealed = false;
  };
  struct Item {
    int partition;
    GroupEntry entry;
  };
  struct Request {
    std::uint64_t instance = 0;
    Ask ask;
    CommitKind kind{};
    int generation = 0;
    int member = 0;
    std::vector<Item> items;
    std::int64_t sent = 0;
    bool checked = false;
    bool reply_lost = false;
    std::vector<CommitOutcome> outcomes{};  // by item, once it was checked
    std::vector<Item> accepted;
  };
  struct Assignment {
    int generation = 0;
    std::vector<int> partitions;
    std::optional<std::vector<std::optional<GroupEntry>>> read;
  };
  struct Mail {  // from the group
    enum class Kind : std::uint8_t { assigned, revoked, lost } kind{};
    Assignment assignment;
  };
  struct Op {  // what an action started and no event has answered
    enum class Kind : std::uint8_t {
      read_entries,
      deliver_entries,
      tombstone,
      read_blob,
      stored,
      put_blob,
      ask_blob,
      commit_answer
    } kind{};
    Ask ask{};
    std::vector<TopicPartition> ids{};
    std::vector<std::optional<GroupEntry>> entries{};
    std::string blob{};
    int partition = 0;
    Range range{};
    BatchKey batch{};
    MonoTime until{};
    CommitReply reply{};
  };
  struct Instance {
    explicit Instance(ProtocolOptions options) : machine(std::move(options)) {}
    std::uint64_t id = 0;
    Protocol machine;
    int member = 0;  // 0: in no group
    int generation = 0;
    bool paused = false;
    std::vector<Mail> mail;
    std::vector<Op> ops;
    std::vector<int> partitions;                     // by slot
    std::map<std::uint64_t, std::vector<int>> past;  // by epoch: of commits that R2 forbids
    std::uint64_t epoch = 0;
    std::vector<std::optional<std::int64_t>> fetch;  // by slot; none: held
    std::map<BatchKey, DriverBatch> batches;
    std::uint64_t next_key = 1;
  };

  MonoTime now() const { return MonoTime(std::chrono::seconds(now_ + 1000)); }
  std::unique_ptr<Instance> fresh();
  void step();
  template <class... Parts>
  void note(const Parts&... parts);
  void strike(std::uint64_t instance);
  void advance_time();
  bool quiet() const;
  void judge_end();

  // The group.
  void join(Instance& instance);
  void start_rebalance();
  void complete_rebalance();
  void kick(int member);

  // The coordinator's commits.
  void send(Instance& instance, const Commit& commit);
  void process(std::size_t request);
  void lose_reply(Request& request);
  void reply(const Request& request, CommitReply reply);
  void apply(const Request& request);
  void expire();

  // A worker's driver.
  void act(Instance& instance);
  void pump(Instance& instance);
  void carry_out(Instance& instance, const Action& action);
  void receive(Instance& instance);
  void read_record(Instance& instance);
  void seal(Instance& instance);
  void run_op(Instance& instance);
  void put_blob(Instance& instance, const Op& op);
  void ask_blob(Instance& instance, const Op& op);
  void tidy();
  void crash(std::size_t instance);

  // The store.
  bool put(const std::string& name, const Blob& blob);
  void count(const Blob& blob, int by);

  Random random_;
  bool tracing_;
  Knobs knobs_;
  bool chaos_ = true;
  std::int64_t now_ = 0;
  std::vector<std::optional<GroupEntry>> entries_;
  std::vector<Request> requests_;
  std::map<std::string, Blob> store_;
  std::vector<std::pair<std::string, Blob>> stray_puts_;  // of crashed workers
  std::map<std::pair<int, std::int64_t>, int> published_;
  std::set<std::pair<int, std::int64_t>> holes_;

  int generation_ = 0;
  int next_member_ = 1;
  bool rebalancing_ = false;
  std::map<int, bool> members_;  // whether it has rejoined
  std::vector<std::unique_ptr<Instance>> instances_;
  std::uint64_t next_instance_ = 1;
  Verdict verdict_;
  Counters counters_;
};

}  // namespace penstock::ledger::model
