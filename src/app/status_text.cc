// How it works
//
// A frame is some lines of totals and some tables. A table is made of cells first. Its first column gives
// way: it gets what the others leave of the frame's width, and a text that is longer is cut in its middle,
// since names of topics often differ at their end.
//
// For example, of 40 columns, numbers that need 28 with their gaps leave 12:
//
//   topic            lag       files  last file       the header, as wide as its column
//   payments        1,204          17   35 s ago
//   audit...1-eu        3           2  120 s ago      audit-trail-region-1-eu
//
// Texts come from an instance, and the instance has them from brokers and stores. A control character in one
// would steer the terminal, so each is replaced.
#include "app/status_text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "app/summary.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/utc_text.h"
#include "base/utf8.h"
#include "config/one_line.h"

namespace penstock::app {
namespace {

using codec::JsonValue;
using Cells = std::vector<std::string>;

constexpr std::string_view k_cut = "...";
constexpr std::size_t k_narrowest_name = 8;

// Of a text of UTF-8: the characters, which is what most terminals show as columns.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80; }));
}

// The first so many characters.
std::string_view head_of(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (; columns > 0 && end < text.size(); --columns) {
    end += std::max<std::size_t>(1, utf8_sequence(text.substr(end)));
  }
  return text.substr(0, end);
}

std::string cut_at_end(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) {
    return std::string(text);
  }
  return columns <= k_cut.size() ? std::string(head_of(text, columns))
                                 : concat(head_of(text, columns - k_cut.size()), k_cut);
}

std::string cut_in_middle(std::string_view text, std::size_t columns) {
  const std::size_t all = columns_of(text);
  if (all <= columns || columns < k_narrowest_name) {
    return cut_at_end(text, columns);
  }
  const std::size_t left = (columns - k_cut.size()) / 2;
  const std::size_t right = columns - k_cut.size() - left;
  return concat(head_of(text, left), k_cut, text.substr(head_of(text, all - right).size()));
}

std::string padded(std::string_view text, std::size_t columns, bool to_the_right) {
  const std::string space(columns - std::min(columns, columns_of(text)), ' ');
  return to_the_right ? concat(space, text) : concat(text, space);
}

std::uint64_t whole(const JsonValue& value) {
  const double number = value.number.value_or(0);
  return number > 0 ? static_cast<std::uint64_t>(std::llround(number)) : 0;
}

std::string count(const JsonValue& value) {
  return grouped(whole(value));
}

std::string word(const JsonValue& value) {
  return config::one_line(value.text);
}

std::string bytes(double number) {
  constexpr const char* k_units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (number >= 1000 && unit + 1 < std::size(k_units)) {
    number /= 1000;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", number, k_units[unit]);
  return text;
}

std::string bytes(const JsonValue& value) {
  return bytes(value.number.value_or(0));
}

std::string span(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::max(0.0, std::round(seconds)));
  if (s < 120) {
    return concat(s, " s");
  }
  if (s < 7200) {
    return concat(s / 60, " min");
  }
  return s < 172'800 ? concat(s / 3600, " h ", s % 3600 / 60, " min")
                     : concat(s / 86'400, " d ", s % 86'400 / 3600, " h");
}

std::string ago(const JsonValue& time, const JsonValue& now) {
  return time.number ? concat(span(now.number.value_or(0) - *time.number), " ago") : "none yet";
}

// ", ready for 35 s"
std::string state_time(const JsonValue& status) {
  const std::optional<double> since = status["state_since"].number;
  const std::string_view state = status["state"].text == "ready" ? "ready" : "not ready";
  return since ? concat(", ", state, " for ", span(status["now"].number.value_or(0) - *since)) : "";
}

// The first column gives way. The others are numbers, and stand to the right.
std::vector<std::string> table(const Cells& header, const std::vector<Cells>& rows, std::size_t columns) {
  constexpr std::size_t k_gap = 2;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < header.size(); ++i) {
    widths.push_back(columns_of(header[i]));
    for (const Cells& row : rows) {
      widths[i] = std::max(widths[i], columns_of(row[i]));
    }
  }
  std::size_t others = 0;
  for (std::size_t i = 1; i < widths.size(); ++i) {
    others += k_gap + widths[i];
  }
  widths[0] = std::min(widths[0], std::max(k_narrowest_name, columns - std::min(columns, others)));
  const auto line_of = [&](const Cells& row) {
    std::string line = padded(cut_in_middle(row[0], widths[0]), widths[0], false);
    for (std::size_t i = 1; i < row.size(); ++i) {
      line += std::string(k_gap, ' ') + padded(row[i], widths[i], true);
    }
    return line;
  };
  std::vector<std::string> lines{line_of(header)};
  for (const Cells& row : rows) {
    lines.push_back(line_of(row));
  }
  return lines;
}

// A row of bars, the last interval at its end: as many as there are columns.
std::string bars(const std::vector<JsonValue>& values, std::size_t columns) {
  constexpr std::string_view k_bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
  const std::size_t shown = std::min(columns, values.size());
  double most = 0;
  for (std::size_t i = values.size() - shown; i < values.size(); ++i) {
    most = std::max(most, values[i].number.value_or(0));
  }
  std::string line;
  for (std::size_t i = values.size() - shown; i < values.size(); ++i) {
    const double part = most > 0 ? std::clamp(values[i].number.value_or(0) / most, 0.0, 1.0) : 0;
    line += k_bars[static_cast<std::size_t>(std::lround(part * 7))];
  }
  return line;
}

double last_rate(const JsonValue& history, std::string_view name) {
  const std::vector<JsonValue>& values = history[name].items;
  const double seconds = history["interval_s"].number.value_or(0);
  return values.empty() || seconds <= 0 ? 0 : values.back().number.value_or(0) / seconds;
}

std::string named(const JsonValue& list) {
  std::string text;
  for (const JsonValue& each : list.items) {
    text += concat(text.empty() ? "" : ", ", word(each["name"]), " ", count(each["count"]));
  }
  return text.empty() ? "none" : text;
}

std::uint64_t sum(const JsonValue& rows, std::string_view name) {
  std::uint64_t all = 0;
  for (const JsonValue& row : rows.items) {
    all += whole(row[name]);
  }
  return all;
}

// Until when every topic has landed, and which one has landed the least. Empty: there is none.
std::string complete_to(const JsonValue& status) {
  const JsonValue* least = nullptr;
  for (const JsonValue& topic : status["topics"].items) {
    const std::optional<double> until = topic["landed_until"].number;
    if (least == nullptr || !until ||
        ((*least)["landed_until"].number && *until < *(*least)["landed_until"].number)) {
      least = &topic;
    }
    if (!until) {
      break;
    }
  }
  if (least == nullptr) {
    return {};
  }
  const std::optional<double> until = (*least)["landed_until"].number;
  if (!until) {
    return concat("a time that is not known of ", word((*least)["topic"]));
  }
  const WallTime time{std::chrono::seconds(static_cast<std::int64_t>(std::floor(*until)))};
  return concat(utc_text(time), ", ", ago((*least)["landed_until"], status["now"]), ", as ",
                word((*least)["topic"]), " is");
}

void add_totals(std::vector<std::string>& lines, const JsonValue& status, std::size_t columns) {
  constexpr std::size_t k_bars_max = 30;
  const JsonValue& history = status["history"];
  const JsonValue& stage = status["stage"];
  const JsonValue& workers = status["workers"];
  const double limit = std::max(1.0, stage["limit_bytes"].number.value_or(0));
  const auto line = [&](std::string_view name, const std::string& text, std::string_view list = {}) {
    std::string whole_line = concat(padded(name, 9, false), text);
    const std::size_t used = columns_of(whole_line) + 2;
    if (!list.empty() && used < columns) {
      whole_line += "  " + bars(history[list].items, std::min(k_bars_max, columns - used));
    }
    lines.push_back(std::move(whole_line));
  };
  line("read",
       concat(grouped(static_cast<std::uint64_t>(last_rate(history, "records"))), " records/s, ",
              bytes(last_rate(history, "bytes")), "/s"),
       "records");
  const std::optional<double> lag = status["lag_seconds"].number;
  line("lag", concat(count(status["lag_records"]), " records", lag ? concat(", ", span(*lag)) : ""),
       "lag_records");
  line("landed",
       concat(count(status["records"]), " records, ", bytes(status["bytes"]), " in ", count(status["files"]),
              " files, the last ", ago(status["last_file"], status["now"])));
  if (const std::string complete = complete_to(status); !complete.empty()) {
    line("complete", concat("to ", complete));
  }
  if (const std::uint64_t aside = sum(status["topics"], "quarantined"); aside > 0) {
    line("aside", concat(grouped(aside), " records in quarantine"));
  }
  line("stage", concat(bytes(stage["bytes"]), " of ", bytes(stage["limit_bytes"]), " (",
                       std::lround(100 * stage["bytes"].number.value_or(0) / limit), " %), was full for ",
                       span(stage["full_s"].number.value_or(0))));
  line("batches",
       concat(sum(workers, "open_batches"), " open, ", sum(workers, "publishing_batches"), " on the way, ",
              sum(workers, "requests_under_way"), " of ", sum(workers, "request_limit"), " requests"));
  line("again", concat("calls to the storage: ", named(status["retries"]),
                       "; asked to slow down: ", named(status["throttled"]),
                       "; commits that failed: ", count(status["commit_failures"])));
  line("process", concat(span(status["cpu_seconds"].number.value_or(0)), " of CPU, ",
                         bytes(status["memory_bytes"]), " of memory"));
}

void append(std::vector<std::string>& lines, std::vector<std::string> more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

std::string behind(const JsonValue& seconds) {
  return seconds.number ? span(*seconds.number) : "?";
}

std::string last_file(const JsonValue& topic, const JsonValue& now) {
  if (topic["refused"].truth) {
    return "refused";
  }
  const std::uint64_t quarantined = whole(topic["quarantined"]);
  return concat(ago(topic["last_file"], now),
                quarantined > 0 ? concat(", ", grouped(quarantined), " in quarantine") : "");
}

void add_topics(std::vector<std::string>& lines, const JsonValue& status, std::size_t columns) {
  std::vector<Cells> rows;
  for (const JsonValue& topic : status["topics"].items) {
    rows.push_back({word(topic["topic"]), count(topic["partition_count"]), count(topic["lag_records"]),
                    behind(topic["lag_seconds"]), count(topic["read_per_second"]), count(topic["records"]),
                    bytes(topic["bytes"]), count(topic["files"]), last_file(topic, status["now"])});
  }
  if (!rows.empty()) {
    lines.emplace_back();
    append(lines, table({"topic", "partitions", "lag", "behind", "read/s", "records", "landed", "files",
                         "last file"},
                        rows, columns));
  }
}

void add_workers(std::vector<std::string>& lines, const JsonValue& status, std::size_t columns) {
  std::vector<Cells> rows;
  for (const JsonValue& worker : status["workers"].items) {
    const auto silent = worker["silent_s"].number;
    rows.push_back({count(worker["worker"]), count(worker["partitions"]), count(worker["open_batches"]),
                    count(worker["publishing_batches"]),
                    concat(count(worker["requests_under_way"]), " of ", count(worker["request_limit"])),
                    bytes(worker["stage_bytes"]), word(worker["io_backend"]),
                    silent ? concat(span(*silent), " ago") : "not running"});
  }
  if (!rows.empty()) {
    lines.emplace_back();
    append(lines, table({"worker", "partitions", "open", "on the way", "requests", "stage", "I/O", "moved"},
                        rows, columns));
  }
}

void add_troubles(std::vector<std::string>& lines, const JsonValue& status) {
  if (!status["troubles"].items.empty()) {
    lines.emplace_back();
    lines.emplace_back("warnings and errors, the newest first");
  }
  for (const JsonValue& trouble : status["troubles"].items) {
    lines.push_back(concat(padded(ago(trouble["last"], status["now"]), 14, true), "  ",
                           padded(concat(count(trouble["times"]), "x"), 6, true), "  ",
                           padded(word(trouble["level"]), 7, false), "  ", word(trouble["text"])));
  }
}

}  // namespace

std::string state_sentence(const JsonValue& status) {
  const std::string state = word(status["state"]);
  const std::string reason = word(status["reason"]);
  return reason.empty()        ? state
         : state == "draining" ? reason
                               : concat(state == "ready" ? "ready: " : "not ready: ", reason);
}

std::vector<std::string> status_lines(const JsonValue& status, const StatusFrame& frame) {
  std::vector<std::string> lines;
  lines.push_back(concat(word(status["name"]), ": ", state_sentence(status)));
  lines.push_back(concat("penstock ", word(status["version"]), ", up ",
                         span(status["now"].number.value_or(0) - status["start_time"].number.value_or(0)),
                         state_time(status)));
  lines.emplace_back();
  add_totals(lines, status, frame.columns);
  add_topics(lines, status, frame.columns);
  add_workers(lines, status, frame.columns);
  add_troubles(lines, status);
  if (frame.rows > 0 && lines.size() > frame.rows) {
    lines.resize(frame.rows);
  }
  for (std::string& line : lines) {
    line = cut_at_end(line, frame.columns);
  }
  return lines;
}

}  // namespace penstock::app
