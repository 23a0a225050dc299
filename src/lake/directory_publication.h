// The steps that make a part file a blob, in the order that durability needs. See directory_store.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.h>

#include "base/unique_fd.h"
#include "io/loop.h"
#include "lake/blob_store.h"

namespace penstock::lake {

// Makes `path` and what is missing above it. The directories that got a new entry are added to `changed`:
// they must be synced before what lies below them is durable.
Result<void> make_directories(const std::string& path, std::vector<std::string>& changed);

// A file of bytes that is no blob yet. Whoever lets go of it last removes its name. The bytes stay if they
// have become a blob, whose name is a second link to them.
struct PartFile {
  std::string path;
  UniqueFd fd;

  PartFile(std::string at, UniqueFd opened) : path(std::move(at)), fd(std::move(opened)) {}
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();
};

// What begins the names of the files below .penstock that only try whether it can be written.
inline constexpr std::string_view k_probe_prefix = "probe-";

// "<dir>/.penstock".
std::string working_directory(const std::string& dir);

// Where the metadata of a file waits until the file has its name. Error: the file cannot be looked at.
Result<std::string> waiting_sidecar_path(const std::string& dir, int fd);

// Gives the part the blob's name. Error already_exists: the name is taken, durably. `done` runs from the
// loop.
void publish_part(io::Loop& loop, const std::string& dir, const std::string& name,
                  std::shared_ptr<PartFile> part, const Metadata& metadata, Done done);

}  // namespace penstock::lake
