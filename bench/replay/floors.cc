// What the stages of the path cost at least on this machine: each alone, in a tight loop, over the same
// stream, as CPU seconds of its thread per GB (of payload, uncompressed).
//
//   floors --dir D [--mean BYTES]
//
// Prints one object: {"receive":..,"send":..,"checksum":..,"copy":..,"gzip":..,"gzip_ratio":..,"gunzip":..,
//   "write":..,"write_gb_s":..,"stage_gb_s":..,"stage_share":..,"in_flight":8,"direct":true}.
//
// Whether the machine is quiet decides the answer, so compare within a run.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/checksum.h"
#include "codec/compressor.h"
#include "codec/decompressor.h"
#include "format/lines.h"
#include "replay/measure.h"
#include "replay/stage_appends.h"
#include "replay/stream.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_mib = std::size_t{1} << 20;
constexpr double k_gb = 1e9;

double thread_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The median of five goes at `work`, which returns the bytes that it went through.
double cpu_s_per_gb(const std::function<std::size_t()>& work) {
  static_cast<void>(work());
  std::vector<double> costs;
  for (int i = 0; i < 5; ++i) {
    const double begun = thread_cpu_s();
    const std::size_t bytes = work();
    costs.push_back((thread_cpu_s() - begun) / (static_cast<double>(bytes) / k_gb));
  }
  return median(costs);
}

double gb_per_s(std::size_t bytes, const std::function<void()>& work) {
  const double begun = usage_now().wall_s;
  work();
  return static_cast<double>(bytes) / k_gb / (usage_now().wall_s - begun);
}

// A connection over the loopback device, as a broker's or a store's would be.
struct Connection {
  Connection() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    near = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::connect(near, reinterpret_cast<sockaddr*>(&address), size) != 0) {
      die("no connection over the loopback");
    }
    far = ::accept(listener, nullptr, nullptr);
    ::close(listener);
  }
  ~Connection() {
    ::close(near);
    ::close(far);
  }
  int near = -1;
  int far = -1;
};

constexpr std::size_t k_through_socket = 256 * k_mib;

// As a broker sends: from the page cache, and from more of it than a processor's cache holds.
double receive_cost(const std::string& dir) {
  const std::string path = dir + "/floor-log";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::vector<char> buffer(k_mib, 'x');
  for (std::size_t at = 0; at < k_through_socket; at += k_mib) {
    if (::write(file, buffer.data(), k_mib) != static_cast<ssize_t>(k_mib)) {
      die("cannot write to " + path);
    }
  }
  const double cost = cpu_s_per_gb([&] {
    Connection connection;
    std::thread peer([&] {
      off_t at = 0;
      while (at < static_cast<off_t>(k_through_socket) &&
             ::sendfile(connection.far, file, &at, k_through_socket - static_cast<std::size_t>(at)) > 0) {
      }
    });
    std::size_t got = 0;
    while (got < k_through_socket) {
      const ssize_t count = ::recv(connection.near, buffer.data(), buffer.size(), 0);
      if (count <= 0) {
        die("the loopback ended early");
      }
      got += static_cast<std::size_t>(count);
    }
    peer.join();
    return got;
  });
  ::close(file);
  ::unlink(path.c_str());
  return cost;
}

double send_cost() {
  const std::vector<char> bytes(8 * k_mib, 'x');
  return cpu_s_per_gb([&] {
    Connection connection;
    std::thread peer([&] {
      for (std::size_t got = 0; got < k_through_socket;) {
        const ssize_t count = ::recv(connection.far, nullptr, k_mib, MSG_TRUNC);
        got += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
      }
    });
    std::size_t sent = 0;
    while (sent < k_through_socket) {
      const std::size_t at = sent % bytes.size();
      const ssize_t count = ::send(connection.near, bytes.data() + at,
                                   std::min(bytes.size() - at, k_through_socket - sent), MSG_NOSIGNAL);
      sent += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    peer.join();
    return sent;
  });
}

// What a turn of the worker has in its cache: a response's worth of records, over and over.
constexpr std::size_t k_warm = k_mib;
constexpr int k_warm_times = 64;

double copy_cost(const std::string& text) {
  std::vector<Bytes> records;
  for (std::size_t at = 0; at < k_warm;) {
    const std::size_t end = text.find('\n', at);
    records.push_back(as_bytes(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  std::vector<std::byte> ring(8 * k_mib);
  return cpu_s_per_gb([&] {
    std::size_t used = 0;
    std::size_t bytes = 0;
    for (int i = 0; i < k_warm_times; ++i) {
      for (const Bytes record : records) {
        if (used + record.size() + 1 > ring.size()) {
          used = 0;
        }
        format::copy_flat(record, ring.data() + used);
        used += record.size();
        ring[used++] = std::byte{'\n'};
        bytes += record.size();
      }
    }
    return bytes;
  });
}

double checksum_cost(const std::string& text) {
  volatile std::uint32_t sum = 0;
  return cpu_s_per_gb([&] {
    for (int i = 0; i < k_warm_times; ++i) {
      sum = sum ^ codec::crc32c(as_bytes(std::string_view(text).substr(0, k_warm)), sum);
    }
    return k_warm * k_warm_times;
  });
}

std::string one_gzip(codec::Compressor& compressor, std::string_view text) {
  std::string out(text.size() + k_mib, '\0');
  std::size_t produced = 0;
  Bytes input = as_bytes(text);
  for (bool ended = false; !ended;) {
    const codec::Compressor::Step step = compressor.compress(
        input, std::as_writable_bytes(std::span(out)).subspan(produced), codec::Compressor::End::member);
    input = input.subspan(step.consumed);
    produced += step.produced;
    ended = step.member_ended;
  }
  out.resize(produced);
  return out;
}

struct WriteCost {
  double cpu_s_per_gb = 0;
  double gb_per_s = 0;  // k_in_flight at a time, as the stage's
  double stage_gb_per_s = 0;
  double stage_share = 0;  // the stage's rate, of the plain one
  bool direct = true;
};

constexpr std::size_t k_in_flight = 8;

// Overwriting, in writes of 1 MiB, what was written before: what a recycled segment comes to. The CPU time
// is that of one write after the other. The rate is that of as many writers at a time as the stage has chunks
// in flight.
WriteCost write_cost(const std::string& dir) {
  constexpr std::size_t k_file = 256 * k_mib;
  const std::string path = dir + "/floor";
  WriteCost cost;
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EINVAL) {
    cost.direct = false;
    fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }
  auto* memory = static_cast<char*>(std::aligned_alloc(4096, k_mib));
  std::fill_n(memory, k_mib, 'x');
  const auto write_each = [&](std::size_t first, std::size_t step) {
    for (std::size_t at = first; at < k_file; at += step) {
      if (::pwrite(fd, memory, k_mib, static_cast<off_t>(at)) != static_cast<ssize_t>(k_mib)) {
        die("cannot write to " + path);
      }
    }
  };
  const auto pass = [&] {
    write_each(0, k_mib);
    return k_file;
  };
  const auto pass_in_flight = [&] {
    std::vector<std::thread> writers;
    for (std::size_t i = 0; i < k_in_flight; ++i) {
      writers.emplace_back([&, i] { write_each(i * k_mib, k_in_flight * k_mib); });
    }
    for (std::thread& writer : writers) {
      writer.join();
    }
  };
  pass();
  cost.cpu_s_per_gb = cpu_s_per_gb(pass);
  StageAppends appends(dir + "/stage");
  appends.append(2 * k_file);  // all segments have been written once
  std::vector<double> plain;
  std::vector<double> staged;
  std::vector<double> shares;
  for (int i = 0; i < 5; ++i) {  // by turns, so that what else the disk does falls on both
    plain.push_back(gb_per_s(k_file, pass_in_flight));
    staged.push_back(gb_per_s(k_file, [&] { appends.append(k_file); }));
    shares.push_back(staged.back() / plain.back());
  }
  cost.gb_per_s = median(plain);
  cost.stage_gb_per_s = median(staged);
  cost.stage_share = median(shares);
  std::free(memory);
  ::close(fd);
  ::unlink(path.c_str());
  return cost;
}

int run(const Arguments& arguments) {
  const std::vector<std::string> records =
      stream_records(1, static_cast<double>(arguments.number("mean", 1024)), 0.6);
  std::string text;  // a record a line
  for (const std::string& record : records) {
    const std::size_t at = text.size();
    text.resize(at + record.size() + 1, '\n');
    format::copy_flat(as_bytes(record), std::as_writable_bytes(std::span(text)).data() + at);
  }
  const auto compressor = codec::make_compressor(codec::Compression::gzip);
  std::vector<std::string> packed;
  const double gzip = cpu_s_per_gb([&] {
    packed.clear();
    for (std::size_t at = 0; at < text.size(); at += k_mib) {
      packed.push_back(one_gzip(*compressor, std::string_view(text).substr(at, k_mib)));
    }
    return text.size();
  });
  std::size_t packed_bytes = 0;
  for (const std::string& member : packed) {
    packed_bytes += member.size();
  }
  codec::Decompressor decompressor(16 * k_mib);
  const double gunzip = cpu_s_per_gb([&] {
    std::size_t bytes = 0;
    for (const std::string& member : packed) {
      const Result<Bytes> inflated = decompressor.decompress(codec::CompressedFormat::gzip, as_bytes(member));
      bytes += inflated.ok() ? inflated->size() : (die(inflated.error().message), 0);
    }
    return bytes;
  });
  const std::string dir = arguments.text("dir");
  const WriteCost write = write_cost(dir);
  std::printf(
      "{\"receive\":%.4f,\"send\":%.4f,\"checksum\":%.4f,\"copy\":%.4f,\"gzip\":%.4f,\"gzip_ratio\":%.2f,"
      "\"gunzip\":%.4f,\"write\":%.4f,\"write_gb_s\":%.3f,\"stage_gb_s\":%.3f,\"stage_share\":%.3f,"
      "\"in_flight\":%zu,\"direct\":%s}\n",
      receive_cost(dir), send_cost(), checksum_cost(text), copy_cost(text), gzip,
      static_cast<double>(text.size()) / static_cast<double>(packed_bytes), gunzip, write.cpu_s_per_gb,
      write.gb_per_s, write.stage_gb_per_s, write.stage_share, k_in_flight, write.direct ? "true" : "false");
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  return penstock::bench::run(penstock::bench::Arguments(argc, argv));
}
