// How it works. A part file is locked by the process that writes it, from its making to its end. The kernel
// gives the lock back when the process ends, however it ends. So a part that can be locked is dead.
//
// Worked case: process A was killed in the middle of a batch, process B writes beside it, C starts.
//
//   A-1.part   C locks it: dead. Removed, while the lock is held.
//   B-7.part   the lock is refused: B lives. Its inode is noted.
//   4711.meta  waits for the blob that a part with inode 4711 becomes. That is B-7.part: left alone.
//   4712.meta  is of no part that lives. If a blob has inode 4712, A was killed between link(2) and
//              rename(2): the metadata goes to its place. If none has, A was killed before: removed.
//
// Two things can come in between. B may have made a part and not locked it yet: C then locks and removes it,
// and B, whose lock is refused or whose file has no name any more, tries again with another one. And an
// inode may be given to a new part just after C has noted those that live: so metadata that is younger than a
// minute is left for the next look.
#include "lake/directory_leftovers.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "lake/directory_metadata.h"
#include "lake/directory_publication.h"

namespace penstock::lake {
namespace {

constexpr mode_t k_part_mode = 0644;
constexpr std::chrono::minutes k_in_the_making{1};           // from the making of a file to its renaming
constexpr std::chrono::hours k_stale_without_locks{7 * 24};  // Azure drops uncommitted blocks then too

bool older_than(const struct stat& status, std::chrono::seconds age) {
  const auto limit = std::chrono::system_clock::now() - age;
  return status.st_mtime < std::chrono::system_clock::to_time_t(limit);
}

// True: nobody has the part locked, and we have now; or it is so old that nobody can be writing it. False as
// well for one that is another user's.
bool is_dead(int fd, const struct stat& status) {
  if (fd < 0) {
    return false;
  }
  return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ||
         (errno != EWOULDBLOCK && older_than(status, k_stale_without_locks));
}

// Metadata that a killed process left waiting: to its place if its blob was linked, away if it was not.
void settle_waiting(const std::string& dir, const std::string& file_name) {
  const std::string path = concat(working_directory(dir), "/", file_name);
  const auto text = read_small_file(path);
  if (!text.ok() || !text->has_value()) {
    return;
  }
  const auto sidecar = decode_sidecar(**text);
  struct stat blob {};
  const bool linked = sidecar.ok() && check_blob_name(sidecar->name).ok() &&
                      ::stat(concat(dir, "/", sidecar->name).c_str(), &blob) == 0 &&
                      file_name == concat(blob.st_ino, ".meta");
  if (linked) {
    std::rename(path.c_str(), concat(dir, "/", sidecar_name(sidecar->name)).c_str());
  } else {
    ::unlink(path.c_str());
  }
}

}  // namespace

Result<UniqueFd> make_part_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, k_part_mode));
  if (!fd.valid()) {
    return os_error(errno, concat("making ", path));
  }
  const bool refused = ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  struct stat status {};
  if (refused || (::fstat(fd.get(), &status) == 0 && status.st_nlink == 0)) {
    return os_error(EAGAIN, concat("locking ", path));
  }
  return fd;
}

void remove_leftovers(const std::string& dir) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(working_directory(dir).c_str()), ::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = entries != nullptr ? ::readdir(entries.get()) : nullptr) {
    names.emplace_back(entry->d_name);
  }
  std::set<std::string> waiting_of_living;
  std::vector<std::string> waiting;
  for (const std::string& name : names) {
    struct stat status {};
    if (::fstatat(::dirfd(entries.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    if (name.ends_with(".part")) {
      const UniqueFd fd(
          ::openat(::dirfd(entries.get()), name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      if (is_dead(fd.get(), status)) {
        ::unlinkat(::dirfd(entries.get()), name.c_str(), 0);
      } else {
        waiting_of_living.insert(concat(status.st_ino, ".meta"));
      }
    } else if (older_than(status, k_in_the_making)) {
      if (name.ends_with(".meta")) {
        waiting.push_back(name);
      } else if (name.starts_with(k_probe_prefix)) {
        ::unlinkat(::dirfd(entries.get()), name.c_str(), 0);
      }
    }
  }
  for (const std::string& name : waiting) {
    if (!waiting_of_living.contains(name)) {
      settle_waiting(dir, name);
    }
  }
}

}  // namespace penstock::lake
