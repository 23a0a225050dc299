// The librdkafka properties that source::ConsumerOptions come to. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "source/consumer_options.h"

namespace penstock::rdkafka {

// Bounds of what the library holds for one worker, whatever the lag: a fetch response is at most
// k_fetch_bytes, and fetching stops when k_queued_kilobytes wait. All partitions share one queue, so both
// count once a worker: 16 MiB queued and 4 MiB a broker in flight.
inline constexpr std::uint32_t k_partition_fetch_bytes = 512 * 1024;
inline constexpr std::uint32_t k_fetch_bytes = 4 * 1024 * 1024;
inline constexpr std::uint32_t k_queued_kilobytes = 16 * 1024;
// Before 2.2 a broker thread that found the queue full looks again only after up to a second, so this is high
// enough for the bytes to be the bound down to records of 300 B; an object of some 300 B a message makes it
// 15 MB more.
inline constexpr std::uint32_t k_queued_messages = 50'000;

struct Property {
  std::string name;
  std::string value;

  friend bool operator==(const Property&, const Property&) = default;
};

enum class EndOfPartition : std::uint8_t { silent, reported };

// The properties in the order they are to be set. `library_version` is rd_kafka_version()'s: a property that
// an older library does not know is left out. Errors name the option, or the passthrough key that penstock
// owns, and what to write instead; never a secret.
Result<std::vector<Property>> client_properties(const source::ConsumerOptions& options,
                                                EndOfPartition end_of_partition, int library_version);

// Of PLAIN and SCRAM.
struct SaslLogin {
  std::string user;
  std::string password;
};
SaslLogin sasl_login(const source::Auth& auth);

// Error: the library does not know a property, or does not take its value. In its own sentence, or in ours
// for a secret.
Result<void> check_properties(std::span<const Property> properties);

// Whether this property's value must not be shown.
bool is_secret(std::string_view property_name);

}  // namespace penstock::rdkafka
