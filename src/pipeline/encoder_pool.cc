#include "pipeline/encoder_pool.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::pipeline {

format::Encoder& EncoderPool::lend(Batch& batch, const std::function<void(Batch&)>& end_part) {
  format::Encoder& encoder =
      batch.plan->format.has_end() ? kept_for_file(batch) : lend_for_part(batch, end_part);
  if (batch.cut.filling.encoder == nullptr) {
    encoder.begin_file(
        {.attempt = batch.attempt, .begun = batch.cut.chunks.size() > 0, .topic = batch.plan->topic});
    batch.cut.filling.encoder = &encoder;
  }
  return encoder;
}

format::Encoder& EncoderPool::kept_for_file(const Batch& batch) {
  std::unique_ptr<format::Encoder>& encoder = kept_[&batch];
  if (!encoder) {
    encoder = format::make_file_encoder(batch.plan->format, parquet_, batch.plan->shredded,
                                        batch.cut.filling.columns);
  }
  return *encoder;
}

format::Encoder& EncoderPool::lend_for_part(Batch& batch, const std::function<void(Batch&)>& end_part) {
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
  return *place.encoder;
}

void EncoderPool::give_back(Batch& batch) {
  kept_.erase(&batch);
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
