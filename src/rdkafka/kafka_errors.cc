// How it works
//
// One table gives each code of librdkafka a kind, what the caller should do, and an advice. What keeps a
// connection from coming about has one code, and librdkafka's own sentence tells what it was. So that
// sentence is looked at as well. For example, a listener that wants SASL closes the connection, and the
// sentence is "broker might require SASL authentication". The advice is source.auth, and not the firewall.
#include "rdkafka/kafka_errors.h"

#include <array>

#include <librdkafka/rdkafka.h>

#include "base/concat.h"

namespace penstock::rdkafka {
namespace {

struct Row {
  rd_kafka_resp_err_t code;
  ErrorKind kind;
  Action action;
  const char* advice;  // may be empty
};

constexpr const char* k_advice_reach = "check source.brokers, the firewall and the name service";
constexpr const char* k_advice_password =
    "check source.auth (an Event Hubs connection string needs Listen on the namespace or the hub)";
constexpr const char* k_advice_instance =
    "another process has the same source.instance (host and worker, unless it is set): give every process of "
    "the group its own";
constexpr const char* k_advice_member =
    "the group has moved on: the partitions may belong to another worker by now";
constexpr const char* k_advice_topic = "check source.topics, and that the topic exists in this cluster";

constexpr std::array k_table{
    // Found by the library: the way to the brokers.
    Row{RD_KAFKA_RESP_ERR__TRANSPORT, ErrorKind::unavailable, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ErrorKind::unavailable, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__RESOLVE, ErrorKind::unavailable, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__TIMED_OUT, ErrorKind::timed_out, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, ErrorKind::timed_out, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ErrorKind::timed_out, Action::retry, k_advice_reach},
    Row{RD_KAFKA_RESP_ERR__WAIT_COORD, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR__SSL, ErrorKind::unavailable, Action::retry,
        "check source.tls.ca, and that the broker's port speaks TLS"},
    Row{RD_KAFKA_RESP_ERR__AUTHENTICATION, ErrorKind::unauthenticated, Action::retry, k_advice_password},
    Row{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ErrorKind::not_found, Action::fatal, k_advice_topic},
    Row{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ErrorKind::not_found, Action::retry, k_advice_topic},
    Row{RD_KAFKA_RESP_ERR__BAD_MSG, ErrorKind::corrupt, Action::give_up,
        "the batch fails its checksum: check the broker's disks and the network path"},
    Row{RD_KAFKA_RESP_ERR__BAD_COMPRESSION, ErrorKind::corrupt, Action::give_up,
        "the batch does not decompress: check the broker's disks and the producer"},
    Row{RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ErrorKind::not_found, Action::give_up,
        "the position is no longer in the log"},
    Row{RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, ErrorKind::timed_out, Action::retry,
        "the worker was stopped for longer than max.poll.interval.ms; it joins again by itself"},
    Row{RD_KAFKA_RESP_ERR__FATAL, ErrorKind::forbidden, Action::fatal, ""},
    Row{RD_KAFKA_RESP_ERR__FENCED, ErrorKind::forbidden, Action::fatal, k_advice_instance},
    Row{RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, ErrorKind::canceled, Action::give_up, k_advice_member},
    Row{RD_KAFKA_RESP_ERR__STATE, ErrorKind::canceled, Action::give_up, ""},
    Row{RD_KAFKA_RESP_ERR__DESTROY, ErrorKind::canceled, Action::give_up, ""},
    Row{RD_KAFKA_RESP_ERR__INVALID_ARG, ErrorKind::invalid_input, Action::fatal, ""},
    Row{RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ErrorKind::unsupported, Action::fatal, ""},
    Row{RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, ErrorKind::unsupported, Action::fatal, ""},

    // Said by a broker: data.
    Row{RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ErrorKind::not_found, Action::give_up,
        "the position is no longer in the log"},
    Row{RD_KAFKA_RESP_ERR_INVALID_MSG, ErrorKind::corrupt, Action::give_up,
        "the broker finds the batch corrupt: check its disks"},
    Row{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ErrorKind::not_found, Action::fatal, k_advice_topic},
    Row{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ErrorKind::invalid_input, Action::fatal, k_advice_topic},
    Row{RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ErrorKind::timed_out, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, ErrorKind::throttled, Action::retry,
        "the cluster asks to slow down: more throughput units or a higher quota"},

    // Said by a broker: rights.
    Row{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ErrorKind::forbidden, Action::fatal,
        "give this identity the right to read and describe the topic (Azure Event Hubs Data Receiver)"},
    Row{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ErrorKind::forbidden, Action::fatal,
        "give this identity the right to use the group named in source.group"},
    Row{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ErrorKind::forbidden, Action::fatal,
        "give this identity the right to describe the cluster"},
    Row{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ErrorKind::unauthenticated, Action::retry,
        k_advice_password},
    Row{RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ErrorKind::unsupported, Action::fatal,
        "the broker does not offer this source.auth.type"},
    Row{RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ErrorKind::unsupported, Action::fatal, ""},

    // Said by a broker: the group.
    Row{RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ErrorKind::canceled, Action::give_up, k_advice_member},
    Row{RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ErrorKind::canceled, Action::give_up, k_advice_member},
    Row{RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ErrorKind::canceled, Action::give_up, k_advice_member},
    Row{RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ErrorKind::forbidden, Action::fatal, k_advice_instance},
    Row{RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, ErrorKind::invalid_input, Action::fatal,
        "other members of this group use another assignor: give penstock a group of its own"},
    Row{RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, ErrorKind::invalid_input, Action::fatal, "check source.group"},
    Row{RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, ErrorKind::invalid_input, Action::fatal,
        "set session.timeout.ms under source.librdkafka to what the broker allows"},
    Row{RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, ErrorKind::unavailable, Action::retry,
        "the group is full: fewer workers, or a higher group.max.size"},
    Row{RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ErrorKind::unavailable, Action::retry, ""},
    Row{RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, ErrorKind::invalid_input, Action::give_up,
        "shorten batch.path: a claim must fit the broker's offset metadata"},
    Row{RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, ErrorKind::invalid_input, Action::give_up, ""},
    Row{RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, ErrorKind::unavailable, Action::retry, ""},
};

// Parts of librdkafka's own sentences about a connection, and what they come from. Read from the top.
struct Sign {
  std::string_view part;
  std::string_view advice;
};

constexpr std::string_view k_wants_tls =
    "this port wants TLS, as it seems: write source.tls: {enabled: true}, or let source.brokers name a port "
    "without TLS";
constexpr std::string_view k_no_tls =
    "this port does not speak TLS: let source.brokers name the one that does, or set source.tls.enabled to "
    "false";

constexpr std::string_view k_no_certificate =
    "the broker wants a client certificate (its ssl.client.auth): write source.tls.certificate and "
    "source.tls.key";
constexpr std::string_view k_strange_certificate =
    "the broker does not take the certificate in source.tls.certificate: it is issued by nobody whom the "
    "broker trusts (its ssl.truststore), or is not for clients";

constexpr Sign k_signs[] = {
    {"might require SASL authentication", "this listener wants a login: write source.auth"},
    {"connecting to a SSL listener", k_wants_tls},
    // The first bytes of an answer, read as its size: a TLS alert (15 03 0x 00), and "HTTP".
    {"Invalid response size 352518", k_wants_tls},
    {"Invalid response size 1213486160",
     "an HTTP server answers there: let source.brokers name the port of Kafka"},
    {"connecting to a PLAINTEXT broker listener", k_no_tls},
    {"wrong version number", k_no_tls},
    {"alert certificate required", k_no_certificate},
    {"alert bad certificate", k_no_certificate},
    {"alert certificate unknown", k_strange_certificate},
    {"alert unknown ca", k_strange_certificate},
    {"alert certificate expired",
     "the certificate in source.tls.certificate has expired, says the broker: renew it"},
    {"unexpected eof while reading", k_no_tls},
    {"setup timed out in state CONNECT",
     "nothing answers at that address: a firewall drops what is sent to it, or the address is wrong"},
    {"setup timed out in state",
     "something takes connections there and says nothing: it is no Kafka broker, wants TLS, or hangs"},
    {"Connection refused",
     "nothing listens there: check the port in source.brokers, and that the broker runs"},
};

// It repeats its own nonce at the end of a SCRAM login. Kafka 4 looks at that, and up to 3.9 it did not.
constexpr int k_scram_is_right = 0x020601ff;
constexpr std::string_view k_old_scram =
    "the user or the password is wrong: check source.auth. Or the broker is of Kafka 4, which refuses every "
    "SCRAM login of a librdkafka before 2.6.1, such as this one: take PLAIN, a certificate, or a newer "
    "librdkafka";

const Row* find(int code) {
  for (const Row& row : k_table) {
    if (row.code == code) {
      return &row;
    }
  }
  return nullptr;
}

}  // namespace

std::string kafka_error_name(int code) {
  return rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(code));
}

std::string_view connection_advice(std::string_view reason) {
  if (rd_kafka_version() < k_scram_is_right &&
      reason.find("with SASL mechanism SCRAM") != std::string_view::npos) {
    return k_old_scram;
  }
  for (const Sign& sign : k_signs) {
    if (reason.find(sign.part) != std::string_view::npos) {
      return sign.advice;
    }
  }
  return {};
}

Error connection_error(int code, std::string_view broker, std::string_view reason) {
  const std::string_view advice = connection_advice(reason);
  // An answer in another protocol is a "bad message", too. It is no batch, and may pass.
  const bool no_batch = code == RD_KAFKA_RESP_ERR__BAD_MSG;
  Error error = kafka_error(no_batch ? RD_KAFKA_RESP_ERR__TRANSPORT : code,
                            concat("connecting to ", broker, ": ", reason));
  if (!advice.empty()) {
    error.message = concat("connecting to ", broker, ": ", advice, " (librdkafka: ", reason, ")");
  }
  return error;
}

Error kafka_error(int code, std::string_view what) {
  const Row* row = find(code);
  std::string message = concat(what, ": ", rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code)), " (",
                               kafka_error_name(code), ")");
  if (row != nullptr && row->advice[0] != '\0') {
    message += concat("; ", row->advice);
  }
  return make_error(row != nullptr ? row->kind : ErrorKind::unavailable,
                    row != nullptr ? row->action : Action::retry, std::move(message), kafka_error_name(code));
}

bool is_data_loss(int code) {
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

bool is_corrupt_batch(int code) {
  return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

}  // namespace penstock::rdkafka
