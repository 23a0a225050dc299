// How it works. Steps 1 to 4 make bytes and metadata durable while nobody can see them. Step 5 is the
// moment at which the blob exists.
//
//   1. make the directories of the blob's name
//   2. write the metadata into .penstock/<inode of the part>.meta
//   3. open what must be synced: changed directories, .penstock, the part, the metadata
//   4. fdatasync each, through the loop
//   5. link(part, name)                EEXIST: somebody else has the name, already_exists
//   6. rename the metadata to its place, .<file>.meta beside the blob
//   7. fdatasync the blob's directory, then answer
//
// Worked case: two processes publish api/a.txt at the same time. Both pass step 4 with files of their own,
// because the names of their parts and inodes differ. One link() succeeds. The other fails with EEXIST. It
// syncs the blob's directory all the same, removes its waiting metadata and its part, and answers
// already_exists. By then the winner's name is durable, even if the winner was killed before its own step
// 7.
//
// A crash before step 5 leaves files below .penstock that other stores remove (directory_leftovers.h). A
// crash between 5 and 6 leaves a blob whose metadata still waits: readers find it by the blob's inode, which
// is the part's, and other stores move it.
#include "lake/directory_publication.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "base/types.h"
#include "lake/directory_metadata.h"

namespace penstock::lake {
namespace {

constexpr mode_t k_directory_mode = 0755;
constexpr mode_t k_file_mode = 0644;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// A publication on its way, held by the operation in flight.
struct Publication : std::enable_shared_from_this<Publication> {
  struct Sync {
    UniqueFd fd;
    std::string path;
  };

  Publication(io::Loop& loop_, std::string dir, std::string name_, std::shared_ptr<PartFile> part_,
              Done done_)
      : loop(loop_),
        root(std::move(dir)),
        name(std::move(name_)),
        part(std::move(part_)),
        done(std::move(done_)) {}

  std::string blob_path() const { return concat(root, "/", name); }

  // Everything that must be on the disk before the name may appear.
  Result<void> prepare(const Metadata& metadata);
  Result<void> write_sidecar(const Metadata& metadata);
  Result<void> add_sync(const std::string& path);
  void sync_each(std::function<void(Result<void>)> then);
  void link();
  void finish(Result<void> result);

  io::Loop& loop;
  std::string root;
  std::string name;
  std::shared_ptr<PartFile> part;
  Done done;
  std::string waiting_sidecar;
  std::vector<Sync> syncs;
};

Result<void> Publication::add_sync(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, concat("opening ", path));
  }
  syncs.push_back({std::move(fd), path});
  return {};
}

// A few KiB into the page cache; the sync is the loop's.
Result<void> Publication::write_sidecar(const Metadata& metadata) {
  auto text = encode_sidecar({.name = name, .metadata = metadata});
  if (!text.ok()) {
    return text.error();
  }
  auto path = waiting_sidecar_path(root, part->fd.get());
  if (!path.ok()) {
    return path.error();
  }
  waiting_sidecar = std::move(path).value();
  const std::string what = concat("writing ", waiting_sidecar);
  // One that is there was left by an earlier file with this inode, or is a link that somebody planted.
  ::unlink(waiting_sidecar.c_str());
  const UniqueFd fd(::open(waiting_sidecar.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, k_file_mode));
  if (!fd.valid()) {
    return os_error(errno, what);
  }
  const ssize_t written = ::write(fd.get(), text->data(), text->size());
  if (written != static_cast<ssize_t>(text->size())) {
    return os_error(written < 0 ? errno : ENOSPC, what);
  }
  return add_sync(waiting_sidecar);
}

Result<void> Publication::prepare(const Metadata& metadata) {
  if (auto named = check_blob_name(name); !named.ok()) {
    return named;
  }
  std::vector<std::string> changed;
  if (auto made = make_directories(parent_of(blob_path()), changed); !made.ok()) {
    return made;
  }
  if (auto written = write_sidecar(metadata); !written.ok()) {
    return written;
  }
  changed.push_back(working_directory(root));
  changed.push_back(part->path);
  for (const std::string& path : changed) {
    if (auto added = add_sync(path); !added.ok()) {
      return added;
    }
  }
  return {};
}

void Publication::sync_each(std::function<void(Result<void>)> then) {
  if (syncs.empty()) {
    then({});
    return;
  }
  const int fd = syncs.back().fd.get();
  loop.sync_data(fd, [self = shared_from_this(), then = std::move(then)](std::int32_t result) mutable {
    const Sync synced = std::move(self->syncs.back());
    self->syncs.pop_back();
    if (result < 0) {
      then(os_error(-result, concat("syncing ", synced.path)));
      return;
    }
    self->sync_each(std::move(then));
  });
}

void Publication::link() {
  const std::string path = blob_path();
  const bool linked = ::link(part->path.c_str(), path.c_str()) == 0;
  const int error = linked ? 0 : errno;
  if (!linked && error != EEXIST) {
    finish(os_error(error, concat("giving the blob its name ", path)));
    return;
  }
  if (linked) {
    // A failed rename only leaves the metadata where it is found by the blob's inode.
    std::rename(waiting_sidecar.c_str(), concat(root, "/", sidecar_name(name)).c_str());
    waiting_sidecar.clear();
  }
  // For a name that was taken as well: its owner may have been killed before the sync.
  Result<void> outcome = linked ? Result<void>() : Result<void>(os_error(EEXIST, concat("the blob ", path)));
  if (auto added = add_sync(parent_of(path)); !added.ok()) {
    finish(std::move(added));
    return;
  }
  sync_each([self = this, outcome = std::move(outcome)](const Result<void>& synced) {
    self->finish(synced.ok() ? outcome : synced);
  });
}

void Publication::finish(Result<void> result) {
  if (!waiting_sidecar.empty()) {
    ::unlink(waiting_sidecar.c_str());
  }
  part.reset();
  const Done answer = std::move(done);
  answer(std::move(result));
}

}  // namespace

Result<void> make_directories(const std::string& path, std::vector<std::string>& changed) {
  if (::mkdir(path.c_str(), k_directory_mode) == 0) {
    changed.push_back(parent_of(path));
    return {};
  }
  if (errno == EEXIST) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
      return os_error(ENOTDIR, concat("making the directory ", path));
    }
    return {};
  }
  if (errno != ENOENT || parent_of(path) == path) {
    return os_error(errno, concat("making the directory ", path));
  }
  if (auto made = make_directories(parent_of(path), changed); !made.ok()) {
    return made;
  }
  if (::mkdir(path.c_str(), k_directory_mode) != 0 && errno != EEXIST) {
    return os_error(errno, concat("making the directory ", path));
  }
  changed.push_back(parent_of(path));
  return {};
}

PartFile::~PartFile() {
  ::unlink(path.c_str());
}

std::string working_directory(const std::string& dir) {
  return concat(dir, "/.penstock");
}

Result<std::string> waiting_sidecar_path(const std::string& dir, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return os_error(errno, concat("looking at a file in ", dir));
  }
  return concat(working_directory(dir), "/", status.st_ino, ".meta");
}

void publish_part(io::Loop& loop, const std::string& dir, const std::string& name,
                  std::shared_ptr<PartFile> part, const Metadata& metadata, Done done) {
  auto publication = std::make_shared<Publication>(loop, dir, name, std::move(part), std::move(done));
  if (auto prepared = publication->prepare(metadata); !prepared.ok()) {
    loop.defer([publication, prepared = std::move(prepared)] { publication->finish(prepared); });
    return;
  }
  publication->sync_each([self = publication.get()](Result<void> synced) {
    if (!synced.ok()) {
      self->finish(std::move(synced));
      return;
    }
    self->link();
  });
}

}  // namespace penstock::lake
