#include "verify/quarantined_offsets.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/concat.h"
#include "codec/checksum.h"
#include "format/blob_metadata.h"
#include "format/quarantine.h"
#include "unit/verify/range.h"

namespace penstock::verify {
namespace {

using ::testing::HasSubstr;

// Lists, finds and reads what it was given. Every page has one blob.
class SmallStore final : public lake::BlobStore {
 public:
  explicit SmallStore(io::Loop& loop) : loop_(loop) {}

  void put_block(const std::string&, const lake::BlockRef&, lake::Body, lake::Done) override {
    ADD_FAILURE();
  }
  void commit_blocks(const std::string&, std::span<const lake::BlockRef>, const Metadata&,
                     lake::Done) override {
    ADD_FAILURE();
  }
  void put_blob(const std::string&, lake::Body, const Metadata&, lake::Done) override { ADD_FAILURE(); }
  void get_properties(const std::string& name,
                      std::function<void(Result<lake::BlobProperties>)> done) override {
    asked.push_back(name);
    loop_.defer([this, name, done = std::move(done)] {
      const auto blob = blobs.find(name);
      done(blob == blobs.end() ? Result<lake::BlobProperties>(none())
                               : lake::BlobProperties{blob->second.text.size(), blob->second.metadata});
    });
  }
  void list(const std::string& prefix, const std::string& marker,
            std::function<void(Result<lake::BlobPage>)> done) override {
    loop_.defer([this, prefix, marker, done = std::move(done)] {
      lake::BlobPage page;
      const auto blob = marker.empty() ? blobs.lower_bound(prefix) : blobs.upper_bound(marker);
      if (blob != blobs.end() && blob->first.starts_with(prefix)) {
        page.blobs.push_back({blob->first, {blob->second.text.size(), blob->second.metadata}});
        page.next_marker = blob->first;
      }
      done(std::move(page));
    });
  }
  void read(const std::string& name, std::uint64_t offset, std::uint64_t bytes,
            std::function<void(Result<std::string>)> done) override {
    loop_.defer([this, name, offset, bytes, done = std::move(done)] {
      const auto blob = blobs.find(name);
      done(blob == blobs.end() ? Result<std::string>(none()) : blob->second.text.substr(offset, bytes));
    });
  }
  void probe(lake::Done) override { ADD_FAILURE(); }
  void discard(const std::string&) override { ADD_FAILURE(); }
  const std::string& description() const override { return description_; }

  struct Blob {
    std::string text;
    Metadata metadata;
  };
  std::map<std::string, Blob> blobs;
  std::vector<std::string> asked;

 private:
  static Error none() { return make_error(ErrorKind::not_found, Action::give_up, "there is none"); }

  io::Loop& loop_;
  const std::string description_ = "a store";
};

class QuarantinedOffsetsTest : public ::testing::Test {
 protected:
  struct File {
    std::string name;
    std::vector<std::int64_t> offsets;
    std::string topic = "orders";
    std::string group = "lake";
    std::string topic_id = {};
    bool beside = true;
  };

  void add(const File& file) {
    const std::string attempt(32, 'a');
    std::string text;
    for (const std::int64_t offset : file.offsets) {
      text += concat(R"({"reason":"too-large","topic":")", file.topic, R"(","partition":2,"offset":)", offset,
                     R"(,"value":"x"})", "\n");
    }
    format::BlobMetadata said;
    said.is_quarantine = true;
    said.of = attempt;
    said.group = file.group;
    said.topic = file.topic;
    said.records = file.offsets.size();
    said.bytes = text.size();
    said.checksum = codec::crc32c(as_bytes(text));
    said.attempt = std::string(32, 'b');
    store_.blobs[format::quarantine_name(file.name)] = {text, format::to_metadata(said)};
    if (!file.beside) {
      return;
    }
    format::BlobMetadata data;
    data.group = file.group;
    data.topic = file.topic;
    data.topic_id = file.topic_id;
    data.ranges = {{Partition{2}, range(0, 100)}};
    data.quarantined = file.offsets.size();
    data.attempt = attempt;
    store_.blobs[file.name] = {"", format::to_metadata(data)};
  }

  Result<QuarantinedOffsets> read(const std::string& topic_id = "") {
    LakeReader lake(store_, *loop_, system_clock());
    return read_quarantined_offsets(lake, {.group = "lake", .topic = "orders", .topic_id = topic_id});
  }

  std::vector<Range> offsets() {
    const auto found = read();
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().message);
    return found.ok() && found->offsets.contains(Partition{2}) ? found->offsets.at(Partition{2}).intervals()
                                                               : std::vector<Range>();
  }

  std::string fault() {
    const auto found = read();
    EXPECT_FALSE(found.ok());
    return found.ok() ? "" : found.error().message;
  }

  std::unique_ptr<io::Loop> loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
  SmallStore store_{*loop_};
};

TEST_F(QuarantinedOffsetsTest, all_files_that_count_are_read_and_no_other_is_asked_for) {
  add({.name = "orders/b.txt", .offsets = {3, 4, 9}});
  add({.name = "orders/a.txt", .offsets = {5, 20}});
  store_.blobs["orders/c.txt"] = {"", store_.blobs["orders/a.txt"].metadata};
  EXPECT_EQ(offsets(), (std::vector<Range>{range(3, 6), range(9, 10), range(20, 21)}));
  EXPECT_EQ(store_.asked, (std::vector<std::string>{"orders/a.txt", "orders/b.txt"}));
}

TEST_F(QuarantinedOffsetsTest, one_that_lies_beside_nothing_or_beside_a_tombstone_counts_for_nothing) {
  add({.name = "orders/a.txt", .offsets = {1}, .beside = false});
  add({.name = "orders/b.txt", .offsets = {2}, .beside = false});
  store_.blobs["orders/b.txt"] = {"", format::to_metadata(format::tombstone_of("lake"))};
  add({.name = "orders/c.txt", .offsets = {3}});
  EXPECT_EQ(offsets(), std::vector<Range>{range(3, 4)});
  EXPECT_EQ(read()->lonely_files, 2u);
  EXPECT_EQ(read()->files, 1u);
}

TEST_F(QuarantinedOffsetsTest, files_of_others_are_left_alone) {
  add({.name = "clicks/a.txt", .offsets = {1}, .topic = "clicks"});
  add({.name = "orders/b.txt", .offsets = {2}, .group = "another"});
  EXPECT_EQ(offsets(), std::vector<Range>{});
}

TEST_F(QuarantinedOffsetsTest, records_of_an_earlier_topic_of_this_name_are_not_in_the_log) {
  const std::string now(32, '1');
  add({.name = "orders/a.txt", .offsets = {1, 2}, .topic_id = std::string(32, '0')});
  add({.name = "orders/b.txt", .offsets = {3}, .topic_id = now});
  add({.name = "orders/c.txt", .offsets = {4}});
  const auto found = read(now);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->offsets.at(Partition{2}).intervals(), std::vector<Range>{range(3, 5)});
  EXPECT_EQ(found->former_records, 2u);
}

TEST_F(QuarantinedOffsetsTest, a_file_that_is_not_what_it_says_ends_it_with_its_name) {
  add({.name = "orders/a.txt", .offsets = {1, 2}});
  auto& blob = store_.blobs["_quarantine/orders/a.txt.json"];
  const SmallStore::Blob good = blob;
  blob.text.replace(blob.text.find(R"("offset":1)"), 10, R"("offset":9)");
  EXPECT_THAT(fault(), HasSubstr("the quarantine file _quarantine/orders/a.txt.json holds other bytes"));
  blob = good;
  blob.text[0] = '[';
  EXPECT_THAT(fault(), HasSubstr("_quarantine/orders/a.txt.json does not read: line 1 is not"));
  blob = good;
  blob.text.resize(blob.text.size() / 2);
  EXPECT_THAT(fault(), HasSubstr("_quarantine/orders/a.txt.json holds 1 lines"));
  blob = good;
  for (auto& [key, value] : blob.metadata) {
    value = key == "of" ? std::string(32, 'c') : value;
  }
  EXPECT_THAT(fault(), HasSubstr("_quarantine/orders/a.txt.json is not what the file beside it says"));
  blob.metadata.clear();
  EXPECT_THAT(fault(), HasSubstr("_quarantine/orders/a.txt.json"));
}

}  // namespace
}  // namespace penstock::verify
