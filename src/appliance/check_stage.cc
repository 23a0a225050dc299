// How it works
//
// `check` may run as root, in a directory that belongs to the service's user. So it trusts nothing that it
// finds there. It writes into a file that has no name (O_TMPFILE). Where the file system has no such files,
// the name is random, must be new (O_EXCL), and is removed before the first byte is written. The lock is
// opened as the stage opens it, and not followed if it is a link. Nothing else that is there is opened.
//
// For example, two workers on a disk with 3 GiB free, where stage.max_bytes is 4 GiB and earlier runs have
// left 1.5 GiB of segments:
// 1. The directories are there, and nobody holds their locks.
// 2. 32 MiB are written into the one of worker 0, which gives the speed, and 1 MiB into that of worker 1.
// 3. The stage may grow by 2.5 GiB, and 3 are free. Had 2 been free, a warning would say so: penstock starts,
//    and takes no more records when the disk is full. Only what is too little for two segments of each worker
//    is a fault, since the stage does not open then.
#include "appliance/check_stage.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "appliance/left_as_found.h"
#include "appliance/wiring.h"
#include "base/clock.h"
#include "base/concat.h"
#include "base/os_error.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "config/memory_plan.h"
#include "crypto/random.h"
#include "stage/directory.h"

namespace penstock::appliance {
namespace {

// What is written to see how fast the disk is.
constexpr std::size_t k_piece_bytes = std::size_t{1} << 20;
constexpr std::size_t k_pieces = 32;
constexpr std::size_t k_direct_io_alignment = 4096;

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// What was found in the directory of one worker.
struct Found {
  bool in_use = false;
  std::uint64_t segments = 0;
  std::uint64_t held_bytes = 0;  // by the segments
  bool direct = true;
  bool in_memory = false;
  std::optional<int> megabytes_per_second;  // none: not measured
};

// Takes the lock for a moment, which is too short for a penstock that starts to meet it.
Result<bool> is_locked(const std::string& dir) {
  const UniqueFd lock(::open(concat(dir, "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.valid()) {
    return errno == ENOENT ? Result<bool>(false)
                           : os_error(errno, concat("opening the lock in the stage directory ", dir));
  }
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

// Those that the stage will use: it moves aside what it cannot read, and links.
Result<void> look_at_segments(const std::string& dir, Found& found) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(dir, failure)) {
    const std::string path = entry.path();
    struct stat status {};
    if (entry.path().filename().string().starts_with("segment-") && ::lstat(path.c_str(), &status) == 0 &&
        S_ISREG(status.st_mode) && ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0) {
      ++found.segments;
      found.held_bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return failure ? os_error(failure.value(), concat("reading the stage directory ", dir)) : Result<void>();
}

// A file that goes away when it is closed. Not valid: errno says why.
UniqueFd nameless_file(const std::string& dir, int flags) {
  UniqueFd file(::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600));
  if (file.valid() || (errno != EOPNOTSUPP && errno != EISDIR)) {
    return file;
  }
  const std::string path = concat(dir, "/check-", crypto::random_u64(), ".tmp");
  file.reset(::open(path.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC | flags, 0600));
  if (file.valid()) {
    ::unlink(path.c_str());
  }
  return file;
}

// 0, or an errno. Writes as the stage does.
int write_pieces(int fd, const void* piece, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const ssize_t written = ::write(fd, piece, k_piece_bytes);
    if (written != static_cast<ssize_t>(k_piece_bytes)) {
      return written < 0 ? errno : ENOSPC;
    }
  }
  return ::fdatasync(fd) == 0 ? 0 : errno;
}

// A disk without room for the pieces is not measured: what there has to be, the room tells.
Result<void> try_to_write(const std::string& dir, std::size_t pieces, Found& found) {
  const std::unique_ptr<void, FreeDeleter> piece(std::aligned_alloc(k_direct_io_alignment, k_piece_bytes));
  std::fill_n(static_cast<char*>(piece.get()), k_piece_bytes, 'p');
  for (const int flags : {O_DIRECT, 0}) {
    const UniqueFd file = nameless_file(dir, flags);
    const MonoTime begun = system_clock().now();
    const int error = file.valid() ? write_pieces(file.get(), piece.get(), pieces) : errno;
    if (error == EINVAL && flags == O_DIRECT) {
      found.direct = false;
      continue;
    }
    if (error != 0 && error != ENOSPC && error != EDQUOT) {
      return os_error(error, concat("writing into the stage directory ", dir));
    }
    struct statfs fs {};
    found.in_memory = file.valid() && ::fstatfs(file.get(), &fs) == 0 &&
                      (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
    if (error == 0) {
      const double seconds = std::chrono::duration<double>(system_clock().now() - begun).count();
      found.megabytes_per_second =
          static_cast<int>(static_cast<double>(pieces * k_piece_bytes) / 1e6 / seconds);
    }
    return {};
  }
  return {};
}

Result<Found> look_at(const std::string& dir, std::size_t pieces) {
  Found found;
  if (Result<void> made = stage::make_directories(dir); !made.ok()) {
    return std::move(made).error();
  }
  const Result<bool> locked = is_locked(dir);
  if (!locked.ok()) {
    return locked.error();
  }
  found.in_use = *locked;
  if (Result<void> looked = look_at_segments(dir, found); !looked.ok()) {
    return std::move(looked).error();
  }
  if (Result<void> wrote = try_to_write(dir, pieces, found); !wrote.ok()) {
    return std::move(wrote).error();
  }
  return found;
}

CheckRow describe(const std::string& dir, const Found& found) {
  const std::string speed = found.megabytes_per_second ? concat(*found.megabytes_per_second, " MB/s, ")
                                                       : "not measured for want of room, ";
  const std::string access =
      found.direct ? "O_DIRECT"
                   : "through the page cache, as its file system refuses O_DIRECT (ext4 and XFS do not)";
  CheckRow row{.name = "stage", .severity = CheckSeverity::ok, .text = concat(dir, ": ", speed, access)};
  if (found.in_memory) {
    row.severity = CheckSeverity::warning;
    row.text +=
        ". It is in memory (tmpfs): what is staged counts as memory, and is read again from Kafka "
        "after the machine restarts. Name a directory on a disk";
  }
  if (found.in_use) {
    row.severity = CheckSeverity::warning;
    row.text +=
        ". Another penstock uses it now: it may be restarted with this configuration, but a second "
        "one beside it is refused";
  }
  return row;
}

// `found` is the sum of all workers.
CheckRow describe_room(const config::Settings& settings, const std::string& dir,
                       std::uint64_t missing_segments, const Found& found) {
  CheckRow row{.name = "stage room", .severity = CheckSeverity::ok, .text = {}};
  struct statvfs fs {};
  if (::statvfs(dir.c_str(), &fs) != 0) {
    row.severity = CheckSeverity::fault;
    row.text = os_error(errno, concat("asking for the room in ", dir)).message;
    return row;
  }
  const std::uint64_t room = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
  const std::uint64_t max_bytes = settings.stage.max_bytes;
  row.text =
      concat(format_size_about(room), " free, ",
             found.held_bytes == 0 ? "" : concat(format_size_about(found.held_bytes), " on the stage, "),
             "stage.max_bytes is ", format_size(max_bytes));
  const std::uint64_t needed = missing_segments * config::k_segment_bytes;
  if (room < needed) {
    row.severity = CheckSeverity::fault;
    row.text += concat(". The stage begins with ", format_size(needed),
                       ": free some room, or name another stage.dir");
  } else if (room + found.held_bytes < max_bytes) {
    row.severity = CheckSeverity::warning;
    row.text += ". The disk is full before the stage is: lower stage.max_bytes, or free some room";
  }
  return row;
}

}  // namespace

StageCheck check_stage(const config::Settings& settings, std::uint32_t workers) {
  constexpr std::uint64_t k_segments_at_start = 2;  // of each worker
  const std::string first_dir = stage_directory(settings, 0);
  Found all;
  std::uint64_t missing_segments = 0;
  std::vector<std::unique_ptr<LeftAsFound>> guards;
  StageCheck check;
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    const std::string dir = stage_directory(settings, worker);
    guards.push_back(std::make_unique<LeftAsFound>(dir));
    const Result<Found> found = look_at(dir, worker == 0 ? k_pieces : 1);
    if (!found.ok()) {
      check.rows.push_back(
          {.name = "stage", .severity = CheckSeverity::fault, .text = found.error().message});
      break;
    }
    missing_segments += k_segments_at_start - std::min(found->segments, k_segments_at_start);
    if (worker == 0) {
      all = *found;
    } else {
      all.in_use = all.in_use || found->in_use;
      all.held_bytes += found->held_bytes;
    }
  }
  check.in_use = all.in_use;
  if (check.rows.empty()) {
    const std::string more = workers == 1 ? "" : concat(" and ", workers - 1, " more");
    check.rows.push_back(describe(first_dir + more, all));
    check.rows.push_back(describe_room(settings, first_dir, missing_segments, all));
  }
  while (!guards.empty()) {
    guards.pop_back();  // what it made lies within what the one before it made
  }
  return check;
}

}  // namespace penstock::appliance
