#include "lake/directory_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/concat.h"
#include "io/loop.h"
#include "lake/directory_listing.h"
#include "lake/directory_metadata.h"

namespace penstock::lake {
namespace {

namespace fs = std::filesystem;

class DirectoryStoreTest : public testing::Test {
 protected:
  DirectoryStoreTest() {
    std::string pattern = testing::TempDir() + "/penstock-lake-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    dir_ = root_ + "/lake";
    loop_ = io::make_loop({.choice = io::Choice::portable}, system_clock()).value();
    store_ = make();
  }
  ~DirectoryStoreTest() override {
    store_.reset();
    loop_.reset();
    fs::remove_all(root_);
  }

  std::unique_ptr<DirectoryBlobStore> make() { return DirectoryBlobStore::create(dir_, *loop_).value(); }

  template <class Value>
  Result<Value> wait(const std::function<void(std::function<void(Result<Value>)>)>& start) {
    std::optional<Result<Value>> result;
    start([&](Result<Value> done) { result = std::move(done); });
    EXPECT_FALSE(result.has_value()) << "answered within the call";
    for (int turn = 0; turn < 1000 && !result.has_value(); ++turn) {
      loop_->run_once(std::chrono::milliseconds(10));
    }
    return std::move(result).value();
  }

  Result<void> put_blob(const std::string& name, const std::vector<std::string>& pieces,
                        const Metadata& metadata = {}) {
    std::vector<Bytes> body;
    for (const std::string& piece : pieces) {
      body.push_back(as_bytes(piece));
    }
    return wait<void>([&](Done done) { store_->put_blob(name, body, metadata, std::move(done)); });
  }
  Result<void> put_block(const std::string& name, const BlockRef& block, const std::string& text) {
    const std::vector<Bytes> body{as_bytes(text)};
    return wait<void>([&](Done done) { store_->put_block(name, block, body, std::move(done)); });
  }
  Result<void> commit(const std::string& name, const std::vector<BlockRef>& blocks,
                      const Metadata& metadata = {}) {
    return wait<void>([&](Done done) { store_->commit_blocks(name, blocks, metadata, std::move(done)); });
  }
  Result<BlobProperties> properties(const std::string& name) {
    return wait<BlobProperties>([&](auto done) { store_->get_properties(name, std::move(done)); });
  }
  std::vector<std::string> listed(const std::string& prefix = "") {
    const auto page = wait<BlobPage>([&](auto done) { store_->list(prefix, "", std::move(done)); });
    std::vector<std::string> names;
    for (const BlobEntry& entry : page.value().blobs) {
      names.push_back(entry.name);
    }
    return names;
  }

  std::string text_of(const std::string& name) {
    std::ifstream file(dir_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> working_files() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ + "/.penstock")) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string root_;
  std::string dir_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<DirectoryBlobStore> store_;
};

const Metadata k_metadata{{"penstock", "1"}, {"ranges", "0:1-5,1:7-9"}, {"group", "a=b c"}};

TEST_F(DirectoryStoreTest, a_whole_blob_lands_with_its_metadata) {
  ASSERT_TRUE(put_blob("api/2026/a.txt", {"one\n", "", "two\n"}, k_metadata).ok());
  EXPECT_EQ(text_of("api/2026/a.txt"), "one\ntwo\n");
  const auto found = properties("api/2026/a.txt");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->bytes, 8U);
  EXPECT_EQ(found->metadata, k_metadata);
  EXPECT_TRUE(fs::exists(dir_ + "/api/2026/.a.txt.meta"));
  EXPECT_TRUE(working_files().empty());
  EXPECT_EQ(store_->description(), "file://" + dir_);
}

TEST_F(DirectoryStoreTest, an_empty_blob_is_a_blob) {
  ASSERT_TRUE(put_blob("t.txt", {}, {{"tombstone", "1"}}).ok());
  EXPECT_EQ(properties("t.txt")->bytes, 0U);
  EXPECT_EQ(properties("t.txt")->metadata, (Metadata{{"tombstone", "1"}}));
}

TEST_F(DirectoryStoreTest, a_name_that_is_taken_keeps_its_blob_and_its_metadata) {
  ASSERT_TRUE(put_blob("a.txt", {"first"}, {{"attempt", "1"}}).ok());
  EXPECT_EQ(put_blob("a.txt", {"second"}, {{"attempt", "2"}}).error().kind, ErrorKind::already_exists);
  ASSERT_TRUE(put_block("a.txt", {0, 0, 5}, "third").ok());
  EXPECT_EQ(commit("a.txt", {{0, 0, 5}}, {{"attempt", "3"}}).error().kind, ErrorKind::already_exists);
  EXPECT_EQ(text_of("a.txt"), "first");
  EXPECT_EQ(properties("a.txt")->metadata, (Metadata{{"attempt", "1"}}));
  EXPECT_TRUE(working_files().empty());
}

TEST_F(DirectoryStoreTest, reads_a_part_of_a_blob_and_no_more_than_there_is) {
  ASSERT_TRUE(put_blob("a.txt", {"abcdef"}).ok());
  const auto read = [&](const std::string& name, std::uint64_t offset, std::uint64_t bytes) {
    return wait<std::string>([&](auto done) { store_->read(name, offset, bytes, std::move(done)); });
  };
  EXPECT_EQ(read("a.txt", 0, 4).value(), "abcd");
  EXPECT_EQ(read("a.txt", 4, 4).value(), "ef");
  EXPECT_EQ(read("a.txt", 6, 4).value(), "");
  EXPECT_EQ(read("b.txt", 0, 4).error().kind, ErrorKind::not_found);
  EXPECT_EQ(read("../a.txt", 0, 4).error().kind, ErrorKind::invalid_input);
}

TEST_F(DirectoryStoreTest, opened_to_read_it_leaves_the_directory_as_it_is) {
  ASSERT_TRUE(put_blob("a.txt", {"abc"}, {{"k", "v"}}).ok());
  store_.reset();
  fs::remove_all(dir_ + "/.penstock");
  store_ = DirectoryBlobStore::open_to_read(dir_ + "/", *loop_).value();
  EXPECT_EQ(listed(), std::vector<std::string>{"a.txt"});
  EXPECT_EQ(properties("a.txt")->metadata, (Metadata{{"k", "v"}}));
  EXPECT_FALSE(put_blob("b.txt", {"x"}).ok());
  EXPECT_FALSE(fs::exists(dir_ + "/.penstock"));
  EXPECT_EQ(DirectoryBlobStore::open_to_read(root_ + "/absent", *loop_).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(fs::exists(root_ + "/absent"));
}

TEST_F(DirectoryStoreTest, blocks_are_invisible_until_they_are_committed) {
  ASSERT_TRUE(put_block("x/b.txt", {1, 3, 3}, "def").ok());  // in any order
  ASSERT_TRUE(put_block("x/b.txt", {0, 0, 3}, "xxx").ok());
  ASSERT_TRUE(put_block("x/b.txt", {0, 0, 3}, "abc").ok());  // a repeat replaces
  ASSERT_TRUE(put_block("x/b.txt", {2, 6, 3}, "ghi").ok());  // and is not listed below
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(properties("x/b.txt").error().kind, ErrorKind::not_found);
  ASSERT_TRUE(commit("x/b.txt", {{0, 0, 3}, {1, 3, 3}}, k_metadata).ok());
  EXPECT_EQ(text_of("x/b.txt"), "abcdef");
  EXPECT_EQ(properties("x/b.txt")->metadata, k_metadata);
  EXPECT_TRUE(working_files().empty());
}

TEST_F(DirectoryStoreTest, a_commit_of_blocks_that_are_not_there_is_refused) {
  EXPECT_EQ(commit("a.txt", {{0, 0, 3}}).error().kind, ErrorKind::invalid_block_list);
  ASSERT_TRUE(put_block("a.txt", {0, 0, 3}, "abc").ok());
  EXPECT_EQ(commit("a.txt", {{0, 0, 3}, {1, 3, 3}}).error().kind, ErrorKind::invalid_block_list);
  EXPECT_EQ(commit("a.txt", {{0, 0, 4}}).error().kind, ErrorKind::invalid_block_list);
  store_->discard("a.txt");
  EXPECT_EQ(commit("a.txt", {{0, 0, 3}}).error().kind, ErrorKind::invalid_block_list);
  EXPECT_TRUE(listed().empty());
}

TEST_F(DirectoryStoreTest, a_repeated_commit_finds_its_own_blob) {
  ASSERT_TRUE(put_block("a.txt", {0, 0, 3}, "abc").ok());
  ASSERT_TRUE(commit("a.txt", {{0, 0, 3}}, {{"attempt", "7"}}).ok());
  EXPECT_EQ(commit("a.txt", {{0, 0, 3}}, {{"attempt", "7"}}).error().kind, ErrorKind::already_exists);
  EXPECT_EQ(properties("a.txt")->metadata, (Metadata{{"attempt", "7"}}));
}

TEST_F(DirectoryStoreTest, two_writers_of_one_name_never_mix) {
  const auto other = make();
  const std::string mine(300'000, 'm');
  const std::vector<Bytes> body{as_bytes(mine)};
  ASSERT_TRUE(put_block("a.txt", {0, 0, mine.size()}, mine).ok());
  std::optional<Result<void>> theirs;
  other->put_blob("a.txt", {}, {{"tombstone", "1"}},
                  [&](Result<void> result) { theirs = std::move(result); });
  const auto ours = commit("a.txt", {{0, 0, mine.size()}}, {{"attempt", "1"}});
  for (int turn = 0; turn < 1000 && !theirs.has_value(); ++turn) {
    loop_->run_once(std::chrono::milliseconds(10));
  }
  ASSERT_NE(ours.ok(), theirs->ok());  // exactly one of the two
  const auto found = properties("a.txt");
  EXPECT_EQ(found->bytes, ours.ok() ? mine.size() : 0);
  EXPECT_EQ(found->metadata.front().first, ours.ok() ? "attempt" : "tombstone");
}

TEST_F(DirectoryStoreTest, metadata_is_found_where_a_killed_writer_left_it) {
  ASSERT_TRUE(put_blob("x/a.txt", {"text"}, k_metadata).ok());
  struct stat status {};
  ASSERT_EQ(::stat((dir_ + "/x/a.txt").c_str(), &status), 0);
  const std::string waiting = concat(dir_, "/.penstock/", status.st_ino, ".meta");
  fs::rename(dir_ + "/x/.a.txt.meta", waiting);
  EXPECT_EQ(properties("x/a.txt")->metadata, k_metadata);
  fs::last_write_time(waiting, fs::file_time_type::clock::now() - std::chrono::hours(8 * 24));
  store_ = make();
  EXPECT_TRUE(fs::exists(dir_ + "/x/.a.txt.meta"));  // at its place again
  EXPECT_EQ(properties("x/a.txt")->metadata, k_metadata);
}

TEST_F(DirectoryStoreTest, what_a_dead_process_left_is_removed_at_once_and_what_is_written_stays) {
  ASSERT_TRUE(put_block("a.txt", {0, 0, 3}, "abc").ok());
  const auto hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const std::string name : {"1-1.part", "4711.meta", "probe-1", "theirs"}) {
    std::ofstream(dir_ + "/.penstock/" + name) << "x";
    if (name != "1-1.part") {
      fs::last_write_time(dir_ + "/.penstock/" + name, hour_ago);
    }
  }
  const auto second = make();
  EXPECT_EQ(working_files().size(), 2U);  // the part that is locked, and what is not ours
  EXPECT_TRUE(fs::exists(dir_ + "/.penstock/theirs"));
  ASSERT_TRUE(commit("a.txt", {{0, 0, 3}}).ok());
}

TEST_F(DirectoryStoreTest, metadata_of_a_part_that_is_being_published_stays) {
  ASSERT_TRUE(put_block("a.txt", {0, 0, 3}, "abc").ok());
  struct stat status {};
  ASSERT_EQ(::stat((dir_ + "/.penstock/" + working_files().front()).c_str(), &status), 0);
  const std::string waiting = concat(dir_, "/.penstock/", status.st_ino, ".meta");
  std::ofstream(waiting) << "x";
  fs::last_write_time(waiting, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const auto second = make();
  EXPECT_TRUE(fs::exists(waiting));
}

TEST_F(DirectoryStoreTest, metadata_that_is_new_stays_whosoever_it_is) {
  std::ofstream(dir_ + "/.penstock/4711.meta") << "x";
  const auto second = make();
  EXPECT_EQ(working_files(), std::vector<std::string>{"4711.meta"});
}

TEST_F(DirectoryStoreTest, a_link_or_a_pipe_among_the_parts_is_left_alone) {
  std::ofstream(root_ + "/victim") << "x";
  fs::create_symlink(root_ + "/victim", dir_ + "/.penstock/1-1.part");
  ASSERT_EQ(::mkfifo((dir_ + "/.penstock/1-2.part").c_str(), 0644), 0);
  const auto second = make();
  EXPECT_EQ(working_files().size(), 2U);
  EXPECT_TRUE(fs::exists(root_ + "/victim"));
}

TEST_F(DirectoryStoreTest, planted_links_are_not_written_through_and_not_read) {
  std::ofstream(root_ + "/victim") << "precious";
  ASSERT_TRUE(put_block("a.txt", {0, 0, 3}, "abc").ok());
  struct stat status {};
  ASSERT_EQ(::stat((dir_ + "/.penstock/" + working_files().front()).c_str(), &status), 0);
  fs::create_symlink(root_ + "/victim", concat(dir_, "/.penstock/", status.st_ino, ".meta"));
  ASSERT_TRUE(commit("a.txt", {{0, 0, 3}}, k_metadata).ok());
  EXPECT_EQ(properties("a.txt")->metadata, k_metadata);
  EXPECT_EQ(fs::file_size(root_ + "/victim"), 8U);

  fs::remove(dir_ + "/.a.txt.meta");
  fs::create_symlink(root_ + "/victim", dir_ + "/.a.txt.meta");
  const auto found = properties("a.txt");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message.find("precious"), std::string::npos) << found.error().message;
}

TEST_F(DirectoryStoreTest, others_may_read_its_files_and_only_its_user_may_write_them) {
  const mode_t before = ::umask(0022);
  ASSERT_TRUE(put_blob("api/a.txt", {"abc"}, k_metadata).ok());
  EXPECT_EQ(fs::status(dir_ + "/api/a.txt").permissions(), fs::perms(0644));
  EXPECT_EQ(fs::status(dir_ + "/api/.a.txt.meta").permissions(), fs::perms(0644));
  EXPECT_EQ(fs::status(dir_ + "/api").permissions(), fs::perms(0755));
  ::umask(0077);  // as systemd's unit has it
  ASSERT_TRUE(put_blob("api2/a.txt", {"abc"}).ok());
  EXPECT_EQ(fs::status(dir_ + "/api2/a.txt").permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(dir_ + "/api2").permissions(), fs::perms(0700));
  ::umask(before);
}

TEST_F(DirectoryStoreTest, lists_visible_blobs_in_the_order_of_their_names) {
  for (const std::string name : {"a/x.txt", "a-b.txt", "a/b/c.txt", "b.txt", "a.txt", "a0"}) {
    ASSERT_TRUE(put_blob(name, {name}, {{"records", "1"}}).ok());
  }
  std::ofstream(dir_ + "/a/.hidden") << "x";
  ASSERT_TRUE(put_block("unfinished.txt", {0, 0, 3}, "abc").ok());
  std::vector<std::string> expected{"a/x.txt", "a-b.txt", "a/b/c.txt", "b.txt", "a.txt", "a0"};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(listed(), expected);
  EXPECT_EQ(listed("a/"), (std::vector<std::string>{"a/b/c.txt", "a/x.txt"}));
  EXPECT_EQ(listed("a/b"), (std::vector<std::string>{"a/b/c.txt"}));
  EXPECT_TRUE(listed("c").empty());
  const auto page = wait<BlobPage>([&](auto done) { store_->list("a/x", "", std::move(done)); });
  EXPECT_EQ(page->blobs.front().properties.metadata, (Metadata{{"records", "1"}}));
  EXPECT_EQ(page->blobs.front().properties.bytes, 7U);
}

TEST_F(DirectoryStoreTest, pages_go_on_behind_their_last_name) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) {
    names.push_back(concat("d", i % 5, "/", i, ".txt"));
    fs::create_directories(dir_ + "/" + concat("d", i % 5));
    std::ofstream(dir_ + "/" + names.back()) << "x";
  }
  std::sort(names.begin(), names.end());
  for (const std::size_t page_size : {1U, 3U, 7U, 40U, 100U}) {
    std::vector<std::string> all;
    for (bool more = true; more;) {
      auto page = list_names(dir_, "", all.empty() ? "" : all.back(), page_size);
      ASSERT_TRUE(page.ok());
      ASSERT_LE(page->names.size(), page_size);
      all.insert(all.end(), page->names.begin(), page->names.end());
      more = page->more;
    }
    EXPECT_EQ(all, names) << page_size;
  }
}

TEST_F(DirectoryStoreTest, names_that_would_leave_the_directory_or_hide_are_refused) {
  for (const std::string name :
       {"", "/a", "a/", "a//b", "../a", "a/../b", "./a", ".a", "a/.b", ".penstock/a", "a\nb"}) {
    EXPECT_EQ(put_blob(name, {"x"}).error().kind, ErrorKind::invalid_input) << name;
    EXPECT_EQ(put_block(name, {0, 0, 1}, "x").error().kind, ErrorKind::invalid_input) << name;
    EXPECT_FALSE(commit(name, {}).ok()) << name;
    EXPECT_EQ(properties(name).error().kind, ErrorKind::invalid_input) << name;
  }
  EXPECT_EQ(put_blob("a.txt", {"x"}, {{"Key", "v"}}).error().kind, ErrorKind::invalid_input);
  EXPECT_EQ(put_blob("a.txt", {"x"}, {{"key", "a\nb"}}).error().kind, ErrorKind::invalid_input);
  EXPECT_TRUE(listed().empty());
}

TEST_F(DirectoryStoreTest, the_probe_leaves_nothing_and_says_what_is_wrong) {
  EXPECT_TRUE(wait<void>([&](Done done) { store_->probe(std::move(done)); }).ok());
  EXPECT_TRUE(working_files().empty());
  fs::remove_all(dir_);
  const auto probed = wait<void>([&](Done done) { store_->probe(std::move(done)); });
  EXPECT_NE(probed.error().message.find(dir_), std::string::npos);
  EXPECT_FALSE(put_blob("a.txt", {"x"}).ok());
}

TEST_F(DirectoryStoreTest, a_directory_that_cannot_be_made_is_an_error_that_names_it) {
  std::ofstream(root_ + "/file") << "x";
  for (const std::string& dir : {root_ + "/file", root_ + "/file/lake", std::string("/proc/penstock")}) {
    const auto store = DirectoryBlobStore::create(dir, *loop_);
    ASSERT_FALSE(store.ok()) << dir;
    EXPECT_NE(store.error().message.find(dir), std::string::npos) << store.error().message;
  }
}

TEST_F(DirectoryStoreTest, no_answer_comes_after_its_end) {
  int heard = 0;
  const std::string text(100'000, 'x');
  const std::vector<Bytes> body{as_bytes(text)};
  store_->put_blob("a.txt", body, {}, [&](Result<void>) { ++heard; });
  store_->probe([&](Result<void>) { ++heard; });
  store_.reset();
  for (int turn = 0; turn < 10; ++turn) {
    loop_->run_once(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(heard, 0);
}

TEST(Sidecar, comes_back_and_damage_is_seen) {
  const auto text = encode_sidecar({.name = "a/b.txt", .metadata = k_metadata});
  ASSERT_TRUE(text.ok());
  const auto sidecar = decode_sidecar(*text);
  ASSERT_TRUE(sidecar.ok());
  EXPECT_EQ(sidecar->name, "a/b.txt");
  EXPECT_EQ(sidecar->metadata, k_metadata);
  for (const std::string_view bad :
       {"", "penstock-metadata 1", "penstock-metadata 2\na\n", "penstock-metadata 1\na\nnothing\n",
        "penstock-metadata 1\na\n=v\n", "penstock-metadata 1\na\nrecords=1", "penstock-metadata 1\n",
        "penstock-metadata 1\n\nrecords=1\n"}) {
    EXPECT_EQ(decode_sidecar(bad).error().kind, ErrorKind::corrupt) << bad;
  }
  EXPECT_EQ(sidecar_name("a/b/c.txt"), "a/b/.c.txt.meta");
  EXPECT_EQ(sidecar_name("c.txt"), ".c.txt.meta");
}

}  // namespace
}  // namespace penstock::lake
