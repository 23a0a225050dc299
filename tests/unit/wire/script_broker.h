// A broker on 127.0.0.1 that says what a test tells it to, in the protocol's bytes. It takes any number of
// connections and has a thread for each. Requests are noted, and answered by the test's script. It answers
// ApiVersions by itself, unless the script does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "unit/wire/hex.h"
#include "unit/wire/stream_server.h"
#include "wire/api.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"

namespace penstock::wire {

struct Call {
  ApiKey api{};
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  int connection = 0;  // counted from 0
  std::string body;
};

struct Answer {
  enum Kind : std::uint8_t { body, silence, hang_up };
  Kind kind = body;
  std::string bytes = {};
  std::int32_t correlation_shift = 0;  // wrong by so much
  std::string behind = {};             // sent behind the response
  bool then_hang_up = false;
};

inline Answer no_answer() {
  return {.kind = Answer::silence};
}
inline Answer hangs_up() {
  return {.kind = Answer::hang_up};
}

// What an answer is written with.
struct Body {
  Buffer bytes;
  ByteWriter writer{bytes};
  std::string text() const { return std::string(as_text(bytes)); }
};

// `fetch_highest`: what a broker that is older than we are offers.
inline std::string api_versions_body(std::int16_t version, std::int16_t code = 0,
                                     std::int16_t fetch_highest = supported_versions(ApiKey::fetch).highest) {
  Body out;
  out.writer.int16(code);
  const bool flexible = version >= 3 && code != 35;
  if (flexible) {
    out.writer.unsigned_varint(static_cast<std::uint32_t>(k_api_keys.size()) + 1);
  } else {
    out.writer.array_count(k_api_keys.size());
  }
  for (const ApiKey api : k_api_keys) {
    out.writer.int16(static_cast<std::int16_t>(api));
    out.writer.int16(0);
    out.writer.int16(api == ApiKey::fetch ? fetch_highest : supported_versions(api).highest);
    if (flexible) {
      out.writer.unsigned_varint(0);
    }
  }
  if (version >= 1) {
    out.writer.int32(0);
  }
  if (flexible) {
    out.writer.unsigned_varint(0);
  }
  return out.text();
}

class ScriptBroker {
 public:
  using Script = std::function<std::optional<Answer>(const Call&)>;

  // The script runs on the connections' threads, one call at a time. Without one, ApiVersions is answered as
  // usual and nothing else.
  explicit ScriptBroker(Script script) : script_(std::move(script)) {
    accepting_ = std::thread([this] { accept(); });
  }
  ~ScriptBroker() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    accepting_.join();
    hang_up_all();
    for (std::thread& thread : serving_) {
      thread.join();
    }
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  std::vector<Call> calls(ApiKey api) const {
    const std::lock_guard lock(mutex_);
    std::vector<Call> found;
    std::copy_if(calls_.begin(), calls_.end(), std::back_inserter(found),
                 [&](const Call& call) { return call.api == api; });
    return found;
  }
  std::size_t count(ApiKey api) const { return calls(api).size(); }
  int connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

  void use(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }

  // Closes every connection; new ones are welcome.
  void hang_up_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, fd] : open_) {
      ::shutdown(fd, SHUT_RDWR);
    }
  }

 private:
  void accept() {
    while (true) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) {
        return;
      }
      const std::lock_guard lock(mutex_);
      const int connection = connections_++;
      open_[connection] = fd.get();
      serving_.emplace_back([this, connection, end = std::make_shared<UniqueFd>(std::move(fd))]() mutable {
        {
          ServerEnd peer(std::move(*end), nullptr);
          while (serve_one(peer, connection)) {
          }
          const std::lock_guard forget(mutex_);
          open_.erase(connection);
        }
      });
    }
  }

  bool serve_one(ServerEnd& peer, int connection) {
    const std::string size_bytes = peer.read_exactly(4);
    if (size_bytes.size() < 4) {
      return false;
    }
    const std::int32_t size = ByteReader(as_bytes(size_bytes)).int32();
    const std::string frame = peer.read_exactly(static_cast<std::size_t>(size));
    ByteReader reader(as_bytes(frame));
    Call call;
    call.api = static_cast<ApiKey>(reader.int16());
    call.version = reader.int16();
    call.correlation_id = reader.int32();
    call.connection = connection;
    static_cast<void>(reader.nullable_string());
    const bool flexible = is_flexible(call.api, call.version);
    if (flexible) {
      reader.skip_tagged_fields();
    }
    call.body = std::string(as_text(reader.rest()));
    Answer answer = no_answer();
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
      if (std::optional<Answer> scripted = script_ ? script_(call) : std::nullopt) {
        answer = std::move(*scripted);
      } else if (call.api == ApiKey::api_versions) {
        answer.kind = Answer::body;
        answer.bytes = api_versions_body(call.version);
      }
    }
    if (answer.kind != Answer::body) {
      return answer.kind == Answer::silence;
    }
    Body out;
    const bool tagged = flexible && call.api != ApiKey::api_versions;
    out.writer.int32(static_cast<std::int32_t>(answer.bytes.size() + 4 + (tagged ? 1 : 0)));
    out.writer.int32(call.correlation_id + answer.correlation_shift);
    if (tagged) {
      out.writer.no_tagged_fields();
    }
    out.writer.raw(as_bytes(answer.bytes));
    return peer.write_text(out.text() + answer.behind) && !answer.then_hang_up;
  }

  std::uint16_t port_ = 0;
  UniqueFd listener_ = StreamServer::listening(port_, 64);
  mutable std::mutex mutex_;
  Script script_;
  std::vector<Call> calls_;
  std::map<int, int> open_;
  int connections_ = 0;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

// Answers of one version each: the highest that we speak.

struct LeaderRow {
  std::string topic;
  std::int32_t partition = 0;
  std::int32_t leader = 0;
  std::int32_t epoch = 0;
  std::int16_t topic_code = 0;
  std::string topic_id = std::string(32, '0');  // in hex
  std::int16_t code = 0;                        // 0 where nobody leads: LEADER_NOT_AVAILABLE
};

// `brokers`: node id and port. A topic's rows stand together; a row with a topic code has no partition.
inline std::string metadata_body(const std::vector<std::pair<std::int32_t, std::uint16_t>>& brokers,
                                 const std::vector<LeaderRow>& rows) {
  Body out;
  out.writer.int32(0);
  out.writer.compact_array_count(brokers.size());
  for (const auto& [id, port] : brokers) {
    out.writer.int32(id);
    out.writer.compact_string("127.0.0.1");
    out.writer.int32(port);
    out.writer.unsigned_varint(0);  // no rack
    out.writer.no_tagged_fields();
  }
  out.writer.compact_string("cluster");
  out.writer.int32(0);
  std::vector<std::vector<LeaderRow>> topics;
  for (const LeaderRow& row : rows) {
    if (topics.empty() || topics.back().front().topic != row.topic) {
      topics.emplace_back();
    }
    topics.back().push_back(row);
  }
  out.writer.compact_array_count(topics.size());
  for (const std::vector<LeaderRow>& topic : topics) {
    const bool known = topic.front().topic_code == 0;
    out.writer.int16(topic.front().topic_code);
    out.writer.compact_string(topic.front().topic);
    out.writer.raw(from_hex(topic.front().topic_id));
    out.writer.boolean(false);
    out.writer.compact_array_count(known ? topic.size() : 0);
    for (const LeaderRow& row : topic) {
      if (!known) {
        break;
      }
      out.writer.int16(row.leader < 0 && row.code == 0 ? std::int16_t{5} : row.code);
      out.writer.int32(row.partition);
      out.writer.int32(row.leader);
      out.writer.int32(row.epoch);
      for (int list = 0; list < 3; ++list) {
        out.writer.compact_array_count(0);
      }
      out.writer.no_tagged_fields();
    }
    out.writer.int32(0);  // authorized operations
    out.writer.no_tagged_fields();
  }
  out.writer.no_tagged_fields();
  return out.text();
}

inline std::string coordinator_body(std::uint16_t port, std::int16_t code = 0) {
  Body out;
  out.writer.int32(0);
  out.writer.int16(code);
  out.writer.nullable_string(std::nullopt);
  out.writer.int32(1);
  out.writer.string("127.0.0.1");
  out.writer.int32(port);
  return out.text();
}

}  // namespace penstock::wire
