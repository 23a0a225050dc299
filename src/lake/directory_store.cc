// How it works. A batch that arrives in blocks is written into one part file below <dir>/.penstock, each
// block at its offset. The part file becomes a blob by a hard link to the blob's name
// (directory_publication.cc), so a reader sees no blob or a whole one.
//
// Worked case: blob api/a.txt of blocks 0 (8 MiB) and 1 (3 MiB).
//
//   put_block(1)      makes .penstock/<incarnation>-1.part and writes at 8 MiB: blocks may come in any order
//   put_block(0)      writes at 0; Part::blocks now holds 0 and 1
//   commit_blocks     compares the list with Part::blocks: each is there, at its offset, without gaps;
//                     cuts the file behind block 1; publishes it
//
// A block enters Part::blocks only when its write has ended well, and leaves it when a repeat begins. A
// commit that lists a block which is not there is answered as Azure answers it: `already_exists` if the
// name is taken, otherwise `invalid_block_list`. A Part ends with discard(), or with the commit that finds
// all its blocks, whatever becomes of that commit. Parts of a process that was killed are removed by any
// other store of the directory, at its start and then every hour (directory_leftovers.cc).
#include "lake/directory_store.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/concat.h"
#include "base/os_error.h"
#include "crypto/random.h"
#include "lake/directory_leftovers.h"
#include "lake/directory_listing.h"
#include "lake/directory_metadata.h"
#include "lake/directory_publication.h"

namespace penstock::lake {
namespace {

constexpr std::size_t k_page_names_max = 1000;                   // of a listing
constexpr std::size_t k_write_bytes_max = std::size_t{1} << 30;  // a completion counts in 32 bits

// When what killed processes left is looked for again after the start. The kernel may take a moment to give
// back the locks of one that was killed just before.
constexpr Duration k_look_soon = std::chrono::minutes(1);
constexpr Duration k_look_again = std::chrono::hours(1);

// The pieces of a body on their way into a file, one after the other.
struct Write {
  io::Loop& loop;
  std::shared_ptr<PartFile> file;
  std::vector<Bytes> pieces;
  std::uint64_t offset;
  Done done;
  std::size_t piece = 0;
};

void step(std::shared_ptr<Write> write) {
  Write& w = *write;
  while (w.piece < w.pieces.size() && w.pieces[w.piece].empty()) {
    ++w.piece;
  }
  if (w.piece == w.pieces.size()) {
    w.done({});
    return;
  }
  const Bytes bytes = w.pieces[w.piece].first(std::min(w.pieces[w.piece].size(), k_write_bytes_max));
  w.loop.write_at(w.file->fd.get(), bytes, w.offset, [write = std::move(write)](std::int32_t result) {
    if (result == 0 || (result < 0 && result != -EINTR && result != -EAGAIN)) {
      write->done(os_error(result == 0 ? EIO : -result, concat("writing ", write->file->path)));
      return;
    }
    const auto written = static_cast<std::size_t>(std::max(result, 0));
    write->pieces[write->piece] = write->pieces[write->piece].subspan(written);
    write->offset += written;
    step(write);
  });
}

std::string without_slash(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/') {
    dir.pop_back();
  }
  return dir;
}

Result<std::string> read_part(const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, concat("reading the blob ", path));
  }
  std::string text(bytes, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got =
        ::pread(fd.get(), text.data() + filled, text.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno != EINTR) {
      return os_error(errno, concat("reading the blob ", path));
    }
    if (got == 0) {
      break;
    }
    filled += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  text.resize(filled);
  return text;
}

// A blob appears by link(2), which vfat and some network file systems do not have. The second name is in the
// lake itself, as blobs' are, so that a mount between the two shows.
Result<void> try_to_link(const std::string& path, const std::string& dir) {
  const std::string second = concat(dir, "/.penstock-", crypto::random_u64());
  if (::link(path.c_str(), second.c_str()) == 0) {
    return ::unlink(second.c_str()) == 0 ? Result<void>() : os_error(errno, concat("removing ", second));
  }
  const int error = errno;
  const std::string what = concat("linking ", path, " into the lake directory ", dir);
  if (error != EXDEV && error != EPERM && error != EOPNOTSUPP) {
    return os_error(error, what);
  }
  return make_error(
      ErrorKind::unsupported, Action::fatal,
      concat(what, ": ", std::strerror(error),
             "; files of the lake appear by link(2), so that it has to be on one file system, of "
             "a kind that has hard links"),
      errno_name(error));
}

Result<void> try_to_write(const std::string& dir) {
  // Each worker tries, and so may other processes and machines.
  const std::string path = concat(working_directory(dir), "/", k_probe_prefix, crypto::random_u64());
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    return os_error(errno, concat("writing into the lake directory ", dir));
  }
  Result<void> linked = try_to_link(path, dir);
  if (::unlink(path.c_str()) != 0 && linked.ok()) {
    return os_error(errno, concat("removing ", path));
  }
  return linked;
}

}  // namespace

struct DirectoryBlobStore::Part {
  std::shared_ptr<PartFile> file;
  std::map<std::uint32_t, BlockRef> blocks;  // whole ones
};

Result<std::unique_ptr<DirectoryBlobStore>> DirectoryBlobStore::open_to_read(std::string dir,
                                                                             io::Loop& loop) {
  dir = without_slash(std::move(dir));
  const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, concat("opening the lake directory ", dir));
  }
  return std::unique_ptr<DirectoryBlobStore>(new DirectoryBlobStore(std::move(dir), loop));
}

Result<std::unique_ptr<DirectoryBlobStore>> DirectoryBlobStore::create(std::string dir, io::Loop& loop) {
  dir = without_slash(std::move(dir));
  std::vector<std::string> changed;  // not synced: the first blob's directory will be
  if (auto made = make_directories(working_directory(dir), changed); !made.ok()) {
    return made.error();
  }
  if (auto writable = try_to_write(dir); !writable.ok()) {
    return writable.error();
  }
  std::unique_ptr<DirectoryBlobStore> store(new DirectoryBlobStore(std::move(dir), loop));
  store->look_for_leftovers(k_look_soon);
  return store;
}

DirectoryBlobStore::DirectoryBlobStore(std::string dir, io::Loop& loop)
    : dir_(std::move(dir)),
      description_(concat("file://", dir_)),
      loop_(loop),
      incarnation_(crypto::random_u64()) {}

DirectoryBlobStore::~DirectoryBlobStore() {
  loop_.cancel_timer(leftovers_timer_);
}

void DirectoryBlobStore::look_for_leftovers(Duration next) {
  remove_leftovers(dir_);
  leftovers_timer_ = loop_.start_timer(next, [this] { look_for_leftovers(k_look_again); });
}

template <class Value>
void DirectoryBlobStore::answer(std::function<void(Result<Value>)> done, Result<Value> result) {
  loop_.defer([alive = alive_.watch(), done = std::move(done), result = std::move(result)] {
    if (!alive.gone()) {
      done(result);
    }
  });
}

Done DirectoryBlobStore::while_alive(Done done) const {
  return [alive = alive_.watch(), done = std::move(done)](Result<void> result) {
    if (!alive.gone()) {
      done(std::move(result));
    }
  };
}

Result<std::shared_ptr<DirectoryBlobStore::Part>> DirectoryBlobStore::make_part() {
  const std::string path = concat(working_directory(dir_), "/", incarnation_, "-", ++parts_made_, ".part");
  auto fd = make_part_file(path);
  if (!fd.ok()) {
    return std::move(fd).error();
  }
  auto part = std::make_shared<Part>();
  part->file = std::make_shared<PartFile>(path, std::move(fd).value());
  return part;
}

void DirectoryBlobStore::write(std::shared_ptr<Part> part, Body body, std::uint64_t offset, Done done) {
  auto write =
      std::make_shared<Write>(Write{loop_, part->file, {body.begin(), body.end()}, offset, std::move(done)});
  if (size_of(body) == 0) {
    loop_.defer([write = std::move(write)] { step(write); });
    return;
  }
  step(std::move(write));
}

void DirectoryBlobStore::put_block(const std::string& name, const BlockRef& block, Body body, Done done) {
  if (auto named = check_blob_name(name); !named.ok()) {
    answer(std::move(done), std::move(named));
    return;
  }
  auto found = parts_.find(name);
  if (found == parts_.end()) {
    auto part = make_part();
    if (!part.ok()) {
      answer(std::move(done), Result<void>(std::move(part).error()));
      return;
    }
    found = parts_.emplace(name, std::move(part).value()).first;
  }
  const std::shared_ptr<Part>& part = found->second;
  part->blocks.erase(block.index);
  write(part, body, block.offset, while_alive([part, block, done = std::move(done)](Result<void> result) {
          if (result.ok()) {
            part->blocks[block.index] = block;
          }
          done(std::move(result));
        }));
}

void DirectoryBlobStore::commit_blocks(const std::string& name, std::span<const BlockRef> blocks,
                                       const Metadata& metadata, Done done) {
  const auto found = parts_.find(name);
  std::uint64_t bytes = 0;
  bool whole = found != parts_.end();
  for (std::size_t i = 0; whole && i < blocks.size(); ++i) {
    const auto stored = found->second->blocks.find(blocks[i].index);
    whole = stored != found->second->blocks.end() && stored->second.offset == blocks[i].offset &&
            stored->second.bytes == blocks[i].bytes && blocks[i].offset == bytes;
    bytes += blocks[i].bytes;
  }
  const std::string path = concat(dir_, "/", name);
  if (!whole) {
    struct stat status {};
    const bool taken = ::lstat(path.c_str(), &status) == 0;
    answer(std::move(done), Result<void>(taken ? os_error(EEXIST, concat("the blob ", path))
                                               : make_error(ErrorKind::invalid_block_list, Action::give_up,
                                                            concat("committing the blob ", path,
                                                                   ": not all its blocks are here"))));
    return;
  }
  const std::shared_ptr<Part> part = std::move(found->second);
  parts_.erase(found);
  // A block that was put and is not listed may lie behind the last.
  if (::ftruncate(part->file->fd.get(), static_cast<off_t>(bytes)) != 0) {
    answer(std::move(done), Result<void>(os_error(errno, concat("cutting ", part->file->path))));
    return;
  }
  publish_part(loop_, dir_, name, part->file, metadata, while_alive(std::move(done)));
}

void DirectoryBlobStore::put_blob(const std::string& name, Body body, const Metadata& metadata, Done done) {
  if (auto named = check_blob_name(name); !named.ok()) {
    answer(std::move(done), std::move(named));
    return;
  }
  auto part = make_part();
  if (!part.ok()) {
    answer(std::move(done), Result<void>(std::move(part).error()));
    return;
  }
  write(
      *part, body, 0,
      while_alive([this, name, metadata, file = (*part)->file, done = std::move(done)](Result<void> result) {
        if (!result.ok()) {
          done(std::move(result));
          return;
        }
        publish_part(loop_, dir_, name, file, metadata, while_alive(done));
      }));
}

Result<BlobProperties> DirectoryBlobStore::properties(const std::string& name) const {
  const std::string path = concat(dir_, "/", name);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return os_error(errno, concat("looking at the blob ", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return os_error(ENOENT, concat("looking at the blob ", path, ", which is no file"));
  }
  BlobProperties properties{.bytes = static_cast<std::uint64_t>(status.st_size), .metadata = {}};
  auto waiting = waiting_sidecar_path(dir_, fd.get());
  if (!waiting.ok()) {
    return waiting.error();
  }
  // At its place, else waiting; and again, as its writer may have moved it between the looks.
  const std::string placed = concat(dir_, "/", sidecar_name(name));
  for (const std::string& sidecar_path : {placed, *waiting, placed}) {
    auto text = read_small_file(sidecar_path);
    if (!text.ok()) {
      return text.error();
    }
    if (!text->has_value()) {
      continue;
    }
    auto sidecar = decode_sidecar(**text);
    if (!sidecar.ok()) {
      sidecar.error().message = concat("reading ", sidecar_path, ": ", sidecar.error().message);
      return sidecar.error();
    }
    if (sidecar_path == placed || sidecar->name == name) {
      properties.metadata = std::move(sidecar->metadata);
      break;
    }
  }
  return properties;  // without metadata: a file that somebody else put here
}

void DirectoryBlobStore::get_properties(const std::string& name,
                                        std::function<void(Result<BlobProperties>)> done) {
  const auto named = check_blob_name(name);
  answer(std::move(done), named.ok() ? properties(name) : Result<BlobProperties>(named.error()));
}

void DirectoryBlobStore::list(const std::string& prefix, const std::string& marker,
                              std::function<void(Result<BlobPage>)> done) {
  auto names = list_names(dir_, prefix, marker, k_page_names_max);
  if (!names.ok()) {
    answer(std::move(done), Result<BlobPage>(std::move(names).error()));
    return;
  }
  BlobPage page;
  for (std::string& name : names->names) {
    auto found = properties(name);
    if (!found.ok() && found.error().kind == ErrorKind::not_found) {
      continue;  // deleted since its directory was read
    }
    if (!found.ok()) {
      answer(std::move(done), Result<BlobPage>(std::move(found).error()));
      return;
    }
    page.blobs.push_back({name, std::move(found).value()});
  }
  page.next_marker = names->more ? names->names.back() : "";
  answer(std::move(done), Result<BlobPage>(std::move(page)));
}

void DirectoryBlobStore::read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
                              std::function<void(Result<std::string>)> done) {
  const auto named = check_blob_name(name);
  answer(std::move(done),
         named.ok() ? read_part(concat(dir_, "/", name), offset, bytes) : Result<std::string>(named.error()));
}

void DirectoryBlobStore::probe(Done done) {
  answer(std::move(done), try_to_write(dir_));
}

void DirectoryBlobStore::discard(const std::string& name) {
  parts_.erase(name);
}

}  // namespace penstock::lake
