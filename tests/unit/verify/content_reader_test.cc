#include "verify/content_reader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "codec/checksum.h"

namespace penstock::verify {
namespace {

// Only reads are asked for. Answers come in the next turn of the loop.
class ReadStore final : public lake::BlobStore {
 public:
  explicit ReadStore(io::Loop& loop) : loop_(loop) {}

  void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
            std::function<void(Result<std::string>)> done) override {
    ++asked[name];
    at_once_max = std::max(at_once_max, ++at_once_);
    loop_.defer([this, name, offset, bytes, done = std::move(done)] {
      --at_once_;
      done(answer(name, offset, bytes));
    });
  }
  void put_block(const std::string&, const lake::BlockRef&, lake::Body, lake::Done) override {
    ADD_FAILURE();
  }
  void commit_blocks(const std::string&, std::span<const lake::BlockRef>, const Metadata&,
                     lake::Done) override {
    ADD_FAILURE();
  }
  void put_blob(const std::string&, lake::Body, const Metadata&, lake::Done) override { ADD_FAILURE(); }
  void get_properties(const std::string&, std::function<void(Result<lake::BlobProperties>)>) override {
    ADD_FAILURE();
  }
  void list(const std::string&, const std::string&, std::function<void(Result<lake::BlobPage>)>) override {
    ADD_FAILURE();
  }
  void probe(lake::Done) override { ADD_FAILURE(); }
  void discard(const std::string&) override { ADD_FAILURE(); }
  const std::string& description() const override { return description_; }

  std::map<std::string, std::string> blobs;
  std::map<std::string, Error> next_fault;
  std::map<std::string, int> asked;
  std::size_t at_once_max = 0;

 private:
  Result<std::string> answer(const std::string& name, std::uint64_t offset, std::uint64_t bytes) {
    if (const auto fault = next_fault.extract(name)) {
      return fault.mapped();
    }
    const auto blob = blobs.find(name);
    if (blob == blobs.end()) {
      return make_error(ErrorKind::not_found, Action::give_up, "there is none");
    }
    return blob->second.substr(offset, bytes);
  }

  io::Loop& loop_;
  std::size_t at_once_ = 0;
  const std::string description_ = "a store";
};

class ContentReaderTest : public testing::Test {
 protected:
  BlobFacts blob(const std::string& name, const std::string& text) {
    store_.blobs[name] = text;
    BlobFacts facts;
    facts.kind = BlobFacts::Kind::data;
    facts.name = name;
    facts.stored_bytes = text.size();
    facts.metadata.records = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
    facts.metadata.bytes = text.size();
    facts.metadata.checksum = codec::crc32c(as_bytes(text));
    return facts;
  }

  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
  ReadStore store_{*loop_};
  std::vector<std::string> wrong_;
  std::uint64_t bytes_ = 0;
  ContentReader reader_{store_,
                        *loop_,
                        {.found = [this](const Finding& finding) { wrong_.push_back(finding.blobs.front()); },
                         .read = [this](std::uint64_t bytes) { bytes_ += bytes; }}};
};

TEST_F(ContentReaderTest, many_are_read_at_a_time_and_a_wrong_one_is_found) {
  constexpr int k_blobs = 50;
  for (int i = 0; i < k_blobs; ++i) {
    const std::string name = "b" + std::to_string(i);
    BlobFacts facts = blob(name, "a line\nanother one\n");
    store_.blobs[name] = i == 33 ? "a line\nb line\nc lin\n" : store_.blobs[name];
    store_.blobs[name].resize(facts.stored_bytes, '\n');
    ASSERT_TRUE(reader_.add(std::move(facts)).ok());
  }
  ASSERT_TRUE(reader_.finish().ok());
  EXPECT_EQ(store_.at_once_max, ContentReader::k_blobs_max);
  EXPECT_THAT(wrong_, testing::ElementsAre("b33"));
  EXPECT_EQ(bytes_, k_blobs * 19U);
}

TEST_F(ContentReaderTest, a_blob_is_read_in_pieces_and_an_empty_one_not_at_all) {
  const std::string text(lake::k_read_bytes_max + 10, 'x');
  ASSERT_TRUE(reader_.add(blob("large", text + "\n")).ok());
  ASSERT_TRUE(reader_.add(blob("empty", "")).ok());
  ASSERT_TRUE(reader_.finish().ok());
  EXPECT_EQ(store_.asked["large"], 2);
  EXPECT_EQ(store_.asked["empty"], 0);
  EXPECT_TRUE(wrong_.empty());
}

TEST_F(ContentReaderTest, what_may_pass_is_tried_again_and_a_blob_that_is_gone_is_none) {
  Error busy = make_error(ErrorKind::unavailable, Action::retry, "busy");
  busy.retry_after = std::chrono::milliseconds(1);
  store_.next_fault.emplace("a", busy);
  ASSERT_TRUE(reader_.add(blob("a", "a\n")).ok());
  BlobFacts gone = blob("gone", "b\n");
  store_.blobs.erase("gone");
  ASSERT_TRUE(reader_.add(std::move(gone)).ok());
  ASSERT_TRUE(reader_.finish().ok());
  EXPECT_EQ(store_.asked["a"], 2);
  EXPECT_TRUE(wrong_.empty());
}

TEST_F(ContentReaderTest, a_store_that_does_not_let_us_ends_it) {
  store_.next_fault.emplace("a", make_error(ErrorKind::forbidden, Action::fatal, "not allowed"));
  ASSERT_TRUE(reader_.add(blob("a", "a\n")).ok());
  const Result<void> ended = reader_.finish();
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().message, "not allowed");
  EXPECT_FALSE(reader_.add(blob("b", "b\n")).ok());
}

}  // namespace
}  // namespace penstock::verify
