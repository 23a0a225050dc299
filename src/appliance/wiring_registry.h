// From the configuration to a worker's client of the schema registry.
#pragma once

#include <cstdint>
#include <memory>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "format/schema_source.h"
#include "format/topic_table.h"
#include "io/loop.h"
#include "registry/options.h"

namespace penstock::appliance {

// What the registry is asked with. Opens the tokens of its identity, where it is shown one. Error: of
// registry_tokens() (tokens.h).
Result<registry::Options> registry_options(const config::Settings& settings);

// Null: no schema is to be found by its id. `tables`: of all workers. On the thread of the loop. All that is
// given outlives it. `texts_bytes`: of schemas that are kept (MemoryPlan).
Result<std::unique_ptr<format::SchemaSource>> make_schemas(const config::Settings& settings,
                                                           format::TopicTables& tables, io::Loop& loop,
                                                           const Clock& clock, std::uint64_t texts_bytes);

}  // namespace penstock::appliance
