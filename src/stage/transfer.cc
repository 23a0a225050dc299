// How it works. A transfer is repeated with what is left until nothing is. The blocking and the
// asynchronous form share judge(), which says what one result means.
//
// Worked case: a write of 20,480 bytes with O_DIRECT comes back with 10,000. Two whole blocks, 8,192 bytes,
// count as written. The next write begins there, at a multiple of the block, and writes 12,288 bytes. If it
// comes back with less than one block, no progress is possible, and the transfer ends with EIO (a read:
// ENODATA, the file is shorter).
#include "stage/transfer.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <unistd.h>

#include "stage/format.h"

namespace penstock::stage {
namespace {

// Where to go on after `done` of the bytes: a short transfer may end within a block, and O_DIRECT takes only
// whole ones, so the block that was cut is transferred again.
std::size_t resume_at(std::size_t done) {
  return done / k_block_bytes * k_block_bytes;
}

bool again(std::int32_t result) {
  return result == -EINTR || result == -EAGAIN;
}

// What a result means for a transfer of `left` bytes: finished with an errno, or how far to move on.
struct Verdict {
  bool finished = false;
  int error_number = 0;
  std::size_t advance = 0;
};

Verdict judge(std::int32_t result, std::size_t left, int error_on_nothing) {
  if (again(result)) {
    return {};
  }
  if (result < 0) {
    return {.finished = true, .error_number = -result};
  }
  const auto done = static_cast<std::size_t>(result);
  if (done >= left) {
    return {.finished = true};
  }
  if (resume_at(done) == 0) {
    return {.finished = true, .error_number = error_on_nothing};
  }
  return {.advance = resume_at(done)};
}

template <class Span>
struct Transfer {
  io::Loop& loop;
  int fd;
  Span bytes;
  std::uint64_t offset;
  TransferDone done;
};

constexpr bool is_write(const Transfer<Bytes>&) {
  return true;
}
constexpr bool is_write(const Transfer<MutableBytes>&) {
  return false;
}

template <class Span>
void step(std::shared_ptr<Transfer<Span>> transfer) {
  Transfer<Span>& t = *transfer;
  auto completed = [transfer = std::move(transfer)](std::int32_t result) {
    const Verdict verdict = judge(result, transfer->bytes.size(), is_write(*transfer) ? EIO : ENODATA);
    if (verdict.finished) {
      transfer->done(verdict.error_number);
      return;
    }
    transfer->bytes = transfer->bytes.subspan(verdict.advance);
    transfer->offset += verdict.advance;
    step(transfer);
  };
  if constexpr (std::is_same_v<Span, Bytes>) {
    t.loop.write_at(t.fd, t.bytes, t.offset, std::move(completed));
  } else {
    t.loop.read_at(t.fd, t.bytes, t.offset, std::move(completed));
  }
}

template <class Span, class Call>
int transfer_now(Span bytes, std::uint64_t offset, int error_on_nothing, Call call) {
  for (;;) {
    const ssize_t result = call(bytes, offset);
    const Verdict verdict =
        judge(result < 0 ? -errno : static_cast<std::int32_t>(result), bytes.size(), error_on_nothing);
    if (verdict.finished) {
      return verdict.error_number;
    }
    bytes = bytes.subspan(verdict.advance);
    offset += verdict.advance;
  }
}

}  // namespace

void write_all(io::Loop& loop, int fd, Bytes bytes, std::uint64_t offset, TransferDone done) {
  step(std::make_shared<Transfer<Bytes>>(Transfer<Bytes>{loop, fd, bytes, offset, std::move(done)}));
}

void read_all(io::Loop& loop, int fd, MutableBytes bytes, std::uint64_t offset, TransferDone done) {
  step(std::make_shared<Transfer<MutableBytes>>(
      Transfer<MutableBytes>{loop, fd, bytes, offset, std::move(done)}));
}

int write_all_now(int fd, Bytes bytes, std::uint64_t offset) {
  return transfer_now(bytes, offset, EIO, [fd](Bytes left, std::uint64_t at) {
    return ::pwrite(fd, left.data(), left.size(), static_cast<off_t>(at));
  });
}

int read_all_now(int fd, MutableBytes bytes, std::uint64_t offset) {
  return transfer_now(bytes, offset, ENODATA, [fd](MutableBytes left, std::uint64_t at) {
    return ::pread(fd, left.data(), left.size(), static_cast<off_t>(at));
  });
}

}  // namespace penstock::stage
