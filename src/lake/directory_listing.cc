// How it works. A page is made by a walk in depth that begins anew for each page: nothing is kept between
// two pages, as with a marker of Azure's. Each directory is read, sorted and walked. Those that lie wholly
// before `after`, or whose name cannot lead to `prefix`, are not read at all.
//
// Worked case: files a-b.txt, a/x.txt, a/y.txt, b.txt, count_max 2.
//
//   after ""           a-b.txt, a/x.txt    more    "a/" sorts behind "a-b.txt"
//   after "a/x.txt"    a/y.txt, b.txt
#include "lake/directory_listing.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/concat.h"
#include "base/os_error.h"

namespace penstock::lake {
namespace {

enum class EntryKind : unsigned char { file, directory, other };

EntryKind kind_of(int dir_fd, const dirent& entry) {
  if (entry.d_type == DT_REG) {
    return EntryKind::file;
  }
  if (entry.d_type == DT_DIR) {
    return EntryKind::directory;
  }
  struct stat status {};
  if (entry.d_type != DT_UNKNOWN || ::fstatat(dir_fd, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return EntryKind::other;
  }
  return S_ISREG(status.st_mode)   ? EntryKind::file
         : S_ISDIR(status.st_mode) ? EntryKind::directory
                                   : EntryKind::other;
}

// A walk in depth gives whole names in order if a directory sorts as its name and a '/': "a-b" comes before
// what is in "a", because '-' comes before '/'.
class Walk {
 public:
  Walk(const std::string& root, const std::string& prefix, const std::string& after, std::size_t count_max)
      : root_(root), prefix_(prefix), after_(after), count_max_(count_max) {}

  // `directory` is empty or ends with '/'.
  Result<void> visit(const std::string& directory) {
    auto entries = read(directory);
    if (!entries.ok()) {
      return entries.error();
    }
    for (const std::string& entry : *entries) {
      if (page_.more) {
        break;
      }
      const std::string name = directory + entry;
      if (name.back() == '/') {
        if (auto visited = visit(name); !visited.ok()) {
          return visited;
        }
      } else if (page_.names.size() == count_max_) {
        page_.more = true;
      } else {
        page_.names.push_back(name);
      }
    }
    return {};
  }

  NamePage take() && { return std::move(page_); }

 private:
  bool wanted(std::string_view name, EntryKind kind) const {
    if (kind == EntryKind::directory) {
      const bool on_the_way = name.starts_with(prefix_) || std::string_view(prefix_).starts_with(name);
      return on_the_way && (name > after_ || std::string_view(after_).starts_with(name));
    }
    return kind == EntryKind::file && name.starts_with(prefix_) && name > after_;
  }

  Result<std::vector<std::string>> read(const std::string& directory) const {
    const std::string path = concat(root_, "/", directory);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
    if (dir == nullptr) {
      return os_error(errno, concat("listing the lake directory ", path));
    }
    std::vector<std::string> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      const EntryKind kind = kind_of(::dirfd(dir.get()), *entry);
      const bool hidden = name == "." || name == ".." || (name.front() == '.' && kind == EntryKind::file) ||
                          (directory.empty() && name == ".penstock");
      const std::string sorted_as = concat(name, kind == EntryKind::directory ? "/" : "");
      if (!hidden && wanted(directory + sorted_as, kind)) {
        entries.push_back(sorted_as);
      }
      if (entries.size() > 4 * (count_max_ + 1)) {
        keep_first(entries);
      }
      errno = 0;
    }
    if (errno != 0) {
      return os_error(errno, concat("listing the lake directory ", path));
    }
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  // A page has no more than the first of them: of a directory of a million files the others are not kept.
  void keep_first(std::vector<std::string>& entries) const {
    const std::size_t wanted = count_max_ + 1;
    std::nth_element(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(wanted), entries.end());
    entries.resize(wanted);
  }

  const std::string& root_;
  const std::string& prefix_;
  const std::string& after_;
  std::size_t count_max_;
  NamePage page_;
};

}  // namespace

Result<NamePage> list_names(const std::string& root, const std::string& prefix, const std::string& after,
                            std::size_t count_max) {
  Walk walk(root, prefix, after, count_max);
  if (auto visited = walk.visit(""); !visited.ok()) {
    return visited.error();
  }
  return std::move(walk).take();
}

}  // namespace penstock::lake
