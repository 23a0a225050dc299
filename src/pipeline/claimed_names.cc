#include "pipeline/claimed_names.h"

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

// Of a name that has uncommitted blocks of its writer, who may still commit them: none of theirs may be replaced, and
// a batch never gets as far as this index.
constexpr std::uint32_t k_tombstone_block = 0xffff'ffff;

lake::BlockRef block_of(const std::vector<std::byte>& file) {
  return {.index = k_tombstone_block, .offset = 0, .bytes = file.size()};
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

struct ClaimedNames::Closing {
  std::string blob;
  std::vector<std::byte> file;
  Bytes body;
  std::function<void(bool created)> done;
  std::uint32_t attempt = 1;

  lake::Body pieces() const { return file.empty() ? lake::Body() : lake::Body(&body, 1); }
};

void ClaimedNames::put_tombstone(const std::string& blob, std::function<void(bool)> done) {
  auto closing = std::make_shared<Closing>();
  closing->blob = blob;
  closing->file = empty_file(blob);
  closing->body = closing->file;
  closing->done = std::move(done);
  put_whole(closing);
}

void ClaimedNames::read(const std::string& blob, std::function<void(const NamedBlob&)> done) {
  try_read(blob, 1, std::move(done));
}

lake::Done ClaimedNames::unless_forgotten(std::function<void(const Result<void>&)> done) {
  return [done = std::move(done), alive = std::weak_ptr(alive_)](const Result<void>& result) {
    if (!alive.expired()) {
      done(result);
    }
  };
}

// A tombstone of ours whose answer was lost is found by the next try as one that exists: reading tells the same.
void ClaimedNames::put_whole(const std::shared_ptr<Closing>& closing) {
  metrics_.put_attempts.add();
  store_.put_blob(closing->blob, closing->pieces(), tombstone_metadata(options_.group),
                  unless_forgotten([this, closing](const Result<void>& result) {
                    if (result.ok()) {
                      closed(closing, true);
                    } else if (result.error().kind == ErrorKind::already_exists) {
                      ask_whether_taken(closing);
                    } else {
                      close_again(closing, result.error());
                    }
                  }));
}

void ClaimedNames::ask_whether_taken(const std::shared_ptr<Closing>& closing) {
  store_.get_properties(closing->blob, [this, closing, alive = std::weak_ptr(alive_)](
                                           const Result<lake::BlobProperties>& result) {
    if (alive.expired()) {
      return;
    }
    if (result.ok()) {
      closed(closing, false);
    } else if (result.error().kind != ErrorKind::not_found) {
      close_again(closing, result.error());
    } else if (closing->file.empty()) {
      commit_block(closing);
    } else {
      put_block(closing);
    }
  });
}

void ClaimedNames::put_block(const std::shared_ptr<Closing>& closing) {
  metrics_.put_attempts.add();
  store_.put_block(closing->blob, block_of(closing->file), closing->pieces(),
                   unless_forgotten([this, closing](const Result<void>& result) {
                     if (result.ok()) {
                       commit_block(closing);
                     } else {
                       close_again(closing, result.error());
                     }
                   }));
}

void ClaimedNames::commit_block(const std::shared_ptr<Closing>& closing) {
  const lake::BlockRef block = block_of(closing->file);
  metrics_.put_attempts.add();
  store_.commit_blocks(closing->blob, std::span(&block, closing->file.empty() ? 0 : 1),
                       tombstone_metadata(options_.group),
                       unless_forgotten([this, closing](const Result<void>& result) {
                         if (result.ok() || result.error().kind == ErrorKind::already_exists) {
                           closed(closing, result.ok());
                         } else {
                           close_again(closing, result.error());
                         }
                       }));
}

// From the beginning, whatever failed: meanwhile the name may have been taken.
void ClaimedNames::close_again(const std::shared_ptr<Closing>& closing, const Error& error) {
  again(error, closing->attempt++, [this, closing] { put_whole(closing); });
}

void ClaimedNames::closed(const std::shared_ptr<Closing>& closing, bool created) {
  trouble_.reset();
  closing->done(created);
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
