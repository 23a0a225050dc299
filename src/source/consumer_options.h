// What penstock asks of a Kafka consumer, whichever library serves it. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"
#include "source/token_supply.h"

namespace penstock::source {

enum class AuthType : std::uint8_t {
  none,
  sasl_plain,
  sasl_scram_256,
  sasl_scram_512,
  event_hubs,
  oauthbearer,
  entra
};

struct Auth {
  AuthType type = AuthType::none;
  std::string user;      // SASL types
  std::string password;  // SASL types

  // The password, or the connection string, as it is at this moment: for a secret that may change. Any
  // thread. Empty: it stays as it is.
  std::function<std::string()> secret_now{};

  // event_hubs: "Endpoint=sb://...;SharedAccessKeyName=...;SharedAccessKey=..."
  std::string connection_string;

  std::string token_file;  // oauthbearer: see bearer_token.h

  TokenSupply tokens{};  // entra: whoever makes these options gets and renews them
};

// `auth` with the password or connection string of this moment.
Auth with_newest_secret(Auth auth);

// automatic: on for Event Hubs, off for its emulator and for everything else.
enum class Tls : std::uint8_t { automatic, disabled, enabled };

// given: at a position that is named for each partition.
enum class StartAt : std::uint8_t { earliest, latest, timestamp, given };

// Where a partition starts that the group has committed nothing for.
struct StartPoint {
  StartAt at = StartAt::earliest;
  std::int64_t timestamp_ms = 0;  // StartAt::timestamp: the first record with at least this time
  // StartAt::given. A partition that is not named starts at its log's start.
  std::map<TopicPartition, Position> given = {};
};

// What to do when the position wanted is not in the log any more.
enum class OnDataLoss : std::uint8_t { stop, go_on };

// Called from any thread of the library; `level` is a syslog severity, 3 error, 4 warning, 6 information.
using LogHandler = std::function<void(int level, const std::string& text)>;

struct ConsumerOptions {
  // "host:port" each. May be empty with a connection string, which names its own.
  std::vector<std::string> brokers;
  Auth auth;
  Tls tls = Tls::automatic;
  std::string tls_ca;  // path of a PEM file or directory; empty or "system": the machine's own
  // Paths of PEM files, what we show to a broker that asks for it. Both or neither.
  std::string tls_certificate;
  std::string tls_key;
  std::string group;
  std::vector<std::string> topics;  // names, or exactly one regular expression that begins with ^
  StartPoint start;
  OnDataLoss on_data_loss = OnDataLoss::stop;
  std::string group_instance_id;  // empty: dynamic membership
  std::string client_id = "penstock";
  // How long a fetch may wait for fetch_bytes_min to come together. Wake-ups cost ten times more than bytes:
  // at 3.5 MB/s these defaults take a tenth of the processor time of the library's own.
  std::chrono::milliseconds fetch_wait{500};
  std::uint32_t fetch_bytes_min = 512 * 1024;      // at most k_partition_fetch_bytes
  std::map<std::string, std::string> passthrough;  // source.librdkafka
  LogHandler log;                                  // may be empty: the library's log is dropped
};

// "contoso.servicebus.windows.net:9093" from a connection string, with a key or a signature, in any case.
// Error: what is wrong with it, as a predicate of source.auth.value, without its text.
Result<std::string> event_hubs_broker(std::string_view connection_string);

// The string as the service takes it for a password: without what base/connection_parts.h takes off.
std::string event_hubs_password(std::string_view connection_string);

// The hub that the connection string is for, if it names one (EntityPath). Empty: the whole namespace.
std::string event_hubs_entity(std::string_view connection_string);

// Whether connections are to be encrypted.
bool wants_tls(const ConsumerOptions& options);

// Whether the topics are one regular expression.
bool is_topic_pattern(const ConsumerOptions& options);

}  // namespace penstock::source
