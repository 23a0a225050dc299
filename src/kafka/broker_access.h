// How our own connections present themselves to the brokers: from the same options as librdkafka's.
#pragma once

#include <string>
#include <vector>

#include <penstock/result.h>

#include "source/consumer_options.h"
#include "wire/broker_connection.h"

namespace penstock::kafka {

// Why these options need librdkafka's own fetch, as our connections do not follow them. Empty: they do not.
std::string why_not_direct(const source::ConsumerOptions& options);

// Error: the CA cannot be read, or the options cannot work. Never with a secret.
Result<wire::BrokerAccess> broker_access(const source::ConsumerOptions& options);

// "host:port" each: those of the configuration, or the connection string's own.
Result<std::vector<std::string>> broker_addresses(const source::ConsumerOptions& options);

}  // namespace penstock::kafka
