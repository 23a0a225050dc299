// A blob's metadata beside its file, in a hidden text file:
//
//   penstock-metadata 1
//   api/2026/01/31/api-20260131T000000Z-0123456789abcdef-7.txt
//   records=1000
//   ranges=0:100-200
//
// Pure, but for the reading of one small file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <penstock/result.h>

#include "lake/blob_store.h"

namespace penstock::lake {

struct SidecarText {
  // Of the blob, relative to the directory. It tells which blob waiting metadata belongs to.
  std::string name;
  Metadata metadata;
};

// "a/b/.c.txt.meta" for "a/b/c.txt": Auto Loader and our own listing skip names that begin with '.'.
std::string sidecar_name(std::string_view name);

// Error invalid_input: a key or value that Azure would refuse too.
Result<std::string> encode_sidecar(const SidecarText& sidecar);

// Error corrupt: these are not the lines of a sidecar.
Result<SidecarText> decode_sidecar(std::string_view text);

// The text of a small file; nothing if there is none. Blocking.
Result<std::optional<std::string>> read_small_file(const std::string& path);

// Error invalid_input: a name that could leave the directory, or that no listing would show.
Result<void> check_blob_name(std::string_view name);

}  // namespace penstock::lake
