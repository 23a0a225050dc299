// Whether runtime.memory fits, before it is taken: against what the machine has, and what the limits around
// this process allow.
#pragma once

#include <cstdint>
#include <string>

#include <penstock/result.h>

#include "config/settings.h"

namespace penstock::appliance {

struct MemoryBound {
  std::uint64_t bytes = 0;

  // "the cgroup /system.slice/penstock.service allows (memory.max)": goes on after "more than ".
  std::string whose;
};

// What stays as it is while the process runs: the least of the machine's memory, RLIMIT_AS, and the limits of
// the own cgroup and all above it (memory.max, and memory.limit_in_bytes of version 1). `root` stands before
// /proc and /sys: empty but for tests.
MemoryBound memory_limit(const std::string& root = {});

// What the machine could give now without taking it from others: MemAvailable and free swap.
MemoryBound memory_available(const std::string& root = {});

// Pure. Error: runtime.memory is more than the bound, with its line, and what would fit.
Result<void> check_memory(const config::Settings& settings, const MemoryBound& bound);

// Both bounds. Error: a fault of the configuration for what stays as it is (fault_at.h), and unavailable,
// retry, where the machine only has too little now.
Result<void> check_memory(const config::Settings& settings);

}  // namespace penstock::appliance
