// The lock is what makes a directory ours. It goes with its process, so a directory whose lock can be had is
// one that nobody uses. That is how open() refuses a second process, and how remove_stage() knows a stage
// that was left. The two may meet: remove_stage() takes the lock's name away while it holds it, and open(),
// which then has locked a file without a name, begins anew.
#include "stage/directory.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>
#include <tuple>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"

namespace penstock::stage {
namespace {

constexpr std::string_view k_prefix = "segment-";
constexpr std::string_view k_suffix = ".stage";
constexpr std::string_view k_lock_name = "lock";
constexpr std::size_t k_digits = 8;
constexpr mode_t k_directory_mode = 0750;  // staged records are as confidential as the topic

// Not every file system fills in d_type.
bool is_file_or_link(int dir_fd, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) {
    return entry.d_type == DT_REG || entry.d_type == DT_LNK;
  }
  struct stat status {};
  return ::fstatat(dir_fd, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode));
}

}  // namespace

Result<void> make_directories(const std::string& path) {
  std::size_t end = 0;
  do {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), k_directory_mode) != 0 && errno != EEXIST) {
      return os_error(errno, concat("making the stage directory ", part));
    }
  } while (end != std::string::npos);
  return {};
}

std::string segment_name(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return concat(k_prefix, std::string(digits.size() < k_digits ? k_digits - digits.size() : 0, '0'), digits,
                k_suffix);
}

std::optional<std::uint32_t> segment_number(std::string_view name) {
  if (!name.starts_with(k_prefix) || !name.ends_with(k_suffix) ||
      name.size() < k_prefix.size() + k_suffix.size()) {
    return std::nullopt;
  }
  const std::string_view digits =
      name.substr(k_prefix.size(), name.size() - k_prefix.size() - k_suffix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || number == UINT32_MAX ||
      segment_name(number) != name) {
    return std::nullopt;
  }
  return number;
}

Result<Directory> Directory::open(const std::string& path) {
  if (path.empty()) {
    return os_error(ENOENT, "opening the stage directory: stage.dir is empty");
  }
  if (auto made = make_directories(path); !made.ok()) {
    return made.error();
  }
  const std::string lock_path = concat(path, "/", k_lock_name);
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock.valid()) {
    return os_error(errno, concat("writing into the stage directory ", path));
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return os_error(errno, concat("locking the stage directory ", path));
    }
    return make_error(ErrorKind::forbidden, Action::fatal,
                      concat("another penstock uses the stage directory ", path,
                             ": stop it, or give this one a stage.dir of its own"),
                      "EWOULDBLOCK");
  }
  struct stat status {};
  if (::fstat(lock.get(), &status) == 0 && status.st_nlink == 0) {
    return open(path);  // remove_stage() came in between
  }
  return Directory(path, std::move(lock));
}

std::string Directory::path_of(std::string_view name) const {
  return concat(path_, "/", name);
}

Result<std::vector<std::string>> Directory::files() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path_.c_str()), ::closedir);
  if (dir == nullptr) {
    return os_error(errno, concat("reading the stage directory ", path_));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (is_file_or_link(::dirfd(dir.get()), *entry) && entry->d_name != k_lock_name) {
      names.emplace_back(entry->d_name);
    }
    errno = 0;
  }
  if (errno != 0) {
    return os_error(errno, concat("reading the stage directory ", path_));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> Directory::move_aside(const std::string& name, std::string_view reason) const {
  const std::string from = path_of(name);
  if (auto made = make_directories(path_of("aside")); !made.ok()) {
    return made.error();
  }
  // The directory is ours alone while it is locked: nobody takes the name between the look and the rename.
  std::string to = path_of(concat("aside/", name));
  for (int copy = 1; ::faccessat(AT_FDCWD, to.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; ++copy) {
    to = path_of(concat("aside/", name, ".", copy));
  }
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return os_error(errno, concat("moving ", from, " aside to ", to));
  }
  return concat("moved ", from, " aside to ", to, ": ", reason, "; delete it if nobody misses it",
                make_room_aside(to));
}

// rename(2) leaves a file the time of its last change, and renews that of its status: when it was moved.
std::string Directory::make_room_aside(std::string_view kept) const {
  struct Old {
    timespec moved;
    std::string path;
    std::uint64_t bytes;
  };
  std::vector<Old> files;
  std::uint64_t bytes = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path_of("aside").c_str()), ::closedir);
  while (const dirent* entry = dir != nullptr ? ::readdir(dir.get()) : nullptr) {
    struct stat status {};
    if (is_file_or_link(::dirfd(dir.get()), *entry) &&
        ::fstatat(::dirfd(dir.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
      files.push_back({status.st_ctim, path_of(concat("aside/", entry->d_name)),
                       static_cast<std::uint64_t>(status.st_size)});
      bytes += files.back().bytes;
    }
  }
  std::sort(files.begin(), files.end(), [](const Old& a, const Old& b) {
    return std::tie(a.moved.tv_sec, a.moved.tv_nsec) < std::tie(b.moved.tv_sec, b.moved.tv_nsec);
  });
  std::string gone;
  std::size_t count = files.size();
  for (const Old& file : files) {
    if (count <= k_aside_files_max && bytes <= k_aside_bytes_max) {
      break;
    }
    if (file.path != kept && ::unlink(file.path.c_str()) == 0) {
      --count;
      bytes -= file.bytes;
      gone += concat(gone.empty() ? "; to make room there, older ones were deleted: " : ", ", file.path);
    }
  }
  return gone;
}

Result<std::string> remove_stage(const std::string& path) {
  const std::string lock_path = concat(path, "/", k_lock_name);
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return std::string();
  }
  const Directory directory(path, std::move(lock));
  auto names = directory.files();
  if (!names.ok()) {
    return names.error();
  }
  std::uint64_t bytes = 0;
  for (const std::string& name : *names) {
    struct stat status {};
    const std::string file = directory.path_of(name);
    if (!segment_number(name) || ::lstat(file.c_str(), &status) != 0) {
      continue;
    }
    if (::unlink(file.c_str()) != 0) {
      return os_error(errno, concat("removing ", file));
    }
    bytes += static_cast<std::uint64_t>(status.st_size);
  }
  ::unlink(lock_path.c_str());
  const bool whole = ::rmdir(path.c_str()) == 0;
  return concat("removed the stage ", path, " (", bytes, " bytes)",
                whole ? "" : ", but for files in it that are no segments; delete them if nobody misses them");
}

}  // namespace penstock::stage
