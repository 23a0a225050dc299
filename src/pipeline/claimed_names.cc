#include "pipeline/claimed_names.h"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "codec/compressor.h"
#include "pipeline/batch.h"

namespace penstock::pipeline {
namespace {

// A valid empty file of the format that the name ends in: nothing, an empty gzip member, an empty zstd frame.
std::vector<std::byte> empty_file(std::string_view name) {
  const codec::Compression compression = name.ends_with(".gz")    ? codec::Compression::gzip
                                         : name.ends_with(".zst") ? codec::Compression::zstd
                                                                  : codec::Compression::none;
  std::vector<std::byte> bytes;
  if (compression != codec::Compression::none) {
    bytes.resize(256);
    const auto compressor = codec::make_compressor(compression);
    const codec::Compressor::Step step = compressor->compress({}, bytes, codec::Compressor::End::member);
    bytes.resize(step.produced);
  }
  return bytes;
}

std::optional<std::int64_t> take_number(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view digits = text.substr(0, at);
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || stop != digits.data() + digits.size() || number < 0) {
    return std::nullopt;
  }
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return number;
}

}  // namespace

std::optional<Range> range_of(std::string_view ranges, Partition partition) {
  while (!ranges.empty()) {
    const auto number = take_number(ranges, ':');
    const auto first = number ? take_number(ranges, '-') : std::nullopt;
    const auto next = first ? take_number(ranges, ',') : std::nullopt;
    if (!next) {
      return std::nullopt;
    }
    if (*number == partition.value) {
      return Range{.first = Position{*first}, .next = Position{*next}};
    }
  }
  return std::nullopt;
}

ClaimedNames::ClaimedNames(Options options, lake::BlobStore& store, io::Loop& loop,
                           obs::WorkerMetrics& metrics)
    : options_(std::move(options)), store_(store), loop_(loop), metrics_(metrics) {}

void ClaimedNames::put_tombstone(const std::string& blob, std::function<void(bool)> done) {
  try_tombstone(blob, 1, std::move(done));
}

void ClaimedNames::read(const std::string& blob, std::function<void(const NamedBlob&)> done) {
  try_read(blob, 1, std::move(done));
}

// A tombstone of ours whose answer was lost is found by the next try as one that exists: reading tells the same.
void ClaimedNames::try_tombstone(const std::string& blob, std::uint32_t attempt,
                                 std::function<void(bool)> done) {
  const auto bytes = std::make_shared<const std::vector<std::byte>>(empty_file(blob));
  const std::array<Bytes, 1> body{Bytes(*bytes)};
  metrics_.put_attempts.add();
  store_.put_blob(blob, bytes->empty() ? lake::Body() : lake::Body(body), tombstone_metadata(options_.group),
                  [this, blob, attempt, bytes, done = std::move(done),
                   alive = std::weak_ptr(alive_)](const Result<void>& result) {
                    if (alive.expired()) {
                      return;
                    }
                    if (result.ok() || result.error().kind == ErrorKind::already_exists) {
                      trouble_.reset();
                      done(result.ok());
                      return;
                    }
                    again(result.error(), attempt,
                          [this, blob, attempt, done] { try_tombstone(blob, attempt + 1, done); });
                  });
}

void ClaimedNames::try_read(const std::string& blob, std::uint32_t attempt,
                            std::function<void(const NamedBlob&)> done) {
  store_.get_properties(blob, [this, blob, attempt, done = std::move(done),
                               alive = std::weak_ptr(alive_)](const Result<lake::BlobProperties>& result) {
    if (alive.expired()) {
      return;
    }
    if (!result.ok() && result.error().kind != ErrorKind::not_found) {
      again(result.error(), attempt, [this, blob, attempt, done] { try_read(blob, attempt + 1, done); });
      return;
    }
    trouble_.reset();
    NamedBlob found;
    if (result.ok()) {
      found.kind = is_tombstone(result->metadata) ? NamedBlob::Kind::tombstone : NamedBlob::Kind::data;
      for (const auto& [key, value] : result->metadata) {
        if (key == "topic") {
          found.topic = value;
        } else if (key == "ranges") {
          found.ranges = value;
        }
      }
    }
    done(found);
  });
}

void ClaimedNames::again(const Error& error, std::uint32_t attempt, std::function<void()> retry) {
  metrics_.retries[obs::retry_reason(error.kind)].add();
  trouble_ = error;
  loop_.start_timer(retry_delay(options_.retry, attempt, error, options_.random()),
                    [retry = std::move(retry), alive = std::weak_ptr(alive_)] {
                      if (!alive.expired()) {
                        retry();
                      }
                    });
}

}  // namespace penstock::pipeline
