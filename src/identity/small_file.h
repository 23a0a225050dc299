// A file that holds one secret: a federated token, a certificate with its key, the key of an Arc challenge.
#pragma once

#include <cstddef>
#include <string>

#include <penstock/result.h>

namespace penstock::identity {

// The whole of the file. Blocks, for a small file on a local disk; a pipe is not waited for. Errors name the
// file and `purpose` ("the federated token"): it cannot be read, or has more than `bytes_max`. Never what it
// holds.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max, std::string_view purpose);

}  // namespace penstock::identity
