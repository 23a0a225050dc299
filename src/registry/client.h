// The schemas of a registry, for the framers of one worker: asked for on its loop, once per id, and kept.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/schema_outcome.h"
#include "format/schema_source.h"
#include "io/loop.h"
#include "registry/asker.h"
#include "registry/lookup.h"
#include "registry/options.h"
#include "registry/subject_versions.h"

namespace penstock::registry {

class Client final : public format::SchemaSource {
 public:
  // `random`: for the pauses. `columns`: of topics whose versions are taken ahead of their records; empty: of
  // none. The loop and the clock outlive it. Error: of Asker::create().
  static Result<std::unique_ptr<Client>> create(Options options, std::function<std::uint64_t()> random,
                                                io::Loop& loop, const Clock& clock,
                                                ColumnsOfTopic columns = {});
  ~Client() override;

  format::SchemaAnswer find(std::string_view topic, const codec::SchemaId& id) override;
  void ask_ahead(std::string_view topic, const codec::SchemaId& id) override;
  const std::map<std::string, format::SchemaWait, std::less<>>& waiting() override;
  void forget_waits() override;
  // Of schemas by their ids.
  std::array<std::uint64_t, k_schema_outcomes> requests() const override { return lookup_.requests(); }
  std::uint64_t waits() const override { return lookup_.waits(); }
  std::uint64_t evicted() const override { return lookup_.evicted(); }

 private:
  Client(std::unique_ptr<Asker> asker, std::function<std::uint64_t()> random, io::Loop& loop,
         const Clock& clock, ColumnsOfTopic columns);

  void ask_for_versions();
  double spread();
  // Asks for what is due, and comes back when something else will be.
  void go_on();

  io::Loop& loop_;
  const Clock& clock_;
  const std::function<std::uint64_t()> random_;
  Lookup lookup_;
  SubjectVersions versions_;
  std::map<std::string, format::SchemaWait, std::less<>>
      waiting_;  // for either of the two, where both have some
  io::TimerId timer_ = io::TimerId::none;
  const std::unique_ptr<Asker> asker_;
};

}  // namespace penstock::registry
