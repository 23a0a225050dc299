// The one table that translates librdkafka's codes into what happened and what to do.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.h>

namespace penstock::rdkafka {

// `code` is an rd_kafka_resp_err_t: negative for what the library found itself, positive for what a broker
// said. A code without a row is taken for a passing fault of the broker: unavailable, retry.
//
// `what` says what was being done to which topic or broker ("committing topic orders, partition 3"): it
// begins the sentence. It never holds a secret.
Error kafka_error(int code, std::string_view what);

// What librdkafka's own sentence about a connection comes from, and what to do. Empty: it says no more than
// its code.
std::string_view connection_advice(std::string_view reason);

// Of a broker that could not be reached, with the library's reason for it.
Error connection_error(int code, std::string_view broker, std::string_view reason);

// The library's own name of a code, with its origin visible: "_TRANSPORT", "ILLEGAL_GENERATION".
std::string kafka_error_name(int code);

// What a code means for the place that has to branch on it.
bool is_data_loss(int code);      // the position asked for is not in the log
bool is_corrupt_batch(int code);  // a batch that fails its checksum or does not decompress

}  // namespace penstock::rdkafka
