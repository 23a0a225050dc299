// How it works. JsonText puts the commas and the names, so that the functions below read as the JSON does. A
// call adds a member to the object, or an item to the list, that was begun last and has not ended.
//
// Worked case: a topic without partitions whose last file is not known.
//
//   json.object()                     {
//   json.word("topic", "api")         {"topic":"api"
//   json.nothing("last_file")         {"topic":"api","last_file":null
//   json.list("partitions").end(']')  {"topic":"api","last_file":null,"partitions":[]
//   json.end('}')                     {"topic":"api","last_file":null,"partitions":[]}
//
// Behind an end the next call is not the first of its object or list, and gets a comma.
#include "obs/status.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/json_string.h"

namespace penstock::obs {
namespace {

// The commas are its own. A call is a member of the object, or an item of the list, that was begun last.
class JsonText {
 public:
  JsonText& object(std::string_view name = {}) { return begin(name, '{'); }
  JsonText& list(std::string_view name = {}) { return begin(name, '['); }
  JsonText& end(char bracket) {
    text_ += bracket;
    is_first_ = false;
    return *this;
  }
  JsonText& word(std::string_view name, std::string_view value) {
    lead(name);
    append_json_string(text_, value);
    return *this;
  }
  JsonText& truth(std::string_view name, bool value) { return plain(name, value ? "true" : "false"); }
  JsonText& number(std::string_view name, std::uint64_t value) { return plain(name, std::to_string(value)); }
  JsonText& whole(std::string_view name, std::int64_t value) { return plain(name, std::to_string(value)); }
  JsonText& real(std::string_view name, double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f", std::isfinite(value) ? value : 0.0);
    return plain(name, text);
  }
  JsonText& time(std::string_view name, WallTime value) {
    return real(name, std::chrono::duration<double>(value.time_since_epoch()).count());
  }
  JsonText& nothing(std::string_view name) { return plain(name, "null"); }

  std::string text() && { return std::move(text_); }

 private:
  JsonText& begin(std::string_view name, char bracket) {
    lead(name);
    text_ += bracket;
    is_first_ = true;
    return *this;
  }
  JsonText& plain(std::string_view name, std::string_view value) {
    lead(name);
    text_ += value;
    return *this;
  }
  void lead(std::string_view name) {
    if (!std::exchange(is_first_, false)) {
      text_ += ',';
    }
    if (!name.empty()) {
      append_json_string(text_, name);
      text_ += ':';
    }
  }

  std::string text_;
  bool is_first_ = true;
};

// A number or a time by `add`, one of JsonText's; null where it is not known.
template <class Value>
void add_if_known(JsonText& json, std::string_view name, const std::optional<Value>& value,
                  JsonText& (JsonText::*add)(std::string_view, Value)) {
  if (value) {
    (json.*add)(name, *value);
  } else {
    json.nothing(name);
  }
}

void add_partition(JsonText& json, const PartitionStatus& partition) {
  json.object();
  json.whole("partition", partition.partition);
  json.whole("position", partition.position);
  json.whole("committed", partition.committed);
  add_if_known(json, "log_end", partition.log_end, &JsonText::whole);
  add_if_known(json, "lag_records", partition.lag_records, &JsonText::number);
  add_if_known(json, "lag_seconds", partition.lag_seconds, &JsonText::real);
  json.end('}');
}

void add_topic(JsonText& json, const TopicStatus& topic) {
  json.object();
  json.word("topic", topic.topic);
  json.number("partition_count", topic.partition_count);
  json.number("lag_records", topic.lag_records);
  add_if_known(json, "lag_seconds", topic.lag_seconds, &JsonText::real);
  add_if_known(json, "landed_until", topic.landed_until, &JsonText::time);
  json.real("read_per_second", topic.read_per_second);
  json.number("records", topic.records);
  json.number("bytes", topic.bytes);
  json.number("files", topic.files);
  json.number("quarantined", topic.quarantined);
  add_if_known(json, "last_file", topic.last_file, &JsonText::time);
  json.truth("refused", topic.refused);
  json.list("partitions");
  for (const PartitionStatus& partition : topic.partitions) {
    add_partition(json, partition);
  }
  json.end(']').end('}');
}

void add_worker(JsonText& json, const WorkerStatus& worker) {
  json.object();
  json.number("worker", worker.index);
  add_if_known(json, "silent_s", worker.silent_s, &JsonText::real);
  json.number("partitions", worker.partitions);
  json.number("open_batches", worker.open_batches);
  json.number("publishing_batches", worker.publishing_batches);
  json.number("requests_under_way", worker.requests_under_way);
  json.number("request_limit", worker.request_limit);
  json.number("stage_bytes", worker.stage_bytes);
  json.word("io_backend", worker.io_backend);
  json.end('}');
}

void add_counts(JsonText& json, std::string_view name, const std::vector<NamedCount>& counts) {
  json.list(name);
  for (const NamedCount& each : counts) {
    json.object().word("name", each.name).number("count", each.count).end('}');
  }
  json.end(']');
}

void add_totals(JsonText& json, const Status& status) {
  json.number("lag_records", status.lag_records);
  add_if_known(json, "lag_seconds", status.lag_seconds, &JsonText::real);
  json.number("records", status.records);
  json.number("bytes", status.bytes);
  json.number("files", status.files);
  json.number("file_bytes", status.file_bytes);
  add_if_known(json, "last_file", status.last_file, &JsonText::time);
  json.object("stage");
  json.number("bytes", status.stage_bytes);
  json.number("limit_bytes", status.stage_limit);
  json.real("full_s", status.stage_full_s);
  json.end('}');
  add_counts(json, "retries", status.retries);
  add_counts(json, "throttled", status.throttled);
  json.number("commit_failures", status.commit_failures);
  json.number("rebalances", status.rebalances);
  json.real("cpu_seconds", status.cpu_seconds);
  json.number("memory_bytes", status.memory_bytes);
}

void add_troubles(JsonText& json, const std::vector<Trouble>& troubles) {
  json.list("troubles");
  for (const Trouble& trouble : troubles) {
    json.object();
    json.time("first", trouble.first);
    json.time("last", trouble.last);
    json.number("times", trouble.times);
    json.word("level", trouble.level == Level::error ? "error" : "warning");
    json.word("text", trouble.text);
    json.end('}');
  }
  json.end(']');
}

void add_history(JsonText& json, const StatusHistory& history) {
  const double seconds = std::chrono::duration<double>(history.interval()).count();
  json.object("history");
  json.real("interval_s", seconds);
  const auto list = [&](std::string_view name, auto add) {
    json.list(name);
    for (const HistoryPoint& point : history.points()) {
      add(point);
    }
    json.end(']');
  };
  list("records", [&](const HistoryPoint& point) { json.number({}, point.records); });
  list("bytes", [&](const HistoryPoint& point) { json.number({}, point.bytes); });
  list("lag_records", [&](const HistoryPoint& point) { json.number({}, point.lag_records); });
  json.end('}');
}

}  // namespace

std::string_view to_string(StatusState state) {
  switch (state) {
    case StatusState::ready:
      return "ready";
    case StatusState::waiting:
      return "waiting";
    case StatusState::draining:
      return "draining";
  }
  return "waiting";
}

std::string status_json(const Status& status) {
  JsonText json;
  json.object();
  json.word("version", status.version);
  json.word("name", status.name);
  json.time("now", status.now);
  json.time("start_time", status.start_time);
  json.word("state", to_string(status.state));
  json.word("reason", status.reason);
  add_if_known(json, "state_since", status.state_since, &JsonText::time);
  add_totals(json, status);
  json.list("topics");
  for (const TopicStatus& topic : status.topics) {
    add_topic(json, topic);
  }
  json.end(']');
  json.number("partitions_left_out", status.partitions_left_out);
  json.list("workers");
  for (const WorkerStatus& worker : status.workers) {
    add_worker(json, worker);
  }
  json.end(']');
  add_troubles(json, status.troubles);
  add_history(json, status.history);
  json.list("configuration");
  for (const ConfigurationLine& line : status.configuration) {
    json.object().word("key", line.key).word("value", line.value).truth("written", line.written).end('}');
  }
  json.end(']').end('}');
  return std::move(json).text();
}

}  // namespace penstock::obs
