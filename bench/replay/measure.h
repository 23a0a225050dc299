// What the programs of bench/replay share: words of the command line, the ring that records are copied into,
// and what the operating system says a process has used.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace penstock::bench {

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// "--name value" pairs. A name that nobody asks for is not noticed: the driver is the only caller.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      if (std::string_view(argv[i]).substr(0, 2) != "--") {
        die(std::string("expected --name value, not ") + argv[i]);
      }
      words_[argv[i] + 2] = argv[i + 1];
    }
    if (argc % 2 == 0) {
      die(std::string(argv[argc - 1]) + " has no value");
    }
  }

  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = words_.find(name);
    return found == words_.end() ? fallback : found->second;
  }
  std::string text(const std::string& name) const {
    const auto found = words_.find(name);
    return found == words_.end() ? die("needs --" + name), std::string() : found->second;
  }
  std::int64_t number(const std::string& name, std::int64_t fallback) const {
    const auto found = words_.find(name);
    return found == words_.end() ? fallback : std::strtoll(found->second.c_str(), nullptr, 10);
  }

 private:
  std::map<std::string, std::string> words_;
};

// Where the values go, newline-terminated, over and over: of the size that a worker's slabs in use come to,
// so that its memory is about as warm as theirs.
class Ring {
 public:
  static constexpr std::size_t k_bytes = std::size_t{8} << 20;

  void append(const void* value, std::size_t bytes) {
    if (used_ + bytes + 1 > k_bytes) {
      used_ = 0;
      if (bytes + 1 > k_bytes) {
        die("a value is larger than the ring");
      }
    }
    std::memcpy(memory_.get() + used_, value, bytes);
    memory_[used_ + bytes] = '\n';
    used_ += bytes + 1;
    ++records_;
    bytes_ += bytes;
  }

  std::uint64_t records() const { return records_; }
  std::uint64_t bytes() const { return bytes_; }  // of the values alone

 private:
  std::unique_ptr<char[]> memory_ = std::make_unique<char[]>(k_bytes);
  std::size_t used_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
};

struct Usage {
  double wall_s = 0;
  double cpu_s = 0;  // of all threads, those of libraries included
};

inline Usage usage_now() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {.wall_s = std::chrono::duration<double>(wall).count(),
          .cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime)};
}

// One object: {"records":..., "bytes":..., "wall_s":..., "cpu_s":..., "peak_rss_bytes":...}
inline void print_reading(const Ring& ring, const Usage& first, const Usage& last) {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("{\"records\":%llu,\"bytes\":%llu,\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_rss_bytes\":%lld}\n",
              static_cast<unsigned long long>(ring.records()), static_cast<unsigned long long>(ring.bytes()),
              last.wall_s - first.wall_s, last.cpu_s - first.cpu_s,
              static_cast<long long>(used.ru_maxrss) * 1024);
}

}  // namespace penstock::bench
