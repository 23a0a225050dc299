// How it works. create() maps one anonymous region and makes each page resident, so that the memory is
// known to be there before the first record comes. The region is cut into slabs of one size, and free_ is a
// stack of their addresses.
//
// Worked case: a pool of 3 slabs, A, B and C in the order of their addresses.
//
//   acquire()    A        free_: C B
//   acquire()    B        free_: C
//   B given back          free_: C B
//   acquire()    B        free_: C        the slab given back last: its bytes are still in the cache
//   acquire()    C        free_: -
//   acquire()    empty                    back-pressure: the caller stops taking records
//
// Taking and giving back touch no lock and no allocator: free_ has room for all slabs from the start, and
// one thread owns the pool.
#include "mem/slab_pool.h"

#include <cerrno>
#include <limits>
#include <utility>

#include <sys/mman.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "base/check.h"
#include "base/concat.h"
#include "base/os_error.h"

namespace penstock::mem {
namespace {

// Under AddressSanitizer a free slab is poisoned: using one after it was given back is reported at the
// access.
void poison([[maybe_unused]] MutableBytes bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(bytes.data(), bytes.size());
#endif
}

void unpoison([[maybe_unused]] MutableBytes bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(bytes.data(), bytes.size());
#endif
}

// Every page of the region becomes resident. MADV_POPULATE_WRITE (Linux 5.14) reports a lack of memory as an
// error; where it is unknown the pages are touched by hand.
int make_resident(MutableBytes region) {
#if defined(MADV_POPULATE_WRITE)
  constexpr int k_populate_write = MADV_POPULATE_WRITE;
#else
  constexpr int k_populate_write = 23;
#endif
  if (::madvise(region.data(), region.size(), k_populate_write) == 0) {
    return 0;
  }
  if (errno != EINVAL) {
    return errno;
  }
  for (std::size_t at = 0; at < region.size(); at += k_slab_alignment) {
    *static_cast<volatile std::byte*>(region.data() + at) = std::byte{0};
  }
  return 0;
}

}  // namespace

Slab::Slab(Slab&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}

Slab& Slab::operator=(Slab&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = std::exchange(other.pool_, nullptr);
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

Slab::~Slab() {
  reset();
}

void Slab::reset() {
  if (pool_ != nullptr) {
    std::exchange(pool_, nullptr)->give_back(std::exchange(bytes_, {}).data());
  }
}

Result<std::unique_ptr<SlabPool>> SlabPool::create(std::size_t slab_count, std::size_t slab_bytes) {
  CHECK(slab_count > 0U);
  CHECK(slab_bytes > 0U);
  CHECK(slab_bytes % k_slab_alignment == 0U);
  const std::string what = concat("taking ", slab_count, " slabs of ", slab_bytes,
                                  " bytes; lower runtime.memory or give the machine more");
  if (slab_count > std::numeric_limits<std::size_t>::max() / slab_bytes) {
    return os_error(ENOMEM, what);
  }
  const std::size_t bytes = slab_count * slab_bytes;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return os_error(errno, what);
  }
  const MutableBytes region(static_cast<std::byte*>(memory), bytes);
  // Huge pages save TLB misses in the copy, and page pinning in the kernel. They never make the region
  // larger: only whole, aligned 2 MiB parts of it become huge. Refused (no THP in this kernel): as well.
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  ::madvise(memory, bytes, MADV_DONTDUMP);  // records do not belong into a core file
  if (const int error = make_resident(region); error != 0) {
    ::munmap(memory, bytes);
    return os_error(error, what);
  }
  return std::unique_ptr<SlabPool>(new SlabPool(region, slab_count, slab_bytes));
}

SlabPool::SlabPool(MutableBytes region, std::size_t slab_count, std::size_t slab_bytes)
    : region_(region), slab_count_(slab_count), slab_bytes_(slab_bytes) {
  free_.reserve(slab_count);
  for (std::size_t index = slab_count; index > 0; --index) {
    free_.push_back(region.data() + (index - 1) * slab_bytes);
  }
  poison(region_);
}

SlabPool::~SlabPool() {
  CHECK(free_.size() == slab_count_);
  unpoison(region_);
  ::munmap(region_.data(), region_.size());
}

Slab SlabPool::acquire() {
  if (free_.empty()) {
    return {};
  }
  const MutableBytes bytes(free_.back(), slab_bytes_);
  free_.pop_back();
  unpoison(bytes);
  return {this, bytes};
}

void SlabPool::give_back(std::byte* slab) {
  CHECK(free_.size() < slab_count_);
  poison({slab, slab_bytes_});
  free_.push_back(slab);
}

}  // namespace penstock::mem
