// From the configuration to the source that a worker reads from. The one place that knows which sources there
// are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "config/settings.h"
#include "io/loop.h"
#include "source/consumer_options.h"
#include "source/source.h"

namespace penstock::appliance {

// What worker number `worker` asks of Kafka, whichever source serves it. Pure.
source::ConsumerOptions kafka_options(const config::Settings& settings, std::uint32_t worker);

// Who fetches the records, and why. `direct`: penstock over its own connections. Otherwise librdkafka.
struct FetchChoice {
  bool direct = true;
  // A clause: "source.fetch says so".
  std::string reason;
};

// Pure. The same for every worker of a deployment.
FetchChoice fetch_choice(const config::Settings& settings);

// Where every partition's log ended when the process started: with --exit-at-end a source is at its end
// there. None: it reads on for ever.
using EndMarks = std::optional<std::map<TopicPartition, Position>>;

// The source that fetch_choice() names, not started yet. On the worker's thread; `loop` and `clock` outlive
// it.
Result<std::unique_ptr<source::Source>> make_source(const config::Settings& settings, std::uint32_t worker,
                                                    const EndMarks& end_marks, io::Loop& loop,
                                                    const Clock& clock);

}  // namespace penstock::appliance
