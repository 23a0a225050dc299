#include "appliance/name_check.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <penstock/result.h>

#include "azure/endpoint.h"
#include "base/concat.h"
#include "codec/name_rules.h"
#include "format/quarantine.h"
#include "lake/directory_store.h"

namespace penstock::appliance {
namespace {

constexpr std::size_t k_quarantine_name_bytes =
    format::k_quarantine_prefix.size() + format::k_quarantine_extension.size();

// What a prefix with its '/' takes of a room.
std::size_t less(std::size_t room, std::size_t taken) {
  return room - std::min(room, taken);
}

std::size_t parts_of(std::string_view path) {
  return path.empty() ? 0 : static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

// Below sink.url.
codec::NameRoom room_below(const config::Settings& settings) {
  codec::NameRoom room;
  if (settings.sink.kind == config::SinkKind::directory) {
    room.parts_max = room.bytes_max;
    room.part_bytes_max = lake::k_directory_part_bytes_max;
    room.last_part_bytes_max = lake::k_directory_file_bytes_max;
  } else if (settings.sink.kind == config::SinkKind::azure) {
    const Result<azure::Endpoint> endpoint = azure::parse_endpoint(settings.sink.url);
    if (endpoint.ok() && !endpoint->prefix.empty()) {
      room.bytes_max = less(room.bytes_max, endpoint->prefix.size() + 1);
      room.parts_max = less(room.parts_max, parts_of(endpoint->prefix));
    }
  }
  return room;
}

}  // namespace

std::string name_fault_of(const config::Settings& settings, const codec::PathTemplate& path,
                          const std::string& topic) {
  codec::NameRoom room = room_below(settings);
  if (settings.batch_for(topic).judges_records()) {  // the quarantine file beside it has a longer one
    room.bytes_max = less(room.bytes_max, k_quarantine_name_bytes);
    room.parts_max = less(room.parts_max, 1);
    room.last_part_bytes_max = less(room.last_part_bytes_max, format::k_quarantine_extension.size());
  }
  return codec::name_fault(path.longest_name(topic), room);
}

std::string sink_name_fault(const config::Settings& settings) {
  if (settings.sink.kind != config::SinkKind::directory) {
    return {};  // azure::parse_endpoint() says it
  }
  if (settings.sink.directory.size() > lake::k_directory_bytes_max) {
    return concat("has ", settings.sink.directory.size(), " bytes, and with the names of the files below it ",
                  lake::k_directory_bytes_max, " are possible; write a shorter path");
  }
  std::string_view rest = settings.sink.directory;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    if (part.size() > lake::k_directory_part_bytes_max) {
      return concat("has a part of ", part.size(), " bytes, and a directory's name has at most ",
                    lake::k_directory_part_bytes_max, "; write a shorter one");
    }
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  return {};
}

}  // namespace penstock::appliance
