// A blob store in memory that does what it is told: fails, takes effect and loses the answer, answers late.
// What the real service would refuse is a failure of the test.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "codec/checksum.h"
#include "format/blob_metadata.h"
#include "format/quarantine.h"
#include "io/loop.h"
#include "lake/blob_store.h"
#include "unit/lake/service_limits.h"

namespace penstock::pipeline {

enum class Call { put_block, commit_blocks, put_blob, get_properties };

inline Error error_of(ErrorKind kind, Action action = Action::retry) {
  return {.kind = kind, .action = action, .message = to_string(kind), .code = {}, .retry_after = {}};
}

class FakeBlobStore final : public lake::BlobStore {
 public:
  struct Blob {
    std::string bytes;
    Metadata metadata;

    std::string operator[](const std::string& key) const {
      for (const auto& [name, value] : metadata) {
        if (name == key) {
          return value;
        }
      }
      return {};
    }
  };
  enum class Effect { none, lost_reply };

  // The script; a test may change it at any time.
  struct Script {
    std::map<Call, std::deque<std::pair<Error, Effect>>> faults;  // of the next calls of a kind, in order
    std::optional<Error> outage;                                  // of every call, until reset
    // Of every call for this blob, what is told. None: nothing stands against it.
    std::function<std::optional<Error>(const std::string& name, Call call)> refuses;
    bool hold = false;                  // answers wait for answer_held()
    bool blocks_take_the_name = false;  // for put_blob, as in Azurite
    bool stranger = false;              // every name has somebody else's blob
    std::function<void(const std::string& name)> on_published;
  };

  explicit FakeBlobStore(io::Loop& loop) : loop_(loop) {}

  void fail_next(Call call, ErrorKind kind, Effect effect = Effect::none) {
    script.faults[call].emplace_back(error_of(kind), effect);
  }
  void answer_held() {
    script.hold = false;
    for (auto& answer : std::exchange(held_, {})) {
      answer();
    }
  }
  std::size_t held_count() const { return held_.size(); }
  std::size_t count(Call call) const {
    const auto found = calls_.find(call);
    return found == calls_.end() ? 0 : found->second;
  }
  void lose_blocks() { blocks_.clear(); }
  bool has_blocks(const std::string& name) const { return blocks_.contains(name); }

  void put_block(const std::string& name, const lake::BlockRef& block, lake::Body body,
                 lake::Done done) override {
    EXPECT_EQ(lake::size_of(body), block.bytes);
    EXPECT_EQ(lake::refusal_of_name(name), "");
    EXPECT_EQ(lake::refusal_of_block(block), "");
    const std::string bytes = joined(body);
    answer(name, Call::put_block, std::move(done), unchanged(body, bytes), [this, name, block, bytes] {
      blocks_[name][block.index] = bytes;
      return Result<void>();
    });
  }

  void commit_blocks(const std::string& name, std::span<const lake::BlockRef> blocks,
                     const Metadata& metadata, lake::Done done) override {
    EXPECT_EQ(lake::refusal_of_name(name), "");
    EXPECT_EQ(lake::refusal_of_list(blocks), "");
    EXPECT_EQ(lake::refusal_of_metadata(metadata), "");
    const std::vector<lake::BlockRef> listed(blocks.begin(), blocks.end());
    answer(
        name, Call::commit_blocks, std::move(done), [] {},
        [this, name, listed, metadata]() -> Result<void> {
          if (blobs.contains(name)) {
            return error_of(ErrorKind::already_exists, Action::give_up);
          }
          std::string bytes;
          for (const lake::BlockRef& block : listed) {
            const auto stored = blocks_[name].find(block.index);
            if (stored == blocks_[name].end() || stored->second.size() != block.bytes) {
              return error_of(ErrorKind::invalid_block_list, Action::give_up);
            }
            EXPECT_EQ(bytes.size(), block.offset);
            bytes += stored->second;
          }
          publish(name, Blob{bytes, metadata});
          return {};
        });
  }

  void put_blob(const std::string& name, lake::Body body, const Metadata& metadata,
                lake::Done done) override {
    EXPECT_EQ(lake::refusal_of_name(name), "");
    EXPECT_EQ(lake::refusal_of_blob(lake::size_of(body)), "");
    EXPECT_EQ(lake::refusal_of_metadata(metadata), "");
    const std::string bytes = joined(body);
    answer(name, Call::put_blob, std::move(done), unchanged(body, bytes),
           [this, name, bytes, metadata]() -> Result<void> {
             if (blobs.contains(name) || (script.blocks_take_the_name && blocks_.contains(name))) {
               return error_of(ErrorKind::already_exists, Action::give_up);
             }
             publish(name, Blob{bytes, metadata});
             return {};
           });
  }

  void get_properties(const std::string& name,
                      std::function<void(Result<lake::BlobProperties>)> done) override {
    answer(
        name, Call::get_properties,
        [this, name, done = std::move(done)](Result<void> result) {
          if (!result.ok()) {
            done(result.error());
          } else if (script.stranger) {
            done(lake::BlobProperties{.bytes = 1, .metadata = {{"attempt", "theirs"}}});
          } else if (const auto blob = blobs.find(name); blob != blobs.end()) {
            done(lake::BlobProperties{.bytes = blob->second.bytes.size(), .metadata = blob->second.metadata});
          } else {
            done(error_of(ErrorKind::not_found, Action::give_up));
          }
        },
        [] {}, [] { return Result<void>(); });
  }

  void list(const std::string&, const std::string&, std::function<void(Result<lake::BlobPage>)>) override {
    ADD_FAILURE() << "the pipeline does not list";
  }
  void read(const std::string&, std::uint64_t, std::uint64_t,
            std::function<void(Result<std::string>)>) override {
    ADD_FAILURE() << "the pipeline does not read back from the lake";
  }
  void probe(lake::Done) override { ADD_FAILURE() << "the pipeline does not probe"; }
  void discard(const std::string& name) override {
    discarded.push_back(name);
    blocks_.erase(name);
  }
  const std::string& description() const override { return description_; }

  Script script;
  std::map<std::string, Blob> blobs;
  std::vector<std::string> order;  // of publication, by name
  std::vector<std::string> discarded;

 private:
  static std::string joined(lake::Body body) {
    std::string bytes;
    for (const Bytes piece : body) {
      bytes += as_text(piece);
    }
    return bytes;
  }

  // A body stays as it is until the answer: nobody else may have got its slabs.
  static std::function<void()> unchanged(lake::Body body, const std::string& bytes) {
    return
        [pieces = std::vector<Bytes>(body.begin(), body.end()), bytes] { EXPECT_EQ(joined(pieces), bytes); };
  }

  // Of each blob that says what it holds: it says the truth.
  static void expect_true(const std::string& name, const Blob& blob) {
    const Result<format::BlobMetadata> said = format::read_blob_metadata(blob.metadata);
    if (!said.ok() || said->is_tombstone) {
      return;
    }
    EXPECT_EQ(said->checksum, codec::crc32c(as_bytes(blob.bytes))) << name;
    EXPECT_EQ(said->is_quarantine, !format::file_beside(name).empty()) << name;
    if (said->is_quarantine || said->is_empty) {
      return;
    }
    ASSERT_TRUE(said->skipped && said->holes) << name;
    EXPECT_EQ(said->records + *said->skipped + *said->holes + said->quarantined, said->position_count())
        << name;
  }

  void publish(const std::string& name, Blob blob) {
    expect_true(name, blob);
    blobs[name] = std::move(blob);
    blocks_.erase(name);
    order.push_back(name);
    if (script.on_published) {
      script.on_published(name);
    }
  }

  void answer(const std::string& name, Call call, lake::Done done, std::function<void()> look,
              std::function<Result<void>()> take_effect) {
    ++calls_[call];
    auto& faults = script.faults[call];
    Result<void> result;
    const std::optional<Error> refusal = script.refuses ? script.refuses(name, call) : std::nullopt;
    if (refusal || script.outage) {
      result = refusal ? *refusal : *script.outage;
    } else if (!faults.empty()) {
      const auto [error, effect] = faults.front();
      faults.pop_front();
      if (effect == Effect::lost_reply) {
        (void)take_effect();
      }
      result = error;
    } else {
      result = take_effect();
    }
    auto reply = [alive = std::weak_ptr(alive_), done = std::move(done), look = std::move(look), result] {
      if (!alive.expired()) {
        look();
        done(result);
      }
    };
    if (script.hold) {
      held_.push_back(std::move(reply));
    } else {
      loop_.defer(std::move(reply));
    }
  }

  io::Loop& loop_;
  std::string description_ = "fake://lake";
  std::map<Call, std::size_t> calls_;
  std::map<std::string, std::map<std::uint32_t, std::string>> blocks_;
  std::deque<std::function<void()>> held_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace penstock::pipeline
