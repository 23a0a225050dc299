#include "stage/stage.h"

#include <csignal>
#include <fstream>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "unit/stage/stage_fixture.h"

namespace penstock::stage {
namespace {

TEST_F(StageTest, what_is_appended_is_read_back) {
  open();
  std::vector<Extent> extents;
  const std::vector<std::size_t> sizes{k_test_payload_bytes, 1, 0, 4096, 4097, 30'000};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    extents.push_back(append(static_cast<std::uint32_t>(i), sizes[i]));
    ASSERT_TRUE(extents.back().placed());
  }
  settle();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto index = static_cast<std::uint32_t>(i);
    const auto payload = read(extents[i], index);
    ASSERT_TRUE(payload.ok()) << payload.error().message;
    EXPECT_TRUE(*payload == payload_of(index, sizes[i])) << i;
  }
  EXPECT_EQ(stage_->counters().written_bytes, stage_->counters().live_bytes);
  EXPECT_EQ(stage_->counters().written_bytes, stage_->counters().read_bytes);
  EXPECT_EQ(stage_->counters().write_errors, 0U);
}

TEST_F(StageTest, works_on_io_uring) {
  auto loop = io::make_loop({.choice = io::Choice::io_uring}, system_clock());
  if (!loop.ok()) {
    GTEST_SKIP() << "no io_uring here: " << loop.error().message;
  }
  loop_ = std::move(loop).value();
  loop_->register_memory(pool_->region());
  open();
  for (std::uint32_t index = 0; index < 40; ++index) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    const Extent extent = append(index);
    settle();
    EXPECT_TRUE(*read(extent, index) == payload_of(index));
    stage_->release(extent);
  }
}

TEST_F(StageTest, segments_are_recycled_and_files_do_not_grow) {
  open();
  std::set<std::uint32_t> segments;
  for (std::uint32_t index = 0; index < 60; ++index) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    const Extent extent = append(index);
    ASSERT_TRUE(extent.placed());
    segments.insert(extent.segment);
    settle();
    stage_->release(extent);
  }
  EXPECT_LE(segments.size(), 3U);
  EXPECT_LE(stage_->counters().segment_files, 3U);
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
  for (const std::uint32_t number : segments) {
    EXPECT_EQ(std::filesystem::file_size(segment_path(number)), k_test_segment_bytes);
  }
}

TEST_F(StageTest, a_full_stage_refuses_and_tells_when_there_is_room_again) {
  open();
  int calls = 0;
  stage_->on_room([&] { ++calls; });
  std::vector<Extent> extents;
  for (std::uint32_t index = 0; index < 12; ++index) {  // three segments of four chunks
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    extents.push_back(append(index));
    ASSERT_TRUE(extents.back().placed());
    settle();
  }
  EXPECT_EQ(calls, 1);  // the third segment, made while the first was in use
  EXPECT_FALSE(stage_->has_room(1));
  EXPECT_FALSE(append(99, 1).placed());
  EXPECT_EQ(stage_->counters().live_bytes, 12 * k_test_slab_bytes);
  for (std::size_t i = 4; i < 8; ++i) {
    EXPECT_FALSE(stage_->has_room(1));
    stage_->release(extents[i]);
  }
  run_until([&] { return calls == 2; });
  EXPECT_TRUE(stage_->has_room(k_test_payload_bytes));
  const Extent again = append(50);
  EXPECT_EQ(again.segment, extents[4].segment);
  settle();
  EXPECT_TRUE(*read(extents[0], 0) == payload_of(0));  // the others are untouched
  EXPECT_TRUE(*read(extents[11], 11) == payload_of(11));
  EXPECT_TRUE(*read(again, 50) == payload_of(50));
}

TEST_F(StageTest, an_active_segment_whose_chunks_are_gone_does_not_block_the_stage) {
  options_.bytes_max = 2 * k_test_segment_bytes;
  open();
  const Extent held = append(0);
  std::vector<Extent> others;
  for (std::uint32_t index = 1; index < 8; ++index) {
    others.push_back(append(index));
    settle();
  }
  ASSERT_FALSE(stage_->has_room(1));
  for (const Extent& extent : others) {
    stage_->release(extent);
  }
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  EXPECT_TRUE(*read(held, 0) == payload_of(0));
}

TEST_F(StageTest, a_chunk_may_be_released_while_it_is_written) {
  open();
  for (std::uint32_t round = 0; round < 10; ++round) {
    run_until([&] { return stage_->has_room(k_test_payload_bytes); });
    for (std::uint32_t index = 0; index < 4; ++index) {
      if (const Extent extent = append(index); extent.placed()) {
        stage_->release(extent);
      }
    }
    EXPECT_EQ(stage_->counters().live_bytes, 0U);
    settle();
  }
  EXPECT_LE(stage_->counters().segment_files, 3U);
}

TEST_F(StageTest, a_damaged_chunk_and_a_wrong_question_are_corrupt) {
  options_.direct = false;  // the page cache sees what the test writes
  open();
  const Extent good = append(0);
  const Extent bad = append(1);
  settle();
  {
    std::fstream file(segment_path(bad.segment), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(bad.offset + k_chunk_header_bytes + 100));
    file.put('!');
  }
  EXPECT_EQ(read(bad, 1).error().kind, ErrorKind::corrupt);
  EXPECT_NE(read(bad, 1).error().message.find(segment_path(bad.segment)), std::string::npos);
  EXPECT_EQ(read(good, 1).error().kind, ErrorKind::corrupt);  // another index
  EXPECT_TRUE(read(good, 0).ok());
}

TEST_F(StageTest, what_it_writes_is_for_its_user_and_group_alone) {
  const mode_t before = ::umask(0022);
  open();
  ::umask(before);
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(options_.dir).permissions(), fs::perms(0750));
  for (const auto& entry : fs::directory_iterator(options_.dir)) {
    EXPECT_EQ(entry.status().permissions(), fs::perms(0640)) << entry.path();
  }
}

TEST_F(StageTest, a_directory_has_one_user) {
  open();
  const Error error = open_error();
  EXPECT_EQ(error.kind, ErrorKind::forbidden);
  EXPECT_EQ(error.action, Action::fatal);
  EXPECT_NE(error.message.find("another penstock uses the stage directory " + options_.dir),
            std::string::npos);
  open();
}

TEST_F(StageTest, a_directory_that_cannot_be_made_is_an_error_that_names_it) {
  std::ofstream(root_ + "/file").put('x');
  options_.dir = root_ + "/file/stage";
  EXPECT_NE(open_error().message.find(root_ + "/file"), std::string::npos);
  options_.dir = "/proc/penstock/stage";
  EXPECT_NE(open_error().message.find("/proc/penstock"), std::string::npos);
}

TEST_F(StageTest, too_little_room_by_configuration_is_an_error) {
  options_.bytes_max = 2 * k_test_slab_bytes;
  EXPECT_NE(open_error().message.find("raise stage.max_bytes"), std::string::npos);
}

TEST_F(StageTest, a_small_stage_has_smaller_segments) {
  options_.segment_bytes = 64ULL << 20;
  options_.bytes_max = 2ULL << 20;
  open();
  EXPECT_EQ(std::filesystem::file_size(segment_path(1)), 512U << 10);
  options_.bytes_max = 2 * (4096 + k_test_slab_bytes);  // a quarter would be less than a slab
  open();
  EXPECT_EQ(std::filesystem::file_size(segment_path(1)), 4096 + k_test_slab_bytes);
}

// Writes beyond a file size fail for as long as it lives, as they do on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    before_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  void (*before_handler_)(int) = nullptr;
};

TEST_F(StageTest, a_disk_without_room_at_the_start_is_an_error_and_leaves_no_file) {
  const FileSizeLimit limit(k_test_segment_bytes / 2);
  EXPECT_NE(open_error().message.find(segment_path(1)), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(segment_path(1)));
}

TEST_F(StageTest, a_disk_that_fills_later_is_tried_again) {
  open();
  bool room = false;
  {
    const FileSizeLimit limit(k_test_segment_bytes / 2);
    stage_->on_room([&] { room = true; });
    ASSERT_TRUE(append(0, 1).placed());  // takes one of two ready segments
    settle();
    for (std::uint32_t index = 1; index < 5; ++index) {  // and the other: they do not take whole chunks
      (void)append(index, k_test_payload_bytes, [](Result<void>) {});
      settle();
    }
    run_until([&] { return stage_->counters().write_errors >= 2; });
    ASSERT_EQ(stage_->shortage().kind, Shortage::Kind::failed);
    EXPECT_NE(stage_->shortage().error->message.find(options_.dir), std::string::npos);
    EXPECT_FALSE(room);
  }
  run_until([&] { return room; });
  EXPECT_TRUE(stage_->has_room(k_test_payload_bytes));
}

TEST_F(StageTest, a_write_that_fails_is_told_and_its_room_is_free_again) {
  open();
  std::optional<Error> error;
  {
    const FileSizeLimit limit(4096);
    const Extent extent = append(0, k_test_payload_bytes, [&](Result<void> result) {
      error = result.ok() ? Error{} : result.error();
    });
    ASSERT_TRUE(extent.placed());
    run_until([&] { return error.has_value(); });
  }
  EXPECT_NE(error->message.find(segment_path(2)), std::string::npos) << error->message;
  EXPECT_EQ(stage_->counters().write_errors, 1U);
  EXPECT_EQ(stage_->counters().live_bytes, 0U);
  run_until([&] { return stage_->has_room(k_test_payload_bytes); });
  const Extent next = append(1);
  settle();
  EXPECT_TRUE(*read(next, 1) == payload_of(1));
}

TEST_F(StageTest, may_end_while_writes_are_in_flight) {
  open();
  std::vector<mem::Slab> slabs;
  int heard = 0;
  for (std::uint32_t index = 0; index < 4; ++index) {
    slabs.push_back(pool_->acquire());
    (void)stage_->append({.batch = {1, 1}, .index = index, .topic = "t", .ranges = {}}, slabs.back(),
                         {.bytes = 1000}, [&](Result<void>) { ++heard; });
  }
  EXPECT_EQ(heard, 0);
  close();  // waits until the lock is free
  EXPECT_EQ(heard, 0);
}

class SharedMemoryStageTest : public StageTest {
 protected:
  SharedMemoryStageTest() : StageTest("/dev/shm") {}
};

TEST_F(SharedMemoryStageTest, works_where_the_file_system_is_memory) {
  open();
  EXPECT_EQ(stage_->direct(), stage_->note().empty());
  const Extent extent = append(3);
  settle();
  EXPECT_TRUE(*read(extent, 3) == payload_of(3));
}

TEST_F(StageTest, buffered_when_asked_for_and_said) {
  options_.direct = false;
  open();
  EXPECT_FALSE(stage_->direct());
  EXPECT_FALSE(stage_->note().empty());
}

}  // namespace
}  // namespace penstock::stage
