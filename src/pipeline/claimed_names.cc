// How a claimed name is settled.
//
// A claim of an earlier process names a blob. Either the blob is there, or its writer may still be about to
// make it. A tombstone decides: it is put under the condition that the name is free. If it is made, no
// writer can make the blob any more. If not, something is there, and read() says what.
//
//   1. put_in_one_call: made: done. "exists": ask_whether_name_is_taken.
//   2. Something is found: done, not created.
//   3. Nothing is found, so the name has only uncommitted blocks of its writer, and this store counts them
//      (Azurite): put_as_block, then commit_its_block with the same condition.
//   4. Made: done. "exists": its writer was faster, between 3 and 4. Done, not created.
//
// For example, a worker is killed between claim and Put Block List of `orders/...-7.txt.gz`. The successor
// reads the claim and puts an empty gzip file with a tombstone's metadata there. It then reads the records
// again, into a batch with a name of its own. When the first worker was only slow, its Put Block List now
// fails, and it drops the batch.
//
// An error at any step starts again from 1, after a wait: meanwhile the name may have been taken.
#include "pipeline/claimed_names.h"

#include <span>
#include <utility>
#include <vector>

#include "base/metadata.h"
#include "format/record_format.h"

namespace penstock::pipeline {
namespace {

// Of a name that has uncommitted blocks of its writer, who may still commit them: none of theirs may be
// replaced, and a batch never gets as far as this index.
constexpr std::uint32_t k_tombstone_block = 0xffff'ffff;

lake::BlockRef block_of(const std::vector<std::byte>& file) {
  return {.index = k_tombstone_block, .offset = 0, .bytes = file.size()};
}

NamedBlob named_blob(const Metadata& metadata) {
  Result<format::BlobMetadata> read = format::read_blob_metadata(metadata);
  if (!read.ok()) {
    return {.kind = NamedBlob::Kind::unreadable, .metadata = {}};
  }
  const auto kind = read->is_tombstone ? NamedBlob::Kind::tombstone : NamedBlob::Kind::data;
  return {.kind = kind, .metadata = std::move(read).value()};
}

}  // namespace

ClaimedNames::ClaimedNames(Options options, lake::BlobStore& store, io::Loop& loop,
                           obs::WorkerMetrics& metrics)
    : options_(std::move(options)), store_(store), loop_(loop), metrics_(metrics) {}

struct ClaimedNames::Tombstone {
  std::string blob;
  std::vector<std::byte> file;
  Bytes body;
  std::function<void(bool created)> done;
  std::uint32_t attempt = 1;

  lake::Body pieces() const { return file.empty() ? lake::Body() : lake::Body(&body, 1); }
};

void ClaimedNames::put_tombstone(const std::string& blob, std::vector<std::byte> file,
                                 std::function<void(bool)> done) {
  auto tombstone = std::make_shared<Tombstone>();
  tombstone->blob = blob;
  tombstone->file = std::move(file);
  tombstone->body = tombstone->file;
  tombstone->done = std::move(done);
  put_in_one_call(tombstone);
}

void ClaimedNames::read(const std::string& blob, std::function<void(const NamedBlob&)> done) {
  try_read(blob, 1, std::move(done));
}

lake::Done ClaimedNames::unless_forgotten(std::function<void(const Result<void>&)> done) {
  return [done = std::move(done), alive = alive_.watch()](const Result<void>& result) {
    if (!alive.gone()) {
      done(result);
    }
  };
}

// A tombstone of ours whose answer was lost is found by the next try as one that exists: reading tells the
// same.
void ClaimedNames::put_in_one_call(const TombstonePtr& tombstone) {
  metrics_.put_attempts.add();
  store_.put_blob(tombstone->blob, tombstone->pieces(),
                  format::to_metadata(format::tombstone_of(options_.group)),
                  unless_forgotten([this, tombstone](const Result<void>& result) {
                    if (result.ok()) {
                      finish_tombstone(tombstone, true);
                    } else if (result.error().kind == ErrorKind::already_exists) {
                      ask_whether_name_is_taken(tombstone);
                    } else {
                      put_tombstone_again(tombstone, result.error());
                    }
                  }));
}

void ClaimedNames::ask_whether_name_is_taken(const TombstonePtr& tombstone) {
  store_.get_properties(
      tombstone->blob, [this, tombstone, alive = alive_.watch()](const Result<lake::BlobProperties>& result) {
        if (alive.gone()) {
          return;
        }
        if (result.ok()) {
          finish_tombstone(tombstone, false);
        } else if (result.error().kind != ErrorKind::not_found) {
          put_tombstone_again(tombstone, result.error());
        } else if (tombstone->file.empty()) {
          commit_its_block(tombstone);
        } else {
          put_as_block(tombstone);
        }
      });
}

void ClaimedNames::put_as_block(const TombstonePtr& tombstone) {
  metrics_.put_attempts.add();
  store_.put_block(tombstone->blob, block_of(tombstone->file), tombstone->pieces(),
                   unless_forgotten([this, tombstone](const Result<void>& result) {
                     if (result.ok()) {
                       commit_its_block(tombstone);
                     } else {
                       put_tombstone_again(tombstone, result.error());
                     }
                   }));
}

void ClaimedNames::commit_its_block(const TombstonePtr& tombstone) {
  const lake::BlockRef block = block_of(tombstone->file);
  metrics_.put_attempts.add();
  store_.commit_blocks(tombstone->blob, std::span(&block, tombstone->file.empty() ? 0 : 1),
                       format::to_metadata(format::tombstone_of(options_.group)),
                       unless_forgotten([this, tombstone](const Result<void>& result) {
                         if (result.ok() || result.error().kind == ErrorKind::already_exists) {
                           finish_tombstone(tombstone, result.ok());
                         } else {
                           put_tombstone_again(tombstone, result.error());
                         }
                       }));
}

// From the beginning, whatever failed: meanwhile the name may have been taken.
void ClaimedNames::put_tombstone_again(const TombstonePtr& tombstone, const Error& error) {
  again(tombstone->blob, error, tombstone->attempt++, [this, tombstone] { put_in_one_call(tombstone); });
}

void ClaimedNames::finish_tombstone(const TombstonePtr& tombstone, bool created) {
  troubles_.erase(tombstone->blob);
  metrics_.tombstones.add(created ? 1 : 0);
  tombstone->done(created);
}

void ClaimedNames::try_read(const std::string& blob, std::uint32_t attempt,
                            std::function<void(const NamedBlob&)> done) {
  store_.get_properties(blob, [this, blob, attempt, done = std::move(done),
                               alive = alive_.watch()](const Result<lake::BlobProperties>& result) {
    if (alive.gone()) {
      return;
    }
    if (!result.ok() && result.error().kind != ErrorKind::not_found) {
      again(blob, result.error(), attempt,
            [this, blob, attempt, done] { try_read(blob, attempt + 1, done); });
      return;
    }
    troubles_.erase(blob);
    NamedBlob found;
    if (result.ok()) {
      found = named_blob(result->metadata);
    }
    done(found);
  });
}

void ClaimedNames::again(const std::string& blob, const Error& error, std::uint32_t attempt,
                         std::function<void()> retry) {
  metrics_.retries[obs::retry_reason(error.kind)].add();
  metrics_.store_errors.count(obs::code_of(error));
  troubles_.insert_or_assign(blob, error);
  if (error.kind == ErrorKind::throttled && options_.throttled) {
    options_.throttled(error);
  }
  loop_.start_timer(retry_delay(options_.retry, attempt, error, options_.random()),
                    [retry = std::move(retry), alive = alive_.watch()] {
                      if (!alive.gone()) {
                        retry();
                      }
                    });
}

}  // namespace penstock::pipeline
