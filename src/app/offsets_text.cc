#include "app/offsets_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "app/summary.h"
#include "base/concat.h"
#include "base/json_string.h"

namespace penstock::app {
namespace {

constexpr std::size_t k_columns = 8;
constexpr std::size_t k_numbers_end = 6;  // names are before the first of these columns, and behind
using OffsetCells = std::array<std::string, k_columns>;

const OffsetCells k_heading{"topic",   "partition", "log start",     "committed",
                            "log end", "lag",       "pending claim", "last file"};

OffsetCells cells_of(const appliance::OffsetRow& row) {
  return {
      row.id.topic,
      std::to_string(row.id.partition.value),
      std::to_string(row.log.start.value),
      row.entry ? std::to_string(row.entry->position.value) : std::string("-"),
      std::to_string(row.log.end.value),
      grouped(row.lag()),
      row.claimed_blob.empty() ? std::string() : concat("to ", row.claimed_to.value, ": ", row.claimed_blob),
      row.last_file.value_or("")};
}

// Names to the left, numbers to the right.
std::string line_of(const OffsetCells& cells, const std::array<std::size_t, k_columns>& widths) {
  std::string line;
  for (std::size_t i = 0; i < k_columns; ++i) {
    const std::string space(widths[i] - cells[i].size(), ' ');
    const bool is_text = i == 0 || i >= k_numbers_end;
    line += concat(i == 0 ? "" : "  ", is_text ? cells[i] : space, is_text ? space : cells[i]);
  }
  return concat(line.substr(0, line.find_last_not_of(' ') + 1), "\n");
}

std::string position_json(const appliance::OffsetRow& row) {
  return row.entry ? std::to_string(row.entry->position.value) : std::string("null");
}

// With the comma before it; nothing, if nobody has looked.
std::string last_file_json(const appliance::OffsetRow& row) {
  if (!row.last_file) {
    return {};
  }
  return concat(",\"last_file\":",
                row.last_file->empty() ? std::string("null") : json_string(*row.last_file));
}

}  // namespace

std::string offsets_table(const std::vector<appliance::OffsetRow>& rows) {
  std::vector<OffsetCells> lines{k_heading};
  if (std::ranges::none_of(rows, [](const appliance::OffsetRow& row) { return row.last_file.has_value(); })) {
    lines.front().back().clear();
  }
  for (const appliance::OffsetRow& row : rows) {
    lines.push_back(cells_of(row));
  }
  std::array<std::size_t, k_columns> widths{};
  for (const OffsetCells& cells : lines) {
    for (std::size_t i = 0; i < k_columns; ++i) {
      widths[i] = std::max(widths[i], cells[i].size());
    }
  }
  std::string table;
  for (const OffsetCells& cells : lines) {
    table += line_of(cells, widths);
  }
  return table;
}

std::string offsets_json(const std::string& group, const std::vector<appliance::OffsetRow>& rows) {
  std::string partitions;
  for (const appliance::OffsetRow& row : rows) {
    partitions += concat(partitions.empty() ? "" : ",", "{\"topic\":", json_string(row.id.topic),
                         ",\"partition\":", row.id.partition.value, ",\"log_start\":", row.log.start.value,
                         ",\"committed\":", position_json(row), ",\"log_end\":", row.log.end.value,
                         ",\"lag\":", row.lag(), ",\"claim\":",
                         row.claimed_blob.empty() ? std::string("null")
                                                  : concat("{\"next\":", row.claimed_to.value,
                                                           ",\"blob\":", json_string(row.claimed_blob), "}"),
                         last_file_json(row), "}");
  }
  return concat("{\"group\":", json_string(group), ",\"partitions\":[", partitions, "]}");
}

std::string moves_text(const std::vector<appliance::OffsetsMove>& moves) {
  std::string text;
  std::uint64_t again = 0;
  std::uint64_t skipped = 0;
  for (const appliance::OffsetsMove& move : moves) {
    const std::string from =
        move.row.entry ? std::to_string(move.row.entry->position.value) : std::string("nothing committed");
    const std::string claim = move.row.claimed_blob.empty()
                                  ? std::string()
                                  : concat(" (the claim of ", move.row.claimed_blob, " is settled)");
    text += concat(named(move.row.id), ": ", from, " -> ", move.to.value, claim, "\n");
    if (move.row.entry) {
      const std::int64_t step = move.to.value - move.row.entry->position.value;
      again += static_cast<std::uint64_t>(std::max(-step, std::int64_t{0}));
      skipped += static_cast<std::uint64_t>(std::max(step, std::int64_t{0}));
    }
  }
  if (again > 0) {
    text +=
        concat(grouped(again),
               " offsets back: the next run lands them again, so that their records are in the lake twice, "
               "and verify finds positions beyond the committed one, then overlaps\n");
  }
  if (skipped > 0) {
    text +=
        concat(grouped(skipped),
               " offsets forward: what of them is in no file yet will never be, and verify finds a gap\n");
  }
  return text;
}

std::string moves_json(const std::string& group, const std::vector<appliance::OffsetsMove>& moves) {
  std::string partitions;
  for (const appliance::OffsetsMove& move : moves) {
    partitions += concat(partitions.empty() ? "" : ",", "{\"topic\":", json_string(move.row.id.topic),
                         ",\"partition\":", move.row.id.partition.value,
                         ",\"replaced\":", position_json(move.row), ",\"committed\":", move.to.value, "}");
  }
  return concat("{\"group\":", json_string(group), ",\"partitions\":[", partitions, "]}");
}

}  // namespace penstock::app
