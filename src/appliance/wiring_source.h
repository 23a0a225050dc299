// From the configuration to the source that a worker reads from. The one place that knows which sources there
// are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "base/clock.h"
#include "base/types.h"
#include "config/settings.h"
#include "io/loop.h"
#include "source/consumer_options.h"
#include "source/source.h"

namespace penstock::appliance {

// What `source.instance: auto` stands for: the host's name, and a hash that tells processes on one host
// apart. The stage's directory does that, as it is locked: no two processes have the same one at a time.
// Pure.
std::string auto_instance(std::string_view host, std::string_view machine, std::string_view stage);

// What worker number `worker` asks of Kafka, whichever source serves it. Reads the host's name.
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

// Whether a worker leaves the group when it is closed, in place of staying a member until its session times
// out. Nobody waits for the session of an `auto` instance, which may never come back, or of a bounded run.
// Pure.
bool leaves_group(const config::Settings& settings, const EndMarks& end_marks);

// The source that fetch_choice() names, not started yet. On the worker's thread; `loop` and `clock` outlive
// it.
Result<std::unique_ptr<source::Source>> make_source(const config::Settings& settings, std::uint32_t worker,
                                                    const EndMarks& end_marks, io::Loop& loop,
                                                    const Clock& clock);

}  // namespace penstock::appliance
