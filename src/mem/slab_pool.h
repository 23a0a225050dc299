// All large memory of a worker: one region taken at start, cut into slabs of one size, lent out and given
// back.
//
// Back-pressure is a slab that you did not get: acquire() returns an empty one, and the caller stops taking
// work. Nothing here grows. One thread owns a pool and all slabs of it. The region is page-aligned and
// touched at start, so that a slab never faults later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <penstock/result.h>

#include "base/types.h"

namespace penstock::mem {

// The alignment of every slab, in bytes: enough for O_DIRECT on any device seen (512 or 4096).
inline constexpr std::size_t k_slab_alignment = 4096;

class SlabPool;

// Owns one slab until it is destroyed or reset. Then the slab is back in its pool, which must outlive it. A
// slab is not cleaned: it holds what its last owner wrote.
class Slab {
 public:
  // Owns nothing.
  Slab() = default;
  Slab(Slab&& other) noexcept;
  Slab& operator=(Slab&& other) noexcept;
  ~Slab();

  // Whether it owns a slab. Without one, bytes() is empty.
  explicit operator bool() const { return pool_ != nullptr; }
  MutableBytes bytes() const { return bytes_; }
  std::byte* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }

  // Gives the slab back now.
  void reset();

 private:
  friend class SlabPool;
  Slab(SlabPool* pool, MutableBytes bytes) : pool_(pool), bytes_(bytes) {}

  SlabPool* pool_ = nullptr;
  MutableBytes bytes_;
};

class SlabPool {
 public:
  // Takes the memory and makes it resident, so it blocks while the kernel clears the pages. `slab_bytes` is
  // a multiple of k_slab_alignment, and there is at least one slab (CHECK). Error ENOMEM: the machine has not
  // that much memory.
  static Result<std::unique_ptr<SlabPool>> create(std::size_t slab_count, std::size_t slab_bytes);

  // A slab that is not back is a bug (CHECK).
  ~SlabPool();

  // Lends the slab that came back last, as its bytes are still in the cache. Empty: none is free.
  Slab acquire();

  std::size_t free_count() const { return free_.size(); }
  std::size_t slab_count() const { return slab_count_; }
  std::size_t slab_bytes() const { return slab_bytes_; }

  // All slabs, for Loop::register_memory. Of free slabs no byte may be touched.
  MutableBytes region() const { return region_; }

 private:
  friend class Slab;
  SlabPool(MutableBytes region, std::size_t slab_count, std::size_t slab_bytes);
  void give_back(std::byte* slab);

  MutableBytes region_;
  std::size_t slab_count_;
  std::size_t slab_bytes_;
  std::vector<std::byte*> free_;
};

}  // namespace penstock::mem
