// From the configuration to the store that a worker writes to. The one place that knows which stores there
// are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "config/settings.h"
#include "io/loop.h"
#include "lake/azure_store.h"
#include "lake/blob_store.h"

namespace penstock::appliance {

// The store of sink.url. A directory is made if it is not there; nothing else is asked of the storage yet. On
// the thread of the loop; `loop` and `clock` outlive the store. Error: the directory cannot be made or
// written, the URL or the credential is none.
Result<std::unique_ptr<lake::BlobStore>> make_store(const config::Settings& settings, io::Loop& loop,
                                                    const Clock& clock);

// A store with a loop of its own: for who asks it one thing after the other, and waits.
struct LoneStore {
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<lake::BlobStore> store;
};

enum class StoreUse : std::uint8_t {
  write,  // as make_store()
  read,   // a directory is neither made nor written
};

// As make_store(). Whoever shows tokens of Entra holds Tokens meanwhile.
Result<LoneStore> make_lone_store(const config::Settings& settings, StoreUse use);

// Endpoint and credential of a sink in Azure; no credential where it is a token of Entra, as each store has
// one over its own loop. Pure. Error: invalid_input, with the file and line of sink.url or sink.auth: one of
// them is none, or the key is of another account than the URL.
Result<lake::AzureOptions> azure_options(const config::Settings& settings);

// The same for a store on `loop`: with the tokens of the sink's identity where it has one.
Result<lake::AzureOptions> azure_options_on(const config::Settings& settings, io::Loop& loop);

// What a claim says about where its blob is, so that a successor with another sink does not look in the wrong
// place. Eight hex digits, which do not depend on the credential.
std::string sink_identity(const config::Settings& settings);

}  // namespace penstock::appliance
