// Whole reads and writes of aligned bytes: what the kernel leaves undone is asked for again.
#pragma once

#include <cstdint>
#include <functional>

#include "base/types.h"
#include "io/loop.h"

namespace penstock::stage {

// 0, or an errno. A read that meets the end of the file gives ENODATA, a write that makes no progress EIO.
using TransferDone = std::function<void(int error_number)>;

// `bytes` is a multiple of k_block_bytes and stays valid until `done` has run.
void write_all(io::Loop& loop, int fd, Bytes bytes, std::uint64_t offset, TransferDone done);
void read_all(io::Loop& loop, int fd, MutableBytes bytes, std::uint64_t offset, TransferDone done);

// The same, blocking: for the start.
int write_all_now(int fd, Bytes bytes, std::uint64_t offset);
int read_all_now(int fd, MutableBytes bytes, std::uint64_t offset);

}  // namespace penstock::stage
