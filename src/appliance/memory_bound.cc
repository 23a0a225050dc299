// How it works
//
// /proc/self/cgroup names the process's place in each hierarchy, for example
//
//   4:memory:/docker/4711      version 1: /sys/fs/cgroup/memory/docker/4711/memory.limit_in_bytes
//   0::/system.slice/x         version 2: /sys/fs/cgroup/system.slice/x/memory.max
//
// A limit binds everything below it, so each directory from there up to the mount's root is looked at. What
// is not there is passed over. In a container without a cgroup namespace that is the whole path, as the
// container's own cgroup is mounted at the root. A version 1 cgroup without a limit has a number near 2^63,
// which is more than any machine has.
#include "appliance/memory_bound.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include <sys/resource.h>

#include "appliance/fault_at.h"
#include "base/concat.h"
#include "base/units.h"
#include "config/memory_plan.h"

namespace penstock::appliance {
namespace {

std::optional<std::uint64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc{} ? std::optional(number) : std::nullopt;
}

// None: no such line. Of /proc/meminfo, whose unit is kB.
std::optional<std::uint64_t> meminfo_bytes(const std::string& root, std::string_view name) {
  std::ifstream file(root + "/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':') {
      const auto kilobytes = leading_number(std::string_view(line).substr(name.size() + 1));
      return kilobytes ? std::optional(*kilobytes * k_kib) : std::nullopt;
    }
  }
  return std::nullopt;
}

void lower_to(MemoryBound& least, std::optional<std::uint64_t> bytes, std::string whose) {
  if (bytes && *bytes < least.bytes) {
    least = {.bytes = *bytes, .whose = std::move(whose)};
  }
}

// `place` and everything above it, below the hierarchy's mount.
void look_at_cgroups(MemoryBound& least, const std::string& mount, std::string place,
                     std::string_view file_name) {
  while (place.ends_with('/')) {
    place.pop_back();
  }
  for (;;) {
    std::ifstream file(concat(mount, place, "/", file_name));
    std::string line;  // "max": no limit
    std::getline(file, line);
    lower_to(least, leading_number(line),
             concat("the cgroup ", place.empty() ? "/" : place, " allows (", file_name, ")"));
    if (place.empty()) {
      return;
    }
    place.erase(place.rfind('/'));
  }
}

bool has_memory(std::string_view controllers) {
  return concat(",", controllers, ",").find(",memory,") != std::string::npos;
}

void look_at_all_cgroups(MemoryBound& least, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos || line[second + 1] != '/') {
      continue;
    }
    const std::string place = line.substr(second + 1);
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (has_memory(controllers)) {
      look_at_cgroups(least, root + "/sys/fs/cgroup/memory", place, "memory.limit_in_bytes");
    } else if (controllers.empty()) {
      look_at_cgroups(least, root + "/sys/fs/cgroup", place, "memory.max");
    }
  }
}

}  // namespace

MemoryBound memory_limit(const std::string& root) {
  MemoryBound least{.bytes = UINT64_MAX, .whose = {}};
  lower_to(least, meminfo_bytes(root, "MemTotal"), "this machine has");
  look_at_all_cgroups(least, root);
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    lower_to(least, limit.rlim_cur, "this process may have (RLIMIT_AS, ulimit -v)");
  }
  return least;
}

MemoryBound memory_available(const std::string& root) {
  const std::optional<std::uint64_t> memory = meminfo_bytes(root, "MemAvailable");
  return {.bytes = memory ? *memory + meminfo_bytes(root, "SwapFree").value_or(0) : UINT64_MAX,
          .whose = "this machine has left now"};
}

Result<void> check_memory(const config::Settings& settings, const MemoryBound& bound) {
  const std::uint64_t memory = settings.runtime.memory;
  if (memory <= bound.bytes) {
    return {};
  }
  const std::uint64_t left = bound.bytes / k_mib * k_mib;
  const auto plan = config::plan_memory(left, settings.runtime.workers.value_or(1), settings.sink.block_bytes,
                                        settings.sink.connections, settings.source.topics.size(),
                                        config::encoder_memory(settings));
  return fault_at(settings, "runtime.memory",
                  concat("is ", format_size(memory), ", more than ", bound.whose, ": ",
                         format_size_about(bound.bytes), ". ",
                         plan.ok() ? concat("Write at most ", format_size(left), ", or allow more")
                                   : concat("Allow more: ", format_size(left), " ", plan.error().message)));
}

Result<void> check_memory(const config::Settings& settings) {
  if (Result<void> fits = check_memory(settings, memory_limit()); !fits.ok()) {
    return fits;
  }
  Result<void> fits_now = check_memory(settings, memory_available());
  if (fits_now.ok()) {
    return fits_now;
  }
  return make_error(ErrorKind::unavailable, Action::retry, fits_now.error().message);
}

}  // namespace penstock::appliance
