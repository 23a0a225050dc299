#include "pipeline/encoder_pool.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::pipeline {

format::Encoder& EncoderPool::lend(Batch& batch, const std::function<void(Batch&)>& end_part) {
  ++uses_;
  for (Place& place : places_) {
    if (place.user == &batch) {
      place.last_use = uses_;
      return *place.encoder;
    }
  }
  Place& place = find_place(batch.plan->format, end_part);
  place.user = &batch;
  place.last_use = uses_;
  batch.cut.filling.encoder = place.encoder.get();
  return *place.encoder;
}

void EncoderPool::give_back(Batch& batch) {
  for (Place& place : places_) {
    if (place.user == &batch) {
      place.encoder->reset();
      place.user = nullptr;
    }
  }
  batch.cut.filling.encoder = nullptr;
}

EncoderPool::Place& EncoderPool::find_place(const format::RecordFormat& format,
                                            const std::function<void(Batch&)>& end_part) {
  for (Place& place : places_) {
    if (place.user == nullptr && place.format == format) {
      return place;
    }
  }
  if (places_.size() < k_encoders_max) {
    return places_.emplace_back(Place{.format = format, .encoder = format::make_encoder(format)});
  }
  Place& oldest = *std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return std::pair(a.user != nullptr, a.last_use) < std::pair(b.user != nullptr, b.last_use);
  });
  if (oldest.user != nullptr) {
    end_part(*oldest.user);
    CHECK(oldest.user == nullptr);
  }
  if (oldest.format != format) {
    oldest.encoder = format::make_encoder(format);
    oldest.format = format;
  }
  return oldest;
}

}  // namespace penstock::pipeline
