#include "pipeline/compressor_pool.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::pipeline {

codec::Compressor& CompressorPool::lend(Batch& batch, const std::function<void(Batch&)>& end_member) {
  ++uses_;
  for (Place& place : places_) {
    if (place.user == &batch) {
      place.last_use = uses_;
      return *place.compressor;
    }
  }
  Place& place = find_place(batch.plan->compression, end_member);
  place.user = &batch;
  place.last_use = uses_;
  batch.filling.compressor = place.compressor.get();
  return *place.compressor;
}

void CompressorPool::give_back(Batch& batch) {
  for (Place& place : places_) {
    if (place.user == &batch) {
      place.compressor->reset();
      place.user = nullptr;
    }
  }
  batch.filling.compressor = nullptr;
}

CompressorPool::Place& CompressorPool::find_place(codec::Compression compression,
                                                  const std::function<void(Batch&)>& end_member) {
  for (Place& place : places_) {
    if (place.user == nullptr && place.compression == compression) {
      return place;
    }
  }
  if (places_.size() < k_compressors_max) {
    return places_.emplace_back(
        Place{.compression = compression, .compressor = codec::make_compressor(compression)});
  }
  Place& oldest = *std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return std::pair(a.user != nullptr, a.last_use) < std::pair(b.user != nullptr, b.last_use);
  });
  if (oldest.user != nullptr) {
    end_member(*oldest.user);
    CHECK(oldest.user == nullptr);
  }
  if (oldest.compression != compression) {
    oldest.compressor = codec::make_compressor(compression);
    oldest.compression = compression;
  }
  return oldest;
}

}  // namespace penstock::pipeline
