// Sealed batches that are not over yet, and how much memory they take beside their bytes.
//
// The bytes of a batch are on the stage, which has its own bound. What is left of it in memory is its name,
// its ranges, its chunks and its place in the ledger: some 2 KB, for as long as the storage is away. An
// outage of a day, with 200 topics and a batch per topic and minute, would leave 288,000 of them.
//
// A batch takes its place when it is sealed, and gives it back when nothing holds the batch any more. Nobody
// is refused a place, as what was taken must be sealed some day. Whoever takes records asks full() first.
//
//   0 ──────────── half ──────────── full
//     seal by age   │  let batches    │  take no records
//                   │  grow instead   │
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace penstock::pipeline {

// Of one sealed batch with one chunk: what the batch, the ledger, the protocol, the driver and the uploader
// keep. Measured: 1,520 bytes with a name of 90 characters, which is in it twice.
inline constexpr std::size_t k_sealed_batch_bytes = 2048;
// For each partition in it: a share (32 bytes), the range of the chunk (24), range and slot in the ledger
// (36), the time of its first record (16), and what vectors that grew have to spare.
inline constexpr std::size_t k_sealed_share_bytes = 160;
// For each chunk that is not full. Full ones are bounded by the stage.
inline constexpr std::size_t k_short_chunk_bytes = 256;

class Backlog {
  struct Sum {
    std::uint64_t bytes = 0;
    std::size_t batches = 0;
  };

 public:
  // Held by a batch. Empty: none was taken.
  class Place {
   public:
    Place() = default;
    Place(std::shared_ptr<Sum> sum, std::uint64_t bytes) : sum_(std::move(sum)), bytes_(bytes) {
      sum_->bytes += bytes_;
      ++sum_->batches;
    }
    ~Place() {
      if (sum_) {
        sum_->bytes -= bytes_;
        --sum_->batches;
      }
    }
    Place(Place&& other) noexcept : sum_(std::move(other.sum_)), bytes_(other.bytes_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(sum_, other.sum_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }

   private:
    std::shared_ptr<Sum> sum_;
    std::uint64_t bytes_ = 0;
  };

  explicit Backlog(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  Place take(std::uint64_t bytes) { return Place(sum_, bytes); }

  bool half_full() const { return sum_->bytes >= bytes_max_ / 2; }
  bool full() const { return sum_->bytes >= bytes_max_; }
  std::size_t batch_count() const { return sum_->batches; }

 private:
  std::uint64_t bytes_max_;
  std::shared_ptr<Sum> sum_ = std::make_shared<Sum>();  // batches may outlive the backlog
};

}  // namespace penstock::pipeline
