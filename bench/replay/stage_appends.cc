#include "replay/stage_appends.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "codec/checksum.h"
#include "replay/measure.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_slab_bytes = std::size_t{1} << 20;
constexpr std::size_t k_payload_bytes = k_slab_bytes - stage::k_chunk_header_bytes;
constexpr std::size_t k_in_flight = 8;

template <class T>
T value_or_die(Result<T> result) {
  if (!result.ok()) {
    die(result.error().message);
  }
  return std::move(result).value();
}

}  // namespace

StageAppends::StageAppends(const std::string& dir)
    : loop_(value_or_die(io::make_loop(io::LoopOptions{}, system_clock()))),
      pool_(value_or_die(mem::SlabPool::create(k_in_flight, k_slab_bytes))) {
  loop_->register_memory(pool_->region());
  stage::Options options;
  options.dir = dir;
  options.bytes_max = std::uint64_t{256} << 20;
  options.slab_bytes = k_slab_bytes;
  stage_ = value_or_die(stage::Stage::open(options, *loop_, system_clock()));
  for (std::size_t i = 0; i < k_in_flight; ++i) {
    slabs_.push_back(std::make_shared<mem::Slab>(pool_->acquire()));
    std::fill_n(slabs_.back()->data(), k_slab_bytes, std::byte{'x'});
  }
}

void StageAppends::append(std::uint64_t bytes) {
  for (std::uint64_t done = 0; done < bytes; done += k_slab_bytes) {
    append_one();
  }
  while (slabs_.size() < k_in_flight) {
    loop_->run_once(std::chrono::seconds(1));
  }
}

void StageAppends::append_one() {
  while (slabs_.empty() || !stage_->has_room(k_payload_bytes)) {
    loop_->run_once(std::chrono::seconds(1));
  }
  const std::shared_ptr<mem::Slab> slab = slabs_.front();
  slabs_.pop_front();
  const Bytes payload = Bytes(slab->bytes()).subspan(stage::k_chunk_header_bytes, k_payload_bytes);
  const stage::ChunkInfo info{
      .batch = {.incarnation = 1, .counter = ++appended_}, .topic = "floor", .ranges = {}, .last = true};
  auto extent = std::make_shared<stage::Extent>();
  *extent = stage_->append(info, *slab, {.bytes = k_payload_bytes, .checksum = codec::crc32c(payload)},
                           [this, slab, extent](const Result<void>& result) {
                             if (!result.ok()) {
                               die(result.error().message);
                             }
                             stage_->release(*extent);
                             slabs_.push_back(slab);
                           });
}

}  // namespace penstock::bench
