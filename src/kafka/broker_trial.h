// One broker, asked what it speaks and whether it lets us in, over our own connection.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "base/clock.h"
#include "io/loop.h"
#include "source/consumer_options.h"
#include "wire/api.h"

namespace penstock::kafka {

// What of a broker's versions matters to us: "Fetch 13 (the broker has 0-16), ...". Pure.
std::string told(const wire::ApiVersions& versions);

// The requests without which nothing is fetched directly and no version of ours is spoken: "Fetch 0-3".
// Empty: there is none. Pure.
std::string missing(const wire::ApiVersions& versions);

struct BrokerTrial {
  // Both: what was found, or why not. `login` is canceled where the versions could not be asked.
  Result<std::string> versions;
  Result<std::string> login;
};

// Connects, asks for the versions, logs in, and asks for the brokers as the first request that wants a
// login. Blocks for at most `patience`. The errors are those of wire::BrokerConnection.
BrokerTrial try_broker(const source::ConsumerOptions& options, const std::string& host, std::uint16_t port,
                       Duration patience, io::Loop& loop, const Clock& clock);

}  // namespace penstock::kafka
