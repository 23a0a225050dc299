// The BlobStore seam over the simulated lake: requests that are refused, lost, answered to nobody, or take
// effect long after everybody has given them up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lake/blob_store.h"
#include "sim/faults.h"
#include "sim/process.h"
#include "sim/sim_clock.h"
#include "sim/sim_lake.h"
#include "sim/sim_random.h"
#include "sim/verdict.h"

namespace penstock::sim {

class SimBlobStore final : public lake::BlobStore {
 public:
  // All outlive it.
  SimBlobStore(const SimClock& clock, Agenda& agenda, SimLake& lake, const Faults& faults, ProcessPtr process,
               Random random, Verdict& verdict);

  void put_block(const std::string& name, const lake::BlockRef& block, lake::Body body,
                 lake::Done done) override;
  void commit_blocks(const std::string& name, std::span<const lake::BlockRef> blocks,
                     const Metadata& metadata, lake::Done done) override;
  void put_blob(const std::string& name, lake::Body body, const Metadata& metadata, lake::Done done) override;
  void get_properties(const std::string& name,
                      std::function<void(Result<lake::BlobProperties>)> done) override;
  void list(const std::string& prefix, const std::string& marker,
            std::function<void(Result<lake::BlobPage>)> done) override;
  void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
            std::function<void(Result<std::string>)> done) override;
  void probe(lake::Done done) override;
  void discard(const std::string& /*name*/) override {}
  const std::string& description() const override { return description_; }

 private:
  template <class Value>
  using CallsOf = std::shared_ptr<Calls<Result<Value>>>;

  // `effect` runs at the lake, at most once, whether or not its answer is heard.
  template <class Value>
  void ask(const std::string& name, const CallsOf<Value>& calls, std::function<void(Result<Value>)> done,
           std::function<Result<Value>()> effect);
  lake::Done unless_changed(lake::Body body, const std::string& bytes, lake::Done done);
  void expect_taken(const std::string& refusal);
  Error refusal();
  std::optional<Error> out_of_limits(const std::string& name);
  Duration latency();

  const SimClock& clock_;
  Agenda& agenda_;
  SimLake& lake_;
  const Faults& faults_;
  ProcessPtr process_;
  Random random_;
  Verdict& verdict_;
  const std::string description_ = "sim:lake";
  CallsOf<void> writes_ = std::make_shared<Calls<Result<void>>>();
  CallsOf<lake::BlobProperties> reads_ = std::make_shared<Calls<Result<lake::BlobProperties>>>();
  CallsOf<std::string> bodies_ = std::make_shared<Calls<Result<std::string>>>();
  CallsOf<lake::BlobPage> lists_ = std::make_shared<Calls<Result<lake::BlobPage>>>();
};

}  // namespace penstock::sim
